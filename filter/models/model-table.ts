// What a pool's load table says of its models: names, rules, adapters, objectives, and the list for
// clients. Read again only when it changes; nothing is allocated for a request.
import { sameBytes } from "../host/bytes";
import { MODEL_NAME_BYTES_MAX } from "../request/prompt-draft";
import { Adapters } from "./adapters";
import { NameCell, NameIndex } from "./name-index";
import {
  adapterCountOf,
  adapterNameOf,
  adapterNameSizeOf,
  Criticality,
  criticalityOf,
  entryBytes,
  firstEntry,
  isClosedIn,
  listBytesOf,
  modelCountOf,
  modelNameOf,
  modelNameSizeOf,
  objectiveCountOf,
  objectiveNameOf,
  objectiveNameSizeOf,
  revisionOf,
  SECTION_BYTES_MAX,
  sectionAt,
  sectionBytes,
  SectionState,
  sectionState,
  targetCountOf,
  targetNameOf,
  targetNameSizeOf,
} from "./section";

export class ModelTable {
  /** A name that is not in it is nobody's. */
  isClosed: bool = false;
  /** Some rule sends a name to another one: bodies must be read. */
  hasAliases: bool = false;
  /** Some model or objective is Critical or Sheddable: somebody has said what matters. */
  isGraded: bool = false;
  /** The entry of the rule for every name without one; 0: there is none. */
  catchAll: usize = 0;
  readonly adapters: Adapters = new Adapters();
  /** The objects of the list for clients, joined by commas. */
  list: usize = 0;
  listBytes: u32 = 0;
  private readonly names: NameIndex = new NameIndex();
  private readonly objectives: NameIndex = new NameIndex();
  private section: usize = 0;
  private isThere: bool = false;
  private revision: u32 = 0;

  /**
   * Takes what a sound table of `bytes` says. False where its section is not sound: then all stays
   * as it was.
   */
  take(table: usize, bytes: u32): bool {
    if (load<u32>(table, 64) == 0) {
      if (this.isThere) this.clear();
      return true;
    }
    const isKnown = this.isThere && this.isUnchanged(table, bytes);
    if (isKnown) return true;
    const state = sectionState(table, bytes);
    if (state == SectionState.Bad) return false;
    if (this.section == 0) this.section = heap.alloc(SECTION_BYTES_MAX);
    this.clear();
    memory.copy(this.section, sectionAt(table), sectionBytes(table));
    this.read();
    return true;
  }

  /** A body that cannot be read may be one that must not pass as it is. */
  get needsBodies(): bool {
    return this.hasAliases || this.isClosed;
  }

  /** What is known of a name, or null. Of one longer than any here only the start is there. */
  find(name: usize, size: u32): NameCell | null {
    return size > MODEL_NAME_BYTES_MAX ? null : this.names.find(name, size);
  }

  /** The entry of an objective, or 0. */
  objective(name: usize, size: u32): usize {
    const cell = this.objectives.find(name, size);
    return cell == null ? 0 : cell.entry;
  }

  private isUnchanged(table: usize, bytes: u32): bool {
    const start = <u64>load<u32>(table, 64);
    return start + 8 <= <u64>bytes && revisionOf(sectionAt(table)) == this.revision;
  }

  private clear(): void {
    this.isThere = false;
    this.isClosed = false;
    this.hasAliases = false;
    this.isGraded = false;
    this.catchAll = 0;
    this.list = 0;
    this.listBytes = 0;
    this.adapters.clear();
    this.names.prepare(0);
    this.objectives.prepare(0);
  }

  private read(): void {
    const section = this.section;
    this.isThere = true;
    this.revision = revisionOf(section);
    this.isClosed = isClosedIn(section);
    this.names.prepare(countNames(section));
    let at = this.readModels(firstEntry(section), modelCountOf(section));
    for (let i: u32 = 0; i < adapterCountOf(section); i++, at += entryBytes(at)) {
      const cell = this.names.add(adapterNameOf(at), adapterNameSizeOf(at));
      cell.adapter = this.adapters.add(at) + 1;
    }
    this.objectives.prepare(objectiveCountOf(section));
    for (let i: u32 = 0; i < objectiveCountOf(section); i++, at += entryBytes(at)) {
      const cell = this.objectives.add(objectiveNameOf(at), objectiveNameSizeOf(at));
      if (cell.entry == 0) cell.entry = at;
      if (criticalityOf(at) != <u8>Criticality.Standard) this.isGraded = true;
    }
    this.list = at;
    this.listBytes = listBytesOf(section);
  }

  /** Of two entries of one name the first counts. Returns where the next kind begins. */
  private readModels(first: usize, count: u32): usize {
    let at = first;
    for (let i: u32 = 0; i < count; i++, at += entryBytes(at)) {
      const nameSize = modelNameSizeOf(at);
      if (rewrites(at)) this.hasAliases = true;
      if (criticalityOf(at) != <u8>Criticality.Standard) this.isGraded = true;
      if (nameSize == 0) {
        if (this.catchAll == 0) this.catchAll = at;
      } else {
        const cell = this.names.add(modelNameOf(at), nameSize);
        if (cell.entry == 0) cell.entry = at;
      }
      for (let k: u32 = 0; k < targetCountOf(at); k++) {
        this.names.add(targetNameOf(at, k), targetNameSizeOf(at, k));
      }
    }
    return at;
  }
}

/** Whether some target of the entry has another name than the entry. */
function rewrites(entry: usize): bool {
  const name = modelNameOf(entry);
  const size = modelNameSizeOf(entry);
  for (let i: u32 = 0; i < targetCountOf(entry); i++) {
    if (!sameBytes(name, size, targetNameOf(entry, i), targetNameSizeOf(entry, i))) return true;
  }
  return false;
}

/** Room for every name: of models, of their targets, of adapters. */
function countNames(section: usize): u32 {
  let count = modelCountOf(section) + adapterCountOf(section);
  let at = firstEntry(section);
  for (let i: u32 = 0; i < modelCountOf(section); i++, at += entryBytes(at)) {
    count += targetCountOf(at);
  }
  return count;
}

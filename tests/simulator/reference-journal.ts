// What a VM tells its neighbours, as records read back from shared data (docs/table-format.md).
import type { SharedData } from "../../simulator/host/index.js";
import { hashIn, headField } from "./invariants-memory.js";

export const enum Kind {
  Insert = 1,
  Forget = 2,
  Withdraw = 3,
  Charge = 4,
}

/**
 * A record as the reference expects it: checkpoints by their names; of a charge the one that ends
 * the prompt, if there is one.
 */
export interface Told {
  kind: Kind;
  number: number;
  epoch: number;
  keys: readonly string[];
  /** Insert: tokens up to each checkpoint; withdraw and forget: age in ms; charge: tokens. */
  values: readonly number[];
}

/** A record as it lies in shared data. */
export interface Written extends Omit<Told, "keys"> {
  hashes: number[];
}

const PREFIX = "warmroute/1/default/";
const SEGMENTS_MAX = 64;
const SEGMENT_HEADER_BYTES = 16;
const CHARGE_BYTES = 24;
/** Segments that a VM reads in one tick. */
export const SEGMENTS_PER_TICK_MAX = 8;

export function headRecord(shared: SharedData, vm: number): Uint8Array | undefined {
  return shared.get("", `${PREFIX}h${hex(vm)}`);
}

/** One reader's place in one VM's journal. */
export class JournalReader {
  private sequence = 0;
  private readBytes = SEGMENT_HEADER_BYTES;

  constructor(
    private readonly shared: SharedData,
    private readonly vm: number,
  ) {}

  /** What was written since the last call, of at most so many segments. */
  read(segmentsMax = Infinity): Written[] {
    const head = headRecord(this.shared, this.vm);
    const found: Written[] = [];
    if (head === undefined) return found;
    const newest = headField(head, "segmentSequence");
    const used = headField(head, "segmentUsed");
    for (let left = segmentsMax; left > 0; left--) {
      if (this.sequence === newest && this.readBytes >= used) break;
      if (this.sequence > newest) break;
      if (newest - this.sequence >= SEGMENTS_MAX) throw new Error("the reader was lapped");
      this.readSegment(found);
      if (this.sequence >= newest) break;
      this.sequence++;
      this.readBytes = SEGMENT_HEADER_BYTES;
    }
    return found;
  }

  private readSegment(found: Written[]): void {
    const name = `${PREFIX}s${hex(this.vm)}${hex(this.sequence % SEGMENTS_MAX)}`;
    const segment = this.shared.get("", name);
    if (segment === undefined) return;
    const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
    if (view.getUint32(8, true) !== this.sequence) return;
    if (view.getUint32(12, true) !== segment.length) throw new Error("a segment of another size");
    for (; this.readBytes < segment.length; this.readBytes += view.getUint16(this.readBytes, true))
      found.push(recordAt(view, this.readBytes));
  }
}

function recordAt(view: DataView, at: number): Written {
  const kind = view.getUint8(at + 2) as Kind;
  const count = view.getUint16(at + 10, true);
  const hashes: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < count; i++) {
    hashes.push(hashIn(view, at + 12 + i * 12));
    values.push(view.getUint32(at + 12 + i * 12 + 8, true));
  }
  if (count === 0) values.push(view.getUint32(at + 12, true));
  if (kind === Kind.Charge) {
    const bytes = view.getUint16(at, true);
    if (bytes !== CHARGE_BYTES) throw new Error(`a charge of ${bytes} bytes`);
    const prompt = hashIn(view, at + 16);
    if (prompt !== 0) hashes.push(prompt);
  }
  return {
    kind,
    number: view.getUint16(at + 8, true),
    epoch: view.getUint32(at + 4, true),
    hashes,
    values,
  };
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}

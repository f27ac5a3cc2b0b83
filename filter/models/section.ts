// The models section of the load table (docs/table-format.md): where its fields lie, and whether
// every length in it holds. What is read after that needs no further check.
import { ENDPOINTS_MAX } from "../constants";
import { MODEL_NAME_BYTES_MAX } from "../request/prompt-draft";

const MAGIC: u32 = 0x314d5257; // "WRM1", little-endian
/** Where the table's header says where the section is. */
const PLACE_AT: usize = 64;
export const SECTION_HEADER_BYTES: u32 = 20;
export const SECTION_BYTES_MAX: u32 = 64 * 1024;
/** Entries of each kind, as in the format. */
export const MODELS_MAX: u32 = 256;
export const ADAPTERS_MAX: u32 = 256;
export const OBJECTIVES_MAX: u32 = 256;
export const TARGETS_MAX: u32 = 16;
const OBJECTIVE_BYTES_MAX: u32 = 253;
const WEIGHT_MAX: u32 = 1000000;
/** Bytes of an entry before what varies in length. */
const MODEL_HEAD_BYTES: u32 = 8;
const TARGET_BYTES: u32 = 8;
const ADAPTER_HEAD_BYTES: u32 = 8;
const OBJECTIVE_HEAD_BYTES: u32 = 4;

/** How much a request may be made to wait, as the format numbers it. */
export const enum Criticality {
  Standard = 0,
  Critical = 1,
  Sheddable = 2,
}

export const enum SectionState {
  /** The table has none. */
  None = 0,
  /** It is there, and something in it is wrong: nothing of it may be read. */
  Bad = 1,
  Sound = 2,
}

// @ts-ignore: decorator
@inline
export function sectionAt(table: usize): usize {
  return table + load<u32>(table, PLACE_AT);
}

// @ts-ignore: decorator
@inline
export function sectionBytes(table: usize): u32 {
  return load<u32>(table, PLACE_AT + 4);
}

/** What the section of a sound table of `tableBytes` is. */
export function sectionState(table: usize, tableBytes: u32): SectionState {
  const start = load<u32>(table, PLACE_AT);
  if (start == 0) return SectionState.None;
  const bytes = sectionBytes(table);
  if ((start & 3) != 0 || (bytes & 3) != 0 || bytes > SECTION_BYTES_MAX) return SectionState.Bad;
  if (bytes < SECTION_HEADER_BYTES || <u64>start + bytes > <u64>tableBytes) return SectionState.Bad;
  return isSound(table + start, bytes) ? SectionState.Sound : SectionState.Bad;
}

function isSound(section: usize, bytes: u32): bool {
  if (load<u32>(section) != MAGIC) return false;
  const models = modelCountOf(section);
  const adapters = adapterCountOf(section);
  const objectives = objectiveCountOf(section);
  if (models > MODELS_MAX || adapters > ADAPTERS_MAX || objectives > OBJECTIVES_MAX) return false;
  const end = section + bytes;
  let at = firstEntry(section);
  for (let i: u32 = 0; i < models + adapters + objectives; i++) {
    const room = <u32>(end - at);
    if (room < 4) return false;
    const size = entryBytes(at);
    if (size < 4 || size > room || (size & 3) != 0) return false;
    const isWhole =
      i < models
        ? isModel(at, size)
        : i < models + adapters
          ? isAdapter(at, size)
          : isObjective(at, size);
    if (!isWhole) return false;
    at += size;
  }
  return listBytesOf(section) <= <u32>(end - at);
}

function isModel(entry: usize, size: u32): bool {
  if (size < MODEL_HEAD_BYTES) return false;
  const targets = targetCountOf(entry);
  if (criticalityOf(entry) > <u8>Criticality.Sheddable || targets > TARGETS_MAX) return false;
  const nameSize = modelNameSizeOf(entry);
  if (nameSize > MODEL_NAME_BYTES_MAX) return false;
  let room = size - MODEL_HEAD_BYTES;
  if (targets * TARGET_BYTES + nameSize > room) return false;
  room -= targets * TARGET_BYTES + nameSize;
  for (let i: u32 = 0; i < targets; i++) {
    const bytes = targetNameSizeOf(entry, i);
    if (bytes == 0 || bytes > MODEL_NAME_BYTES_MAX || bytes > room) return false;
    if (targetWeightOf(entry, i) > WEIGHT_MAX) return false;
    room -= bytes;
  }
  const names = modelNameOf(entry);
  return isName(names, <u32>(entry + size - names) - room);
}

function isAdapter(entry: usize, size: u32): bool {
  if (size < ADAPTER_HEAD_BYTES) return false;
  const nameSize = adapterNameSizeOf(entry);
  const endpoints = endpointCountOf(entry);
  if (nameSize == 0 || nameSize > MODEL_NAME_BYTES_MAX) return false;
  if (endpoints * 2 + nameSize > size - ADAPTER_HEAD_BYTES) return false;
  for (let i: u32 = 0; i < endpoints; i++) {
    if (endpointOf(entry, i) >= ENDPOINTS_MAX) return false;
  }
  return isName(adapterNameOf(entry), nameSize);
}

function isObjective(entry: usize, size: u32): bool {
  const nameSize = objectiveNameSizeOf(entry);
  if (nameSize == 0 || nameSize > OBJECTIVE_BYTES_MAX) return false;
  if (nameSize > size - OBJECTIVE_HEAD_BYTES) return false;
  if (criticalityOf(entry) > <u8>Criticality.Sheddable) return false;
  return isName(objectiveNameOf(entry), nameSize);
}

/** Names go into bodies and headers as they are: visible ASCII, nothing that JSON would escape. */
export function isName(at: usize, size: u32): bool {
  for (let i: u32 = 0; i < size; i++) {
    const byte = load<u8>(at + i);
    if (byte < 0x21 || byte > 0x7e || byte == 0x22 || byte == 0x5c) return false;
  }
  return true;
}

// The header's fields.

// @ts-ignore: decorator
@inline
export function revisionOf(section: usize): u32 {
  return load<u32>(section, 4);
}

// @ts-ignore: decorator
@inline
export function isClosedIn(section: usize): bool {
  return (load<u8>(section, 8) & 1) != 0;
}

// @ts-ignore: decorator
@inline
export function modelCountOf(section: usize): u32 {
  return load<u16>(section, 10);
}

// @ts-ignore: decorator
@inline
export function adapterCountOf(section: usize): u32 {
  return load<u16>(section, 12);
}

// @ts-ignore: decorator
@inline
export function objectiveCountOf(section: usize): u32 {
  return load<u16>(section, 14);
}

// @ts-ignore: decorator
@inline
export function listBytesOf(section: usize): u32 {
  return load<u32>(section, 16);
}

// @ts-ignore: decorator
@inline
export function firstEntry(section: usize): usize {
  return section + SECTION_HEADER_BYTES;
}

// An entry's fields. Entries of all kinds begin with their size.

// @ts-ignore: decorator
@inline
export function entryBytes(entry: usize): u32 {
  return load<u16>(entry);
}

/** Of a model or an objective. */
// @ts-ignore: decorator
@inline
export function criticalityOf(entry: usize): u8 {
  return load<u8>(entry, 2);
}

// @ts-ignore: decorator
@inline
export function targetCountOf(entry: usize): u32 {
  return load<u8>(entry, 3);
}

/** 0: the rule for every name that has no entry. */
// @ts-ignore: decorator
@inline
export function modelNameSizeOf(entry: usize): u32 {
  return load<u16>(entry, 4);
}

// @ts-ignore: decorator
@inline
export function modelNameOf(entry: usize): usize {
  return entry + MODEL_HEAD_BYTES + <usize>(targetCountOf(entry) * TARGET_BYTES);
}

// @ts-ignore: decorator
@inline
export function targetWeightOf(entry: usize, i: u32): u32 {
  return load<u32>(entry + <usize>(i * TARGET_BYTES), MODEL_HEAD_BYTES);
}

// @ts-ignore: decorator
@inline
export function targetNameSizeOf(entry: usize, i: u32): u32 {
  return load<u16>(entry + <usize>(i * TARGET_BYTES), MODEL_HEAD_BYTES + 4);
}

/** The targets' names lie one behind the other after the model's own. */
export function targetNameOf(entry: usize, i: u32): usize {
  let at = modelNameOf(entry) + modelNameSizeOf(entry);
  for (let before: u32 = 0; before < i; before++) at += targetNameSizeOf(entry, before);
  return at;
}

// @ts-ignore: decorator
@inline
export function adapterNameSizeOf(entry: usize): u32 {
  return load<u16>(entry, 2);
}

// @ts-ignore: decorator
@inline
export function endpointCountOf(entry: usize): u32 {
  return load<u16>(entry, 4);
}

// @ts-ignore: decorator
@inline
export function endpointOf(entry: usize, i: u32): u32 {
  return load<u16>(entry + ((<usize>i) << 1), ADAPTER_HEAD_BYTES);
}

// @ts-ignore: decorator
@inline
export function adapterNameOf(entry: usize): usize {
  return entry + ADAPTER_HEAD_BYTES + ((<usize>endpointCountOf(entry)) << 1);
}

// @ts-ignore: decorator
@inline
export function objectiveNameSizeOf(entry: usize): u32 {
  return load<u8>(entry, 3);
}

// @ts-ignore: decorator
@inline
export function objectiveNameOf(entry: usize): usize {
  return entry + OBJECTIVE_HEAD_BYTES;
}

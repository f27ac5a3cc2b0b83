// Models sections laid by hand as docs/table-format.md has them, in a table of no rows.
import { Table } from "../load/tables";

/** A model entry: targets are given as `name=weight`. */
export function model(name: string, targets: string[] = [], criticality: u8 = 0): Uint8Array {
  const parts = new Bytes();
  parts
    .u8(criticality)
    .u8(<u8>targets.length)
    .u16(<u16>name.length)
    .u16(0);
  let names = name;
  for (let i = 0; i < targets.length; i++) {
    const pair = targets[i].split("=");
    parts
      .u32(<u32>I32.parseInt(pair[1]))
      .u16(<u16>pair[0].length)
      .u16(0);
    names += pair[0];
  }
  return parts.text(names).entry();
}

export function adapter(name: string, endpoints: u16[]): Uint8Array {
  const parts = new Bytes();
  parts
    .u16(<u16>name.length)
    .u16(<u16>endpoints.length)
    .u16(0);
  for (let i = 0; i < endpoints.length; i++) parts.u16(endpoints[i]);
  return parts.text(name).entry();
}

export function objective(name: string, criticality: u8): Uint8Array {
  return new Bytes()
    .u8(criticality)
    .u8(<u8>name.length)
    .text(name)
    .entry();
}

/** Bytes that are appended to. */
class Bytes {
  private bytes: u8[] = [];

  u8(value: u8): Bytes {
    this.bytes.push(value);
    return this;
  }

  u16(value: u16): Bytes {
    return this.u8(<u8>(value & 255)).u8(<u8>(value >> 8));
  }

  u32(value: u32): Bytes {
    return this.u16(<u16>(value & 0xffff)).u16(<u16>(value >> 16));
  }

  text(value: string): Bytes {
    for (let i = 0; i < value.length; i++) this.u8(<u8>value.charCodeAt(i));
    return this;
  }

  /** With its own size before it, padded with zeros. */
  entry(): Uint8Array {
    const size = (this.bytes.length + 2 + 3) & ~3;
    const whole = new Uint8Array(size);
    store<u16>(whole.dataStart, <u16>size);
    for (let i = 0; i < this.bytes.length; i++) whole[2 + i] = this.bytes[i];
    return whole;
  }
}

/** A whole section; `revision` is what a reader goes by. */
export function section(
  models: Uint8Array[],
  adapters: Uint8Array[] = [],
  objectives: Uint8Array[] = [],
  list: string = "",
  revision: u32 = 1,
  isClosed: bool = false,
): Uint8Array {
  const entries = models.concat(adapters).concat(objectives);
  let size = 20;
  for (let i = 0; i < entries.length; i++) size += entries[i].length;
  const whole = new Uint8Array((size + list.length + 3) & ~3);
  const at = whole.dataStart;
  store<u32>(at, 0x314d5257);
  store<u32>(at, revision, 4);
  store<u8>(at, isClosed ? 1 : 0, 8);
  store<u16>(at, <u16>models.length, 10);
  store<u16>(at, <u16>adapters.length, 12);
  store<u16>(at, <u16>objectives.length, 14);
  store<u32>(at, <u32>list.length, 16);
  let to = at + 20;
  for (let i = 0; i < entries.length; i++) {
    memory.copy(to, entries[i].dataStart, entries[i].length);
    to += entries[i].length;
  }
  for (let i = 0; i < list.length; i++) store<u8>(to + i, <u8>list.charCodeAt(i));
  return whole;
}

/** A table without rows around a section. */
export function tableOf(part: Uint8Array): Uint8Array {
  const empty = new Table([]);
  const whole = new Uint8Array(empty.size + part.length);
  memory.copy(whole.dataStart, empty.at, empty.size);
  memory.copy(whole.dataStart + empty.size, part.dataStart, part.length);
  store<u32>(whole.dataStart, <u32>whole.length, 8);
  store<u32>(whole.dataStart, empty.size, 64);
  store<u32>(whole.dataStart, <u32>part.length, 68);
  return whole;
}

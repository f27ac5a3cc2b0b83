// Headers as Envoy keeps them: lower-case names, order of arrival, values as Latin-1 strings.
import { PAIRS_BYTES_MAX, PAIRS_COUNT_MAX } from "./abi.js";
import type { WasmMemory } from "./wasm-memory.js";

export type Pair = readonly [name: string, value: string];

/**
 * Headers that Envoy keeps once: a second value is appended after a comma. The ones a filter like
 * ours may meet; all others become a second entry.
 */
const SINGLE = new Set(
  (
    ":authority :method :path :scheme :status connection content-length content-type date server " +
    "te transfer-encoding upgrade user-agent via x-forwarded-for x-forwarded-proto x-request-id"
  ).split(" "),
);

export class HeaderMap {
  private names: string[] = [];
  private values: string[] = [];

  static from(pairs: Iterable<Pair>): HeaderMap {
    const map = new HeaderMap();
    for (const [name, value] of pairs) map.add(name, value);
    return map;
  }

  /** A copy that costs two short array copies: the cheap way to send one request many times. */
  clone(): HeaderMap {
    const map = new HeaderMap();
    map.names = this.names.slice();
    map.values = this.values.slice();
    return map;
  }

  get size(): number {
    return this.names.length;
  }

  /** What proxy_get_header_map_size tells: bytes of names and values, not their number. */
  get byteSize(): number {
    let bytes = 0;
    for (let i = 0; i < this.names.length; i++) {
      bytes += this.names[i]!.length + this.values[i]!.length;
    }
    return bytes;
  }

  /** The first value of that name. */
  get(name: string): string | undefined {
    const index = this.names.indexOf(canonical(name));
    return index < 0 ? undefined : this.values[index];
  }

  getAll(name: string): string[] {
    const wanted = canonical(name);
    return this.values.filter((_, index) => this.names[index] === wanted);
  }

  add(name: string, value: string): void {
    const key = canonical(name);
    if (SINGLE.has(key)) {
      const index = this.names.indexOf(key);
      if (index >= 0) {
        this.values[index] = `${this.values[index]!},${value}`;
        return;
      }
    }
    this.names.push(key);
    this.values.push(value);
  }

  /** Removes every value of the name and appends the new one. */
  set(name: string, value: string): void {
    this.remove(name);
    this.names.push(canonical(name));
    this.values.push(value);
  }

  remove(name: string): void {
    const key = canonical(name);
    for (let index = this.names.indexOf(key); index >= 0; index = this.names.indexOf(key, index)) {
      this.names.splice(index, 1);
      this.values.splice(index, 1);
    }
  }

  clear(): void {
    this.names.length = 0;
    this.values.length = 0;
  }

  pairs(): Pair[] {
    return this.names.map((name, index): Pair => [name, this.values[index]!]);
  }

  /** Bytes of the pairs in the ABI's encoding: count, sizes, then texts that end in a zero. */
  get encodedBytes(): number {
    return 4 + this.size * 10 + this.byteSize;
  }

  /** Writes the encoding to a place of `encodedBytes` bytes. */
  encode(memory: WasmMemory, pointer: number): void {
    memory.setU32(pointer, this.size);
    let at = pointer + 4;
    for (let i = 0; i < this.size; i++, at += 8) {
      memory.setU32(at, this.names[i]!.length);
      memory.setU32(at + 4, this.values[i]!.length);
    }
    for (let i = 0; i < this.size; i++) {
      for (const text of [this.names[i]!, this.values[i]!]) {
        memory.setText(at, text);
        at += text.length;
        memory.bytes[at++] = 0;
      }
    }
  }
}

/** ASCII lower case; `host` is another name of `:authority` in Envoy. */
function canonical(name: string): string {
  const lower = /[A-Z]/.test(name) ? name.replace(/[A-Z]+/g, (part) => part.toLowerCase()) : name;
  return lower === "host" ? ":authority" : lower;
}

/** Pairs from memory; what is malformed is no pairs at all, as in Envoy. Null: not in memory. */
export function decodePairs(memory: WasmMemory, pointer: number, size: number): Pair[] | null {
  if (!memory.holds(pointer, size)) return null;
  const start = pointer >>> 0;
  const end = start + (size >>> 0);
  if (end - start > PAIRS_BYTES_MAX || end - start < 4) return [];
  const count = memory.u32(start);
  let at = start + 4 + count * 8;
  if (count > PAIRS_COUNT_MAX || at > end) return [];
  const pairs: Pair[] = [];
  for (let i = 0; i < count; i++) {
    const texts: string[] = [];
    for (let part = 0; part < 2; part++) {
      const length = memory.u32(start + 4 + i * 8 + part * 4);
      if (at + length + 1 > end || memory.bytes[at + length] !== 0) return [];
      texts.push(memory.text(at, length)!);
      at += length + 1;
    }
    pairs.push([texts[0]!, texts[1]!]);
  }
  return at === end ? pairs : [];
}

// The linear memory of one VM: checked reads and writes, and short strings without decoding twice.

/** Longer texts are decoded anew; header names and property paths are shorter. */
const INTERNED_BYTES_MAX = 64;
/** A power of two; a text that falls on a used slot replaces it. */
const INTERN_SLOTS = 4096;

interface Interned {
  readonly bytes: Uint8Array;
  readonly text: string;
}

export class WasmMemory {
  bytes: Uint8Array;
  private view: DataView;
  private buffer: Buffer;
  private readonly interned = new Array<Interned | undefined>(INTERN_SLOTS);

  constructor(private readonly memory: WebAssembly.Memory) {
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.buffer = Buffer.from(memory.buffer);
  }

  /** Follows a growth of the memory: the old buffer is detached then, so its length is 0. */
  refresh(): void {
    if (this.bytes.length !== 0) return;
    this.bytes = new Uint8Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
    this.buffer = Buffer.from(this.memory.buffer);
  }

  /** Size of the memory now, in bytes. */
  get sizeBytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** Both as the i32 that wasm passed, so possibly negative. */
  holds(pointer: number, size: number): boolean {
    return (pointer >>> 0) + (size >>> 0) <= this.bytes.length;
  }

  /** A Latin-1 string of the bytes, or null when they are outside of the memory. */
  text(pointer: number, size: number): string | null {
    const start = pointer >>> 0;
    const length = size >>> 0;
    const { bytes } = this;
    if (start + length > bytes.length) return null;
    if (length > INTERNED_BYTES_MAX) return this.buffer.toString("latin1", start, start + length);
    let hash = length;
    for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[start + i]!) | 0;
    const slot = (hash ^ (hash >>> 15)) & (INTERN_SLOTS - 1);
    const known = this.interned[slot];
    if (known !== undefined && this.equals(known.bytes, start, length)) return known.text;
    const text = this.buffer.toString("latin1", start, start + length);
    this.interned[slot] = { bytes: bytes.slice(start, start + length), text };
    return text;
  }

  private equals(known: Uint8Array, start: number, length: number): boolean {
    if (known.length !== length) return false;
    const { bytes } = this;
    for (let i = 0; i < length; i++) if (known[i] !== bytes[start + i]) return false;
    return true;
  }

  /** The bytes as UTF-8, for people. */
  utf8(pointer: number, size: number): string | null {
    if (!this.holds(pointer, size)) return null;
    return this.buffer.toString("utf8", pointer >>> 0, (pointer >>> 0) + (size >>> 0));
  }

  /** A copy of the bytes, or null when they are outside of the memory. */
  copy(pointer: number, size: number): Uint8Array | null {
    if (!this.holds(pointer, size)) return null;
    return this.bytes.slice(pointer >>> 0, (pointer >>> 0) + (size >>> 0));
  }

  u32(pointer: number): number {
    return this.view.getUint32(pointer >>> 0, true);
  }

  /** False when the address is outside of the memory. */
  setU32(pointer: number, value: number): boolean {
    const at = pointer >>> 0;
    if (at + 4 > this.bytes.length) return false;
    this.view.setUint32(at, value, true);
    return true;
  }

  setU64(pointer: number, value: bigint): boolean {
    const at = pointer >>> 0;
    if (at + 8 > this.bytes.length) return false;
    this.view.setBigUint64(at, value, true);
    return true;
  }

  /** Writes a Latin-1 string to a place that is known to fit. */
  setText(pointer: number, text: string): void {
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) bytes[pointer + i] = text.charCodeAt(i);
  }
}

// Bytes of a body as the list of chunks they came in, so that nothing is copied until it is read.

export class BodyBuffer {
  private chunks: Uint8Array[] = [];
  private size = 0;

  static of(...chunks: Uint8Array[]): BodyBuffer {
    const buffer = new BodyBuffer();
    for (const chunk of chunks) buffer.append(chunk);
    return buffer;
  }

  get length(): number {
    return this.size;
  }

  append(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.size += chunk.length;
  }

  prepend(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.chunks.unshift(chunk);
    this.size += chunk.length;
  }

  /** Takes all of the other's bytes; the other is empty afterwards. */
  move(other: BodyBuffer): void {
    for (const chunk of other.chunks) this.chunks.push(chunk);
    this.size += other.size;
    other.clear();
  }

  /** Removes bytes from the front, at most all. */
  drain(count: number): void {
    if (count >= this.size) {
      this.clear();
      return;
    }
    let left = count;
    while (left > 0) {
      const first = this.chunks[0]!;
      if (first.length > left) {
        this.chunks[0] = first.subarray(left);
        break;
      }
      left -= first.length;
      this.chunks.shift();
    }
    this.size -= count;
  }

  clear(): void {
    this.chunks = [];
    this.size = 0;
  }

  /** Copies a range that lies within the body. */
  copyTo(target: Uint8Array, targetAt: number, start: number, length: number): void {
    let skip = start;
    let at = targetAt;
    let left = length;
    for (const chunk of this.chunks) {
      if (left === 0) return;
      if (skip >= chunk.length) {
        skip -= chunk.length;
        continue;
      }
      const take = Math.min(chunk.length - skip, left);
      target.set(take === chunk.length ? chunk : chunk.subarray(skip, skip + take), at);
      skip = 0;
      at += take;
      left -= take;
    }
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.size);
    this.copyTo(bytes, 0, 0, this.size);
    return bytes;
  }

  toString(): string {
    return Buffer.from(this.toBytes()).toString("utf8");
  }
}

/** A chunk from what tests write: text is UTF-8. */
export function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? Buffer.from(value, "utf8") : value;
}

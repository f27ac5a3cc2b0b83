// Helpers of the load specs: a listener that notes what it is told, and tables laid by hand.
import { CacheListener } from "../../../filter/load/table-reader";

/** Notes each call as a word: `lost 3`, `capacity 3 1000`. */
export class Notes implements CacheListener {
  words: Array<string> = [];

  onCacheLost(endpoint: u32): void {
    this.words.push("lost " + endpoint.toString());
  }

  onCapacity(endpoint: u32, tokens: u32): void {
    this.words.push("capacity " + endpoint.toString() + " " + tokens.toString());
  }

  take(): string {
    const text = this.words.join(", ");
    this.words = [];
    return text;
  }
}

/** One row as docs/table-format.md has it; the defaults are a pod that may be picked. */
export class Row {
  flags: u8 = 1;
  epoch: u32 = 1;
  ageMs: u32 = 0;
  waiting: u32 = 0;
  running: u32 = 0;
  kvUse: f32 = 0;
  capacityTokens: u32 = 0;
  prefixHits: f64 = 0;
  promptTokens: f64 = 0;
  generatedTokens: f64 = 0;
  addressSize: i32 = -1;
  /** What other gateways have there; only in rows that are wide enough. */
  sharedInFlight: u32 = u32.MAX_VALUE;
  sharedUnprefilled: u32 = 0;
  sharedBacklogTokens: u32 = 0;
  sharedKvTokens: u32 = 0;

  constructor(
    readonly number: u32,
    readonly address: string,
  ) {}
}

/** A whole table; what is to be wrong is written into `bytes` afterwards. */
export class Table {
  readonly bytes: Uint8Array;

  constructor(
    rows: Row[],
    readonly headerBytes: u32 = 72,
    readonly rowBytes: u32 = 112,
    strategy: u8 = 0,
  ) {
    const size = headerBytes + <u32>rows.length * rowBytes;
    this.bytes = new Uint8Array(size);
    // What later versions append is not zero, so that a reader which takes it for a row fails.
    this.bytes.fill(0xee);
    const at = this.at;
    memory.fill(at, 0, 72);
    store<u32>(at, 0x31545257);
    store<u16>(at, 1, 4);
    store<u16>(at, <u16>headerBytes, 6);
    store<u32>(at, size, 8);
    store<u32>(at, rows.length, 16);
    store<u16>(at, <u16>rowBytes, 20);
    store<u8>(at, strategy, 22);
    for (let i = 0; i < rows.length; i++) this.lay(at + headerBytes + i * rowBytes, rows[i]);
    this.seal();
  }

  get at(): usize {
    return this.bytes.dataStart;
  }

  get size(): u32 {
    return this.bytes.length;
  }

  /** Writes the checksum that the bytes have now. */
  seal(): void {
    let hash: u32 = 2166136261;
    for (let i: u32 = 16; i + 4 <= this.size; i += 4) {
      hash ^= load<u32>(this.at + i);
      hash *= 16777619;
    }
    store<u32>(this.at, hash, 12);
  }

  private lay(at: usize, row: Row): void {
    const address = String.UTF8.encode(row.address);
    const size = row.addressSize >= 0 ? row.addressSize : address.byteLength;
    memory.fill(at, 0, 112);
    store<u16>(at, <u16>row.number);
    store<u8>(at, row.flags, 2);
    store<u8>(at, <u8>size, 3);
    store<u32>(at, row.epoch, 4);
    store<u32>(at, row.ageMs, 8);
    store<u32>(at, row.waiting, 12);
    store<u32>(at, row.running, 16);
    store<f32>(at, row.kvUse, 20);
    store<u32>(at, row.capacityTokens, 24);
    store<f64>(at, row.promptTokens, 32);
    store<f64>(at, row.generatedTokens, 40);
    store<f64>(at, row.prefixHits, 56);
    memory.copy(at + 64, changetype<usize>(address), min(address.byteLength, 48));
    if (this.rowBytes < 128) return;
    store<u32>(at, row.sharedInFlight, 112);
    store<u32>(at, row.sharedUnprefilled, 116);
    store<u32>(at, row.sharedBacklogTokens, 120);
    store<u32>(at, row.sharedKvTokens, 124);
  }
}

/** An answer of the sidecar around a table. */
export function answerOf(table: Table, recordBytes: u32 = 0): Uint8Array {
  const bytes = new Uint8Array(16 + table.size + recordBytes);
  store<u32>(bytes.dataStart, 0x31415257);
  store<u32>(bytes.dataStart, table.size, 4);
  store<u32>(bytes.dataStart, recordBytes, 8);
  memory.copy(bytes.dataStart + 16, table.at, table.size);
  return bytes;
}

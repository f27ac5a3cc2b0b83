// Encodes the load table of one pool as docs/table-format.md lays it out.
import { hashWords } from "./fnv.js";

export const HEADER_BYTES = 72;
export const ROW_BYTES = 128;
export const ADDRESS_BYTES_MAX = 47;
export const MISSING_U32 = 0xffff_ffff;
const MAGIC = 0x31545257; // "WRT1", little-endian.
const VERSION = 1;
const CHECKSUM_FROM = 16;
/** In a row: where the load of other gateways is. */
const SHARED_AT = 112;
const U32 = 2 ** 32;

export const STRATEGIES = ["DEFAULT", "PREFIX_CACHE"] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface TableHeader {
  /** Null: the pool does not say, so the filter's own configuration counts. */
  strategy: Strategy | null;
  /** 16 bytes; null while unknown. */
  hashKey: Buffer | null;
  incarnation: bigint;
  sequence: number;
  madeAtUnixMs: number;
}

/** Null is missing. */
export interface TableRow {
  number: number;
  mayBePicked: boolean;
  prefixCachingOff: boolean;
  /** Requests for as many LoRA adapters as fit are there: one more adapter has to wait. */
  isAtAdapterLimit: boolean;
  address: string;
  epoch: number;
  waiting: number | null;
  running: number | null;
  kvUsage: number | null;
  /** 0 is unknown. */
  kvCapacityTokens: number;
  promptTokens: number | null;
  generatedTokens: number | null;
  prefixQueryTokens: number | null;
  prefixHitTokens: number | null;
}

/** Requests of all other gateways on one pod, added up, as they last told. */
export interface SharedLoad {
  inFlight: number;
  /** Of these, those whose first token has not come. */
  unprefilled: number;
  /** Prompt tokens of these that are not prefilled. */
  backlogTokens: number;
  kvTokens: number;
}

/** The bytes of one table, kept from answer to answer: only rows that changed are written again. */
export class TableBuffer {
  bytes!: Buffer;
  private view!: DataView;
  private words!: Uint32Array;
  private section: Buffer | null = null;
  /** Where the rows end and a section begins. */
  private readonly rowsEnd: number;

  constructor(readonly rowCount: number) {
    this.rowsEnd = HEADER_BYTES + rowCount * ROW_BYTES;
    this.allocate(this.rowsEnd);
  }

  /** The models section behind the rows, of a length that is a multiple of 4; null: none. */
  setSection(section: Buffer | null): void {
    if (section === this.section) return;
    const before = this.bytes;
    const bytes = this.rowsEnd + (section?.length ?? 0);
    if (bytes !== before.length) {
      this.allocate(bytes);
      before.copy(this.bytes, 0, 0, this.rowsEnd);
    }
    section?.copy(this.bytes, this.rowsEnd);
    this.section = section;
  }

  writeRow(index: number, row: TableRow): void {
    const { view } = this;
    const at = HEADER_BYTES + index * ROW_BYTES;
    view.setUint16(at, row.number, true);
    view.setUint8(at + 2, rowFlags(row));
    view.setUint8(at + 3, row.address.length);
    view.setUint32(at + 4, row.epoch, true);
    view.setUint32(at + 8, MISSING_U32, true);
    view.setUint32(at + 12, row.waiting ?? MISSING_U32, true);
    view.setUint32(at + 16, row.running ?? MISSING_U32, true);
    view.setFloat32(at + 20, row.kvUsage ?? NaN, true);
    view.setUint32(at + 24, row.kvCapacityTokens, true);
    view.setUint32(at + 28, 0, true);
    view.setFloat64(at + 32, row.promptTokens ?? NaN, true);
    view.setFloat64(at + 40, row.generatedTokens ?? NaN, true);
    view.setFloat64(at + 48, row.prefixQueryTokens ?? NaN, true);
    view.setFloat64(at + 56, row.prefixHitTokens ?? NaN, true);
    this.bytes.fill(0, at + 64, at + ROW_BYTES);
    this.bytes.write(row.address, at + 64, ADDRESS_BYTES_MAX, "latin1");
    this.writeShared(index, null);
  }

  /** What other gateways have on the pod; null where gateways do not share, as a row begins. */
  writeShared(index: number, load: SharedLoad | null): void {
    const { view } = this;
    const at = HEADER_BYTES + index * ROW_BYTES + SHARED_AT;
    view.setUint32(at, load === null ? MISSING_U32 : bounded(load.inFlight), true);
    view.setUint32(at + 4, bounded(load?.unprefilled ?? 0), true);
    view.setUint32(at + 8, bounded(load?.backlogTokens ?? 0), true);
    view.setUint32(at + 12, bounded(load?.kvTokens ?? 0), true);
  }

  /** `ageMs` since the scrape was sent; null for a pod never scraped. */
  writeAge(index: number, ageMs: number | null): void {
    const age = ageMs === null ? MISSING_U32 : Math.min(Math.max(0, ageMs), MISSING_U32 - 1);
    this.view.setUint32(HEADER_BYTES + index * ROW_BYTES + 8, age, true);
  }

  /** Writes header and checksum; after this the bytes are a whole table. */
  seal(header: TableHeader): void {
    const { view } = this;
    view.setUint32(0, MAGIC, true);
    view.setUint16(4, VERSION, true);
    view.setUint16(6, HEADER_BYTES, true);
    view.setUint32(8, this.bytes.length, true);
    view.setUint32(16, this.rowCount, true);
    view.setUint16(20, ROW_BYTES, true);
    view.setUint8(22, header.strategy === null ? 0 : STRATEGIES.indexOf(header.strategy) + 1);
    view.setUint8(23, header.hashKey === null ? 0 : 1);
    this.bytes.fill(0, 24, 40);
    header.hashKey?.copy(this.bytes, 24);
    view.setBigUint64(40, header.incarnation, true);
    view.setUint32(48, header.sequence % U32, true);
    view.setUint32(52, Math.floor(header.sequence / U32), true);
    view.setFloat64(56, header.madeAtUnixMs, true);
    view.setUint32(64, this.section === null ? 0 : this.rowsEnd, true);
    view.setUint32(68, this.section?.length ?? 0, true);
    view.setUint32(12, hashWords(this.words, CHECKSUM_FROM / 4), true);
  }

  private allocate(bytes: number): void {
    // Its own memory, not a slice of a shared pool: the checksum reads it as aligned words.
    const memory = new ArrayBuffer(bytes);
    this.bytes = Buffer.from(memory);
    this.view = new DataView(memory);
    this.words = new Uint32Array(memory);
  }
}

function bounded(count: number): number {
  return Math.min(Math.max(0, count), MISSING_U32 - 1);
}

function rowFlags({ mayBePicked, prefixCachingOff, isAtAdapterLimit }: TableRow): number {
  return (mayBePicked ? 1 : 0) | (prefixCachingOff ? 2 : 0) | (isAtAdapterLimit ? 4 : 0);
}

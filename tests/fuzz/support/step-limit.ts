// Rewrites a wasm module so that it counts its own steps and traps where they run out: each entry
// of a function and each turn of a loop is one. So a hang is found without a clock.

/** The global that the module exports: steps left, i32; the host sets it before a call. */
export const STEPS_EXPORT = "steps_left";

const HEADER_BYTES = 8;
const GLOBAL_SECTION = 6;
const EXPORT_SECTION = 7;
const CODE_SECTION = 10;
const IMPORT_SECTION = 2;

/** Opcodes with one LEB number behind them: br, call, locals, globals, tables, constants. */
const ONE_NUMBER = new Set([
  ...[0x0c, 0x0d, 0x10, 0x12, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x3f, 0x40, 0x41, 0x42],
  ...[0xd0, 0xd2],
]);
/** 0xfc-prefixed: how many LEB numbers follow the sub-opcode. */
const BULK_NUMBERS = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];

class Reader {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
  ) {}

  byte(): number {
    return this.bytes[this.at++]!;
  }

  /** An unsigned LEB128 of at most 32 bits. */
  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  /** Passes over a LEB128 of any size. */
  skipNumber(): void {
    while (this.byte() >= 0x80);
  }
}

/** The module with its counter; throws where it holds an instruction that is not known here. */
export function withStepLimit(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [module.subarray(0, HEADER_BYTES)];
  const reader = new Reader(module, HEADER_BYTES);
  let global = 0;
  while (reader.at < module.length) {
    const id = reader.byte();
    const size = reader.number();
    let content = module.subarray(reader.at, reader.at + size);
    reader.at += size;
    if (id === IMPORT_SECTION) refuseGlobals(content);
    else if (id === GLOBAL_SECTION) {
      global = new Reader(content, 0).number();
      // i32, mutable, begins with 0x7fffffff so that instantiation does not run out.
      content = withEntry(content, [0x7f, 1, 0x41, ...signed(0x7fffffff), 0x0b]);
    } else if (id === EXPORT_SECTION) {
      const name = Buffer.from(STEPS_EXPORT);
      content = withEntry(content, [name.length, ...name, 3, ...leb(global)]);
    } else if (id === CODE_SECTION) content = withChecks(content, global);
    parts.push(Uint8Array.of(id, ...leb(content.length)), content);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** An imported global would shift the numbers; the filter imports functions alone. */
function refuseGlobals(content: Uint8Array): void {
  const reader = new Reader(content, 0);
  for (let left = reader.number(); left > 0; left--) {
    for (let names = 0; names < 2; names++) {
      const size = reader.number();
      reader.at += size;
    }
    if (reader.byte() !== 0) throw new Error("the module imports more than functions");
    reader.number();
  }
}

/** A section that is a counted list, with one more entry at its end. */
function withEntry(content: Uint8Array, entry: number[]): Uint8Array {
  const reader = new Reader(content, 0);
  const count = leb(reader.number() + 1);
  return Buffer.concat([Uint8Array.from(count), content.subarray(reader.at), Buffer.from(entry)]);
}

function withChecks(content: Uint8Array, global: number): Uint8Array {
  const at = leb(global);
  // left -= 1; if (left == 0) unreachable
  const check = Uint8Array.from([
    ...[0x23, ...at, 0x41, 1, 0x6b, 0x24, ...at],
    ...[0x23, ...at, 0x45, 0x04, 0x40, 0x00, 0x0b],
  ]);
  const reader = new Reader(content, 0);
  const count = reader.number();
  const parts: Uint8Array[] = [Uint8Array.from(leb(count))];
  for (let left = count; left > 0; left--) {
    const size = reader.number();
    const end = reader.at + size;
    const body = bodyWithChecks(content.subarray(reader.at, end), check);
    parts.push(Uint8Array.from(leb(body.length)), body);
    reader.at = end;
  }
  return Buffer.concat(parts);
}

function bodyWithChecks(body: Uint8Array, check: Uint8Array): Uint8Array {
  const reader = new Reader(body, 0);
  for (let groups = reader.number(); groups > 0; groups--) {
    reader.number();
    reader.byte();
  }
  const parts: Uint8Array[] = [body.subarray(0, reader.at), check];
  let from = reader.at;
  while (reader.at < body.length) {
    const isLoop = body[reader.at] === 0x03;
    skipInstruction(reader);
    if (!isLoop) continue;
    parts.push(body.subarray(from, reader.at), check);
    from = reader.at;
  }
  parts.push(body.subarray(from));
  return Buffer.concat(parts);
}

function skipInstruction(reader: Reader): void {
  const op = reader.byte();
  if (op >= 0x02 && op <= 0x04) reader.skipNumber();
  else if (ONE_NUMBER.has(op)) reader.skipNumber();
  else if (op === 0x0e) {
    for (let left = reader.number() + 1; left > 0; left--) reader.number();
  } else if (op === 0x11 || (op >= 0x28 && op <= 0x3e)) skipNumbers(reader, 2);
  else if (op === 0x1c) skipNumbers(reader, reader.number());
  else if (op === 0x43) reader.at += 4;
  else if (op === 0x44) reader.at += 8;
  else if (op === 0xfc) skipNumbers(reader, BULK_NUMBERS[reader.number()]!);
  else if (op === 0xfd) skipVector(reader, reader.number());
  else if (!(op <= 0x01 || op === 0x05 || op === 0x0b || op === 0x0f || isPlain(op))) {
    throw new Error(`an instruction 0x${op.toString(16)} that is not known here`);
  }
}

/** Drop, select, and all that computes without an operand of its own. */
function isPlain(op: number): boolean {
  return op === 0x1a || op === 0x1b || (op >= 0x45 && op <= 0xc4) || op === 0xd1;
}

function skipVector(reader: Reader, op: number): void {
  if (op <= 11 || op === 92 || op === 93) skipNumbers(reader, 2);
  else if (op === 12 || op === 13) reader.at += 16;
  else if (op >= 21 && op <= 34) reader.at += 1;
  else if (op >= 84 && op <= 91) {
    skipNumbers(reader, 2);
    reader.at += 1;
  }
}

function skipNumbers(reader: Reader, count: number): void {
  for (let left = count; left > 0; left--) reader.skipNumber();
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

/** Signed LEB128 of a number that is not negative. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x40; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

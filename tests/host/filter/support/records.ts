// Records as docs/table-format.md has them: a small encoder and decoder that share no code with the
// filter or the sidecar.

export const Kind = { Insert: 1, Forget: 2, Withdraw: 3, Charge: 4 } as const;

/** As many bytes of records as one answer may hold. */
export const ANSWER_RECORD_BYTES_MAX = 32 * 1024;

/** The endpoint that a record is about. */
export interface Of {
  number: number;
  /** 1 when absent. */
  epoch?: number;
}

export interface Entry {
  hash: bigint;
  /** From the start of the prompt. */
  tokens: number;
}

function record(kind: number, of: Of, count: number, bytes: number): Buffer {
  const made = Buffer.alloc(12 + bytes);
  made.writeUInt16LE(made.length, 0);
  made[2] = kind;
  made.writeUInt32LE(of.epoch ?? 1, 4);
  made.writeUInt16LE(of.number, 8);
  made.writeUInt16LE(count, 10);
  return made;
}

function chain(kind: number, of: Of, entries: readonly Entry[]): Buffer {
  const made = record(kind, of, entries.length, 12 * entries.length);
  entries.forEach(({ hash, tokens }, i) => {
    made.writeBigUInt64LE(hash, 12 + 12 * i);
    made.writeUInt32LE(tokens, 20 + 12 * i);
  });
  return made;
}

export function encodeInsert(of: Of, entries: readonly Entry[]): Buffer {
  return chain(Kind.Insert, of, entries);
}

export function encodeWithdraw(of: Of, hashes: readonly bigint[], ageMs: number): Buffer {
  return chain(
    Kind.Withdraw,
    of,
    hashes.map((hash) => ({ hash, tokens: ageMs })),
  );
}

export function encodeForget(of: Of, ageMs: number): Buffer {
  const made = record(Kind.Forget, of, 0, 4);
  made.writeUInt32LE(ageMs, 12);
  return made;
}

export function encodeCharge(of: Of, tokens: number, prompt: bigint): Buffer {
  const made = record(Kind.Charge, of, 0, 12);
  made.writeUInt32LE(tokens, 12);
  made.writeBigUInt64LE(prompt, 16);
  return made;
}

export interface JournalRecord {
  kind: number;
  epoch: number;
  number: number;
  /** Of an insert: checkpoint hash and tokens from the start. */
  entries: Entry[];
  /** Of a charge: the answer's tokens, and the last checkpoint of what it answers. */
  answer?: { tokens: number; prompt: bigint };
}

/** Splits records; throws where a length is wrong. */
export function decodeRecords(bytes: Buffer): JournalRecord[] {
  const records: JournalRecord[] = [];
  let at = 0;
  while (at < bytes.length) {
    const size = bytes.readUInt16LE(at);
    if (size < 12 || size % 4 !== 0 || at + size > bytes.length) throw new Error(`size ${size}`);
    const kind = bytes[at + 2]!;
    const count = bytes.readUInt16LE(at + 10);
    const entries: JournalRecord["entries"] = [];
    for (let i = 0; kind === Kind.Insert && i < count; i++) {
      const entry = at + 12 + i * 12;
      entries.push({ hash: bytes.readBigUInt64LE(entry), tokens: bytes.readUInt32LE(entry + 8) });
    }
    records.push({
      kind,
      epoch: bytes.readUInt32LE(at + 4),
      number: bytes.readUInt16LE(at + 8),
      entries,
      ...(kind === Kind.Charge ? { answer: answerAt(bytes, at, size) } : {}),
    });
    at += size;
  }
  return records;
}

function answerAt(bytes: Buffer, at: number, size: number): { tokens: number; prompt: bigint } {
  if (size !== 24) throw new Error(`a charge of ${size} bytes`);
  return { tokens: bytes.readUInt32LE(at + 12), prompt: bytes.readBigUInt64LE(at + 16) };
}

/** All records of these reports, as a sidecar would keep them. */
export function recordsIn(polls: readonly { report: { records: Buffer } }[]): Buffer {
  return Buffer.concat(polls.map(({ report }) => report.records));
}

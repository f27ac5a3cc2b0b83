// Walks records (docs/table-format.md, "Records") as far as a sidecar has to: lengths and pods.

const RECORD_BYTES_MIN = 4;
/** Up to the endpoint's number; every kind so far has it, and a later one that names a pod will. */
const NUMBER_AT = 8;
const NUMBER_END = 10;

/** Where each record begins and ends; false where the lengths do not add up. */
export function walkRecords(records: Buffer, visit: (at: number, end: number) => void): boolean {
  let at = 0;
  while (at + RECORD_BYTES_MIN <= records.length) {
    const recordBytes = records.readUInt16LE(at);
    if (recordBytes < RECORD_BYTES_MIN || recordBytes % 4 !== 0) return false;
    if (at + recordBytes > records.length) return false;
    visit(at, at + recordBytes);
    at += recordBytes;
  }
  return at === records.length;
}

/** The numbers of the pods that the records name. */
export function numbersIn(records: Buffer): Set<number> {
  const numbers = new Set<number>();
  walkRecords(records, (at, end) => {
    if (end - at >= NUMBER_END) numbers.add(records.readUInt16LE(at + NUMBER_AT));
  });
  return numbers;
}

/** The records with other numbers; those of pods that have none are left out, and counted. */
export function renumber(
  records: Buffer,
  numbers: ReadonlyMap<number, number>,
): { records: Buffer; leftOut: number } {
  const copy = Buffer.from(records);
  let [to, leftOut] = [0, 0];
  walkRecords(records, (at, end) => {
    const hasNumber = end - at >= NUMBER_END;
    const number = hasNumber ? numbers.get(records.readUInt16LE(at + NUMBER_AT)) : undefined;
    if (number === undefined) {
      leftOut++;
      return;
    }
    records.copy(copy, to, at, end);
    copy.writeUInt16LE(number, to + NUMBER_AT);
    to += end - at;
  });
  return { records: copy.subarray(0, to), leftOut };
}

/** The records in pieces of at most `bytesMax`, none of them cut. */
export function split(records: Buffer, bytesMax: number): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  let to = 0;
  walkRecords(records, (at, end) => {
    if (end - from > bytesMax && at > from) {
      pieces.push(records.subarray(from, at));
      from = at;
    }
    to = end;
  });
  if (to > from) pieces.push(records.subarray(from, to));
  return pieces;
}

// Judges the bytes of a JSON number or word, and reads whole numbers from them.

/** Whether the bytes are true, false, null or a number as RFC 8259 writes it. */
export function isScalar(p: usize, n: u32): bool {
  if (n == 0) return false;
  const c: u32 = load<u8>(p);
  if (c == 0x74 || c == 0x6e) {
    return n == 4 && (load<u32>(p) == TRUE || load<u32>(p) == NULL);
  }
  if (c == 0x66) return n == 5 && load<u32>(p + 1) == ALSE;
  return isNumber(p, p + n);
}

/** Where the bytes from `p` on end that a number or word may consist of. */
export function scalarEnd(p: usize, end: usize): usize {
  while (p < end && isScalarByte(load<u8>(p))) p++;
  return p;
}

/** Whether the bytes are the word true. */
export function isTrue(p: usize, n: u32): bool {
  return n == 4 && load<u32>(p) == TRUE;
}

/** Whether the bytes are the word null. */
export function isNull(p: usize, n: u32): bool {
  return n == 4 && load<u32>(p) == NULL;
}

/** The value of plain digits, u32.MAX_VALUE at most; -1 for all else (sign, fraction, word). */
export function wholeNumber(p: usize, n: u32): i64 {
  if (n == 0) return -1;
  let value: i64 = 0;
  for (const end = p + n; p < end; p++) {
    const digit: u32 = <u32>load<u8>(p) - 0x30;
    if (digit > 9) return -1;
    value = min<i64>(value * 10 + digit, u32.MAX_VALUE);
  }
  return value;
}

const TRUE: u32 = 0x65757274;
const NULL: u32 = 0x6c6c756e;
/** The end of "false": four letters make one comparison. */
const ALSE: u32 = 0x65736c61;

function isScalarByte(c: u32): bool {
  return c - 0x30 < 10 || (c | 0x20) - 0x61 < 26 || c == 0x2b || c == 0x2d || c == 0x2e;
}

function isNumber(p: usize, end: usize): bool {
  if (load<u8>(p) == 0x2d) p++;
  const whole = digitsEnd(p, end);
  if (whole == p || (whole > p + 1 && load<u8>(p) == 0x30)) return false;
  p = whole;
  if (p < end && load<u8>(p) == 0x2e) {
    const fraction = digitsEnd(p + 1, end);
    if (fraction == p + 1) return false;
    p = fraction;
  }
  if (p < end && (load<u8>(p) | 0x20) == 0x65) {
    p++;
    if (p < end && (load<u8>(p) == 0x2b || load<u8>(p) == 0x2d)) p++;
    const exponent = digitsEnd(p, end);
    if (exponent == p) return false;
    p = exponent;
  }
  return p == end;
}

function digitsEnd(p: usize, end: usize): usize {
  while (p < end && <u32>load<u8>(p) - 0x30 < 10) p++;
  return p;
}

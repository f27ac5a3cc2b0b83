// What a JSON scan reports: the closed list of outcomes, its limits, and the calls it makes.

/** What is known after the bytes so far. More is the only one that a later byte can change. */
export const enum JsonStatus {
  More = 0,
  Complete = 1,
  Malformed = 2,
  TooDeep = 3,
}

/** One bit a level fits one u64; request bodies nest about 10 deep, tool schemas about 20. */
export const JSON_DEPTH_MAX: u32 = 64;
/** A longer key is reported without its bytes; the keys we look for have at most 24. */
export const JSON_KEY_BYTES_MAX: u32 = 64;

/**
 * What a scanner tells of the document, in its order. One long-lived instance a kind of document:
 * all state lies behind `ctx`, which is handed through. In each call the scanner's `depth` counts
 * a container that opens and no longer counts one that closes, and its `consumed` counts the
 * bytes up to the end of the token told. Bytes at `p` are valid during the call only.
 */
export abstract class JsonHandler {
  abstract open(ctx: usize, isObject: bool): void;
  abstract close(ctx: usize, isObject: bool): void;
  /** A decoded key; n = -1, and no bytes, when it is longer than JSON_KEY_BYTES_MAX. */
  abstract key(ctx: usize, p: usize, n: i32): void;
  abstract textBegin(ctx: usize): void;
  /** A decoded piece of a string value; where pieces part means nothing. */
  abstract text(ctx: usize, p: usize, n: u32): void;
  abstract textEnd(ctx: usize): void;
  /** A number, true, false or null, as written. */
  abstract scalar(ctx: usize, p: usize, n: u32): void;
}

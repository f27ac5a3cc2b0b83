// Keeps a key, a number or a word of which two pieces of a document hold a part each.
import { JSON_KEY_BYTES_MAX } from "./json-handler";
import { isScalar } from "./json-scalar";

/** The longest number JSON.stringify prints has 25 bytes. */
const SCALAR_BYTES_MAX: u32 = 32;

/** How a scalar that was taken ends. */
export const enum ScalarEnd {
  /** It may go on in the next piece. */
  Open = 0,
  Whole = 1,
  Malformed = 2,
}

/** The part of a scanner that holds a token across pieces. */
@unmanaged
export class JsonToken {
  /** Bytes in the buffer; -1 for a key that outgrew it. */
  protected tokenBytes: i32;
  /** Where the scalar lies that is Whole: in the buffer, or in the piece. */
  protected scalarAt: usize;
  private token0: v128;
  private token1: v128;
  private token2: v128;
  private token3: v128;

  /** The buffer of JSON_KEY_BYTES_MAX bytes. */
  @inline protected get token(): usize {
    return changetype<usize>(this) + offsetof<JsonToken>("token0");
  }

  /** Appends a byte to a key. */
  protected keepKeyByte(byte: u32): void {
    const n = this.tokenBytes;
    if (<u32>n >= JSON_KEY_BYTES_MAX) {
      this.tokenBytes = -1;
      return;
    }
    store<u8>(this.token + n, byte);
    this.tokenBytes = n + 1;
  }

  /** Takes the scalar's bytes from `p` to `q`, where it ends unless the piece does. */
  protected keepScalar(p: usize, q: usize, end: usize): ScalarEnd {
    const kept = <u32>this.tokenBytes;
    const n = <u32>(q - p);
    if (kept + n > SCALAR_BYTES_MAX) return ScalarEnd.Malformed;
    this.scalarAt = p;
    this.tokenBytes = kept + n;
    if (kept != 0 || q == end) {
      memory.copy(this.token + kept, p, n);
      this.scalarAt = this.token;
    }
    if (q == end) return ScalarEnd.Open;
    return isScalar(this.scalarAt, kept + n) ? ScalarEnd.Whole : ScalarEnd.Malformed;
  }
}

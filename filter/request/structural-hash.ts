// Hashes any JSON value by what it means: key order, white space and escapes make no difference.
import { SipState, mix } from "../prefix/siphash";
import { JSON_DEPTH_MAX } from "./json-handler";
import { isWord } from "./prompt-keys";

/** First byte of a leaf's hash, so that the string "1" and the number 1 differ. */
const STRING: u32 = 1;
const SCALAR: u32 = 2;
const KEY: u32 = 3;
/** Start values of containers' hashes. */
const OBJECT: u64 = 4;
const ARRAY: u64 = 5;
/** All keys beyond JSON_KEY_BYTES_MAX count as one: their bytes are not told. */
const LONG_KEY: u64 = 6;
/** A key whose value is left out. A real key has this hash once in 2^64. */
const IGNORED: u64 = 0;
/** What a key or string costs as compact JSON beside its bytes: quotes and a colon or comma. */
const QUOTED_BYTES: u32 = 3;

/** One open container. */
@unmanaged
class Frame {
  /** Of an object the sum over its members, of an array the chain of its elements. */
  hash: u64;
  key: u64;
  /** The count of bytes before an ignored member. */
  bytes: u32;
  isObject: bool;
}

const FRAMES_BYTES: usize = offsetof<Frame>() * <usize>JSON_DEPTH_MAX;
/** Memory that one StructuralHash needs: its fields, then a frame for each level. */
export const STRUCTURAL_HASH_BYTES: usize = offsetof<StructuralHash>() + FRAMES_BYTES;

/**
 * The hash of one value in progress. An object adds up the mixes of its keys and values, so order
 * does not matter; "cache_control" is left out at every level, because no template prints it.
 */
@unmanaged
export class StructuralHash extends SipState {
  /** The hash of the value, once it is whole. */
  hash: u64;
  /** About how many bytes the value has as compact JSON; exact for one string without quotes. */
  bytes: u32;
  isString: bool;
  private level: u32;
  private k0: u64;
  private k1: u64;

  /** Starts a value under the key (k0, k1). */
  begin(k0: u64, k1: u64): void {
    this.k0 = k0;
    this.k1 = k1;
    this.hash = 0;
    this.bytes = 0;
    this.isString = false;
    this.level = 0;
  }

  /** This and the following take what a scan tells; those that may end the value say if so. */
  open(isObject: bool): void {
    const frame = this.frame(this.level++);
    frame.hash = isObject ? OBJECT : ARRAY;
    frame.isObject = isObject;
    this.bytes += 2;
  }

  close(): bool {
    const frame = this.frame(--this.level);
    const kind = frame.isObject ? OBJECT : ARRAY;
    return this.valueEnd(mix(this.k0, this.k1, frame.hash, kind));
  }

  key(p: usize, n: i32): void {
    const frame = this.frame(this.level - 1);
    if (isWord(p, n, "cache_control")) {
      frame.key = IGNORED;
      frame.bytes = this.bytes;
      return;
    }
    frame.key = n < 0 ? LONG_KEY : keyHash(this, this.k0, this.k1, p, n);
    this.bytes += max(n, 0) + QUOTED_BYTES;
  }

  textBegin(): void {
    this.reset(this.k0, this.k1);
    this.updateU8(STRING);
    if (this.level != 0) this.bytes += QUOTED_BYTES;
  }

  text(p: usize, n: u32): void {
    this.update(p, n);
    this.bytes += n;
  }

  textEnd(): bool {
    this.isString = this.level == 0;
    return this.valueEnd(this.digest());
  }

  scalar(p: usize, n: u32): bool {
    this.reset(this.k0, this.k1);
    this.updateU8(SCALAR);
    this.update(p, n);
    this.bytes += n + 1;
    return this.valueEnd(this.digest());
  }

  private valueEnd(hash: u64): bool {
    if (this.level == 0) {
      this.hash = hash;
      return true;
    }
    const frame = this.frame(this.level - 1);
    if (!frame.isObject) frame.hash = mix(this.k0, this.k1, frame.hash, hash);
    else if (frame.key != IGNORED) frame.hash += mix(this.k0, this.k1, frame.key, hash);
    else this.bytes = frame.bytes;
    return false;
  }

  /** Levels stay below JSON_DEPTH_MAX, because the scanner's depth does. */
  private frame(level: u32): Frame {
    const frames = changetype<usize>(this) + offsetof<StructuralHash>();
    return changetype<Frame>(frames + <usize>level * offsetof<Frame>());
  }
}

/** The hash of an object's key, with `state` as scratch. */
export function keyHash(state: SipState, k0: u64, k1: u64, p: usize, n: i32): u64 {
  state.reset(k0, k1);
  state.updateU8(KEY);
  state.update(p, n);
  return state.digest();
}

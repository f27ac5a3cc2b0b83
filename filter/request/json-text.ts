// Decodes the inside of a JSON string, key or value, that may be split at any byte.
import { hexDigit, unescaped, utf8Bytes } from "./json-escape";
import { JsonHandler } from "./json-handler";
import { JsonToken } from "./json-token";

/** Decoded text is handed on in pieces of this size, so that escapes cost no call each. */
const STAGE_BYTES: usize = 4096;
const LANE_BYTES: usize = 16;
/** A piece may be exceeded by one vector store. */
const STAGE: usize = memory.data(4096 + 16);
/** Bytes waiting at STAGE. Zero between feeds, so all scanners share the one stage. */
let staged: usize = 0;

/** Where a string stands. From Ended on no more of its bytes are taken. */
export const enum TextPhase {
  Run = 0,
  Escape = 1,
  Hex = 2,
  Ended = 3,
  Failed = 4,
}

/**
 * The part of a scanner that is inside a string. Escapes are decoded to UTF-8, a surrogate without
 * its partner to the three bytes it would have. That bytes are UTF-8 and that no raw control
 * characters occur is not checked: whoever serves the request does.
 */
@unmanaged
export class JsonText extends JsonToken {
  protected phase: TextPhase;
  protected isKey: bool;
  private hexDigits: u32;
  private hexValue: u32;
  /** A first surrogate whose partner may follow, or 0. */
  private surrogate: u32;

  /** Prepares for the byte after the opening quote. */
  protected beginText(isKey: bool): void {
    this.phase = TextPhase.Run;
    this.isKey = isKey;
    this.tokenBytes = 0;
    this.surrogate = 0;
  }

  /** Takes bytes up to the closing quote, or all of them; tells pieces of a value, not of a key. */
  protected takeText(handler: JsonHandler, ctx: usize, p: usize, end: usize): usize {
    while (p < end && this.phase < TextPhase.Ended) {
      if (this.phase == TextPhase.Run) p = this.run(handler, ctx, p, end);
      else if (this.phase == TextPhase.Escape) p = this.escape(handler, ctx, p);
      else p = this.hex(handler, ctx, p);
    }
    if (staged != 0) this.flush(handler, ctx);
    return p;
  }

  /** Takes plain characters of a string up to a quote, a backslash or the end of the piece. */
  private run(handler: JsonHandler, ctx: usize, p: usize, end: usize): usize {
    if (this.surrogate != 0) {
      if (load<u8>(p) == 0x5c) return this.stop(p);
      this.dropSurrogate(handler, ctx);
    }
    if (this.isKey) return this.keyRun(handler, ctx, p, end);
    let at = staged;
    while (p + LANE_BYTES <= end) {
      if (at >= STAGE_BYTES) {
        staged = at;
        this.flush(handler, ctx);
        at = 0;
      }
      const lane = v128.load(p);
      v128.store(STAGE + at, lane);
      const stops = i8x16.bitmask(
        v128.or(i8x16.eq(lane, i8x16.splat(0x22)), i8x16.eq(lane, i8x16.splat(0x5c))),
      );
      if (stops != 0) {
        const taken = <usize>ctz(stops);
        at += taken;
        p += taken;
        // Most escapes are simple and whole: decoded here, they leave the loop running.
        if (load<u8>(p) == 0x5c && p + 1 < end) {
          const decoded = unescaped(load<u8>(p + 1));
          if (decoded != 0) {
            store<u8>(STAGE + at, decoded);
            at += 1;
            p += 2;
            continue;
          }
        }
        staged = at;
        return this.stop(p);
      }
      at += LANE_BYTES;
      p += LANE_BYTES;
    }
    staged = at;
    for (; p < end; p++) {
      const c = load<u8>(p);
      if (c == 0x22 || c == 0x5c) return this.stop(p);
      this.stage(handler, ctx, c);
    }
    return end;
  }

  private keyRun(handler: JsonHandler, ctx: usize, p: usize, end: usize): usize {
    for (; p < end; p++) {
      const c = load<u8>(p);
      if (c == 0x22 || c == 0x5c) return this.stop(p);
      this.stage(handler, ctx, c);
    }
    return end;
  }

  /** Takes the quote or backslash at `p`. */
  private stop(p: usize): usize {
    this.phase = load<u8>(p) == 0x5c ? TextPhase.Escape : TextPhase.Ended;
    return p + 1;
  }

  private escape(handler: JsonHandler, ctx: usize, p: usize): usize {
    const c: u32 = load<u8>(p);
    if (c == 0x75) {
      this.hexDigits = 0;
      this.hexValue = 0;
      this.phase = TextPhase.Hex;
      return p + 1;
    }
    const decoded = unescaped(c);
    if (decoded == 0) return this.refuse();
    if (this.surrogate != 0) this.dropSurrogate(handler, ctx);
    this.stage(handler, ctx, decoded);
    this.phase = TextPhase.Run;
    return p + 1;
  }

  private hex(handler: JsonHandler, ctx: usize, p: usize): usize {
    const digit = hexDigit(load<u8>(p));
    if (digit > 15) return this.refuse();
    this.hexValue = (this.hexValue << 4) | digit;
    if (++this.hexDigits == 4) {
      this.phase = TextPhase.Run;
      this.codeUnit(handler, ctx, this.hexValue);
    }
    return p + 1;
  }

  private codeUnit(handler: JsonHandler, ctx: usize, unit: u32): void {
    const isSecond = (unit & 0xfc00) == 0xdc00;
    if (this.surrogate != 0) {
      if (isSecond) {
        const point = 0x10000 + ((this.surrogate & 0x3ff) << 10) + (unit & 0x3ff);
        this.surrogate = 0;
        this.stageCodePoint(handler, ctx, point);
        return;
      }
      this.dropSurrogate(handler, ctx);
    }
    if ((unit & 0xfc00) == 0xd800) this.surrogate = unit;
    else this.stageCodePoint(handler, ctx, unit);
  }

  /** Tells the surrogate that turned out to have no partner. */
  private dropSurrogate(handler: JsonHandler, ctx: usize): void {
    const unit = this.surrogate;
    this.surrogate = 0;
    this.stageCodePoint(handler, ctx, unit);
  }

  private stageCodePoint(handler: JsonHandler, ctx: usize, point: u32): void {
    let bytes = utf8Bytes(point);
    do {
      this.stage(handler, ctx, bytes & 0xff);
      bytes >>= 8;
    } while (bytes != 0);
  }

  /** Appends one decoded byte to the key or to the text. */
  private stage(handler: JsonHandler, ctx: usize, byte: u32): void {
    if (this.isKey) return this.keepKeyByte(byte);
    if (staged >= STAGE_BYTES) this.flush(handler, ctx);
    store<u8>(STAGE + staged, byte);
    staged++;
  }

  private flush(handler: JsonHandler, ctx: usize): void {
    const n = <u32>staged;
    staged = 0;
    handler.text(ctx, STAGE, n);
  }

  private refuse(): usize {
    this.phase = TextPhase.Failed;
    return usize.MAX_VALUE;
  }
}

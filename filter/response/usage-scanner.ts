// Finds the engine's own count of tokens in an answer, JSON or server-sent events, as it passes.
import { JsonScanner } from "../request/json-scanner";
import { USAGE_SCANNER_AT, UsageFigures, UsageHandler } from "./usage-handler";

/** The one field of an event that is looked at. */
const NAME: usize = memory.data<u8>([0x64, 0x61, 0x74, 0x61, 0x3a]);
const NAME_BYTES: u32 = 5;
/** Between two data lines of one event. */
const LINE_FEED: usize = memory.data<u8>([0x0a]);
const LANE_BYTES: usize = 16;
const HANDLER = new UsageHandler();

const enum Line {
  /** Some of "data:" came, or nothing of the line. */
  Name = 0,
  /** Behind the colon, where one space may stand. */
  Space,
  Data,
  /** Another field, or a comment. */
  Other,
}

/** Memory that one answer needs; its fields are only the start of it. */
export const USAGE_STATE_BYTES: usize = USAGE_SCANNER_AT + offsetof<JsonScanner>();

/**
 * One answer, from its first byte to its last. A document that is no JSON leaves the figures that
 * came before it; of several documents (events) each replaces what it gives anew.
 */
@unmanaged
export class UsageState extends UsageFigures {
  /** Events with data, the closing [DONE] not counted. */
  events: u32;
  /** Whether a first data line has begun: vLLM sends it when the prompt is computed. */
  sawData: bool;
  private isSse: bool;
  private line: Line;
  private matched: u32;
  /** Whether the event at hand has data, so that a further data line belongs to it. */
  private inEvent: bool;
  /** Whether a carriage return just ended a line: a line feed behind it ends no other. */
  private afterReturn: bool;

  /** Prepares for a new answer. */
  reset(isSse: bool): void {
    if (offsetof<UsageState>() > USAGE_SCANNER_AT) ERROR("the scanner lies behind the fields");
    this.clearFigures();
    this.beginDocument();
    this.events = 0;
    this.sawData = false;
    this.isSse = isSse;
    this.line = Line.Name;
    this.matched = 0;
    this.inEvent = false;
    this.afterReturn = false;
  }

  /** Takes the next `n` bytes of the answer. */
  feed(p: usize, n: u32): void {
    if (!this.isSse) {
      this.scanner.feed(HANDLER, changetype<usize>(this), p, n);
      return;
    }
    for (const end = p + n; p < end;) {
      switch (this.line) {
        case Line.Name:
          p = this.name(p);
          break;
        case Line.Space:
          p = this.space(p);
          break;
        default:
          p = this.restOfLine(p, end);
          break;
      }
    }
  }

  /** Takes one byte of a field's name, or the end of an empty line. */
  private name(p: usize): usize {
    const c: u32 = load<u8>(p);
    const isSecond = this.afterReturn && c == 0x0a;
    this.afterReturn = false;
    if (isSecond) return p + 1;
    if (c == 0x0a || c == 0x0d) {
      if (this.matched == 0) this.inEvent = false;
      this.endLine(c);
    } else if (c != load<u8>(NAME + this.matched)) {
      this.line = Line.Other;
    } else if (++this.matched == NAME_BYTES) {
      this.line = Line.Space;
      this.sawData = true;
    }
    return p + 1;
  }

  /** Takes the space behind the colon, if there is one; begins the data. */
  private space(p: usize): usize {
    const c: u32 = load<u8>(p);
    if (c == 0x20 && this.matched == NAME_BYTES) {
      this.matched += 1;
      return p + 1;
    }
    this.line = Line.Data;
    if (c == 0x0a || c == 0x0d) return p;
    if (this.inEvent) {
      this.scanner.feed(HANDLER, changetype<usize>(this), LINE_FEED, 1);
    } else {
      this.inEvent = true;
      this.beginDocument();
      // "[DONE]" is no document, and documents of a stream are objects.
      if (c != 0x5b) this.events += 1;
    }
    return p;
  }

  private restOfLine(p: usize, end: usize): usize {
    const lineEnd = findLineEnd(p, end);
    if (this.line == Line.Data && this.inEvent) {
      this.scanner.feed(HANDLER, changetype<usize>(this), p, <u32>(lineEnd - p));
    }
    if (lineEnd == end) return end;
    this.endLine(load<u8>(lineEnd));
    return lineEnd + 1;
  }

  private endLine(c: u32): void {
    this.line = Line.Name;
    this.matched = 0;
    this.afterReturn = c == 0x0d;
  }
}

/** Where the first carriage return or line feed lies, or `end`. */
function findLineEnd(p: usize, end: usize): usize {
  for (; p + LANE_BYTES <= end; p += LANE_BYTES) {
    const lane = v128.load(p);
    const stops = i8x16.bitmask(
      v128.or(i8x16.eq(lane, i8x16.splat(0x0a)), i8x16.eq(lane, i8x16.splat(0x0d))),
    );
    if (stops != 0) return p + <usize>ctz(stops);
  }
  while (p < end && load<u8>(p) != 0x0a && load<u8>(p) != 0x0d) p++;
  return p;
}

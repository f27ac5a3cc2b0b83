// Writes what a scan tells as one line of text, so that a case is a line too.
import { JsonHandler, JsonScanner, JsonStatus } from "../../../filter/request/json-scanner";

const PIECE_MAX = 1 << 20;
/** Pieces end where unreadable bytes begin, so that a read beyond a piece changes the result. */
const piece: usize = heap.alloc(PIECE_MAX + 32);
const HEX = "0123456789abcdef";

/** The trace of the document scanned last. */
export let trace = "";
export const scanner = changetype<JsonScanner>(heap.alloc(offsetof<JsonScanner>()));

class Tracer extends JsonHandler {
  open(ctx: usize, isObject: bool): void {
    trace += isObject ? "{" : "[";
  }
  close(ctx: usize, isObject: bool): void {
    trace += isObject ? "}" : "]";
  }
  key(ctx: usize, p: usize, n: i32): void {
    trace += (n < 0 ? "LONG" : printed(p, n)) + ":";
  }
  textBegin(ctx: usize): void {
    trace += "'";
  }
  text(ctx: usize, p: usize, n: u32): void {
    trace += printed(p, n);
  }
  textEnd(ctx: usize): void {
    trace += "'";
  }
  scalar(ctx: usize, p: usize, n: u32): void {
    trace += printed(p, n) + ",";
  }
}

const tracer = new Tracer();

/** ASCII as it is, every other byte as <hex>. */
function printed(p: usize, n: u32): string {
  let out = "";
  for (let i: u32 = 0; i < n; i++) {
    const byte = load<u8>(p + i);
    if (byte >= 0x20 && byte < 0x7f) out += String.fromCharCode(byte);
    else out += "<" + HEX.charAt(byte >> 4) + HEX.charAt(byte & 15) + ">";
  }
  return out;
}

/** Feeds a copy of the bytes from `from` to `to`, with quotes behind it that must not be read. */
function feedCopy(bytes: ArrayBuffer, from: i32, to: i32): JsonStatus {
  memory.fill(piece, 0x22, to - from + 32);
  memory.copy(piece, changetype<usize>(bytes) + from, to - from);
  return scanner.feed(tracer, 0, piece, to - from);
}

/** Scans the bytes, cut at both offsets; the trace ends with the status. */
export function traceBytes(bytes: ArrayBuffer, first: i32, second: i32): string {
  trace = "";
  scanner.reset();
  feedCopy(bytes, 0, first);
  feedCopy(bytes, first, second);
  feedCopy(bytes, second, bytes.byteLength);
  return trace + " " + statusName(scanner.finish());
}

/** Scans the bytes one at a time. */
export function traceSingly(bytes: ArrayBuffer): string {
  trace = "";
  scanner.reset();
  for (let i = 0; i < bytes.byteLength; i++) feedCopy(bytes, i, i + 1);
  return trace + " " + statusName(scanner.finish());
}

/** Scans the text whole. */
export function traceText(text: string): string {
  const bytes = String.UTF8.encode(text);
  return traceBytes(bytes, 0, 0);
}

function statusName(status: JsonStatus): string {
  if (status == JsonStatus.Complete) return "complete";
  if (status == JsonStatus.TooDeep) return "too deep";
  return status == JsonStatus.Malformed ? "malformed" : "more";
}

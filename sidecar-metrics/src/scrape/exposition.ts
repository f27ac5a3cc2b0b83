// Reads the Prometheus text format as it arrives and hands out only the series asked for.

/** A line beyond this is no series of an engine; it is skipped and never held whole. */
export const LINE_BYTES_MAX = 64 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
const HASH = 0x23;
const BRACE = 0x7b;
const HELP_PREFIX = "# HELP ";
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|(?=\}))/y;

export type Labels = Map<string, string>;

export interface ExpositionHandler {
  /** One series; `value` is NaN for anything that is not a plain finite number. */
  sample(name: string, labels: Labels, value: number): void;
  /** The HELP text of a name that was asked for. */
  help(name: string, text: string): void;
}

/** The names asked for, grouped by length so that other lines cost a comparison of numbers. */
export class NameSet {
  readonly byLength: { name: string; bytes: Buffer }[][] = [];

  constructor(names: Iterable<string>) {
    for (const name of new Set(names)) {
      (this.byLength[name.length] ??= []).push({ name, bytes: Buffer.from(name, "latin1") });
    }
  }

  find(buffer: Buffer, start: number, end: number): string | null {
    for (const { name, bytes } of this.byLength[end - start] ?? []) {
      if (buffer.compare(bytes, 0, bytes.length, start, end) === 0) return name;
    }
    return null;
  }
}

export class ExpositionParser {
  /** The start of a line whose end has not come; grows by doubling, as a page may drip. */
  private partial: Buffer = Buffer.alloc(0);
  private partialBytes = 0;
  private isSkippingLine = false;

  constructor(
    private readonly names: NameSet,
    private readonly handler: ExpositionHandler,
  ) {}

  /** Takes the next bytes of the page, split anywhere. */
  feed(chunk: Buffer): void {
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline < 0) break;
      this.endLine(chunk, start, newline);
      start = newline + 1;
    }
    if (start < chunk.length) this.keep(chunk.subarray(start));
  }

  /** Takes the last line when no newline follows it. */
  end(): void {
    this.endLine(Buffer.alloc(0), 0, 0);
  }

  /** Copies, because the chunk's memory belongs to the socket. */
  private keep(rest: Buffer): void {
    if (this.isSkippingLine) return;
    const bytes = this.partialBytes + rest.length;
    this.isSkippingLine = bytes > LINE_BYTES_MAX;
    if (this.isSkippingLine) return;
    if (bytes > this.partial.length) {
      const larger = Buffer.alloc(Math.min(2 * bytes, LINE_BYTES_MAX));
      this.partial.copy(larger, 0, 0, this.partialBytes);
      this.partial = larger;
    }
    rest.copy(this.partial, this.partialBytes);
    this.partialBytes = bytes;
  }

  private endLine(chunk: Buffer, start: number, end: number): void {
    if (this.partialBytes > 0) {
      this.keep(chunk.subarray(start, end));
      if (!this.isSkippingLine) this.line(this.partial, 0, this.partialBytes);
    } else if (!this.isSkippingLine && end - start <= LINE_BYTES_MAX) {
      this.line(chunk, start, end);
    }
    this.partialBytes = 0;
    this.isSkippingLine = false;
  }

  private line(buffer: Buffer, lineStart: number, lineEnd: number): void {
    let start = lineStart;
    let end = lineEnd;
    if (end > start && buffer[end - 1] === CARRIAGE_RETURN) end--;
    while (start < end && isBlank(buffer[start])) start++;
    if (start === end) return;
    if (buffer[start] === HASH) return this.comment(buffer, start, end);
    let nameEnd = start;
    while (nameEnd < end && buffer[nameEnd] !== BRACE && !isBlank(buffer[nameEnd])) nameEnd++;
    const name = this.names.find(buffer, start, nameEnd);
    if (name !== null) this.series(name, buffer.toString("utf8", nameEnd, end));
  }

  private comment(buffer: Buffer, start: number, end: number): void {
    if (buffer.toString("latin1", start, start + HELP_PREFIX.length) !== HELP_PREFIX) return;
    const nameStart = start + HELP_PREFIX.length;
    const blank = buffer.indexOf(SPACE, nameStart);
    const nameEnd = blank < 0 || blank > end ? end : blank;
    const name = this.names.find(buffer, nameStart, nameEnd);
    if (name !== null) this.handler.help(name, buffer.toString("utf8", nameEnd, end).trim());
  }

  private series(name: string, rest: string): void {
    const labels: Labels = new Map();
    let at = 0;
    const text = rest.trimStart();
    if (text.startsWith("{")) {
      at = readLabels(text, labels);
      if (at < 0) return this.handler.sample(name, new Map(), NaN);
    }
    // A time stamp may follow the value; it says nothing that the time of the scrape does not.
    const value = text.slice(at).trim().split(/\s+/, 1)[0] ?? "";
    this.handler.sample(name, labels, NUMBER.test(value) ? Number(value) : NaN);
  }
}

/** Fills `labels` from `{a="b",...}`; returns the offset behind the brace, or -1 when malformed. */
function readLabels(text: string, labels: Labels): number {
  let at = 1;
  for (;;) {
    while (text[at] === " " || text[at] === ",") at++;
    if (text[at] === "}") return at + 1;
    LABEL.lastIndex = at;
    const match = LABEL.exec(text);
    if (match === null) return -1;
    labels.set(match[1] ?? "", unescape(match[2] ?? ""));
    at = LABEL.lastIndex;
  }
}

function unescape(value: string): string {
  if (!value.includes("\\")) return value;
  return value.replace(/\\(.)/gs, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB;
}

// Reads a file line by line in bounded memory: traces and access logs may be larger than a string.
import { closeSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

const READ_BYTES = 1 << 16;
/** A prompt of 10 million tokens in blocks of 16 is 600,000 ids of up to 8 characters. */
export const LINE_CHARS_MAX = 8 << 20;

/** The standard input where a file is named so. */
export const STDIN_NAME = "-";

export interface Line {
  /** From 1. */
  number: number;
  /** Without the line break. */
  text: string;
}

/** What is wrong with a file: the message says which one, and where. */
export class FileError extends Error {}

/** What the system says of a file, without its code and the name that the caller tells. */
export function fileProblem(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^E[A-Z]+: /, "").replace(/, (open|read|write)( '.*')?$/, "");
}

/** The lines that are not blank; throws a FileError for a file it cannot read. */
export function* readLines(file: string): Generator<Line> {
  let number = 0;
  let rest = "";
  for (const text of readTexts(file)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      number++;
      checkLength(line, file, number);
      if (line.trim() !== "") yield { number, text: line };
    }
    checkLength(rest, file, number + 1);
  }
  if (rest.trim() !== "") yield { number: number + 1, text: rest };
}

function checkLength(line: string, file: string, number: number): void {
  if (line.length <= LINE_CHARS_MAX) return;
  throw new FileError(
    `${file}:${number}: a line of more than ${LINE_CHARS_MAX} characters, the most`,
  );
}

function* readTexts(file: string): Generator<string> {
  const read = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw new FileError(`${file}: ${fileProblem(error)}`);
    }
  };
  const descriptor = file === STDIN_NAME ? 0 : read(() => openSync(file, "r"));
  try {
    const decoder = new StringDecoder("utf8");
    const bytes = Buffer.alloc(READ_BYTES);
    for (;;) {
      const count = read(() => readSync(descriptor, bytes));
      if (count === 0) break;
      yield decoder.write(bytes.subarray(0, count));
    }
    yield decoder.end();
  } finally {
    if (descriptor !== 0) closeSync(descriptor);
  }
}

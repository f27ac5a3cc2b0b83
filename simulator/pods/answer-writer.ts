// Where an answer's text goes: a plain HTTP response, or one that is compressed on the way.
import type { ServerResponse } from "node:http";
import { constants, createGzip } from "node:zlib";

export interface AnswerWriter {
  write(text: string): void;
  end(text: string): void;
  /** Breaks the connection in the middle of the answer. */
  cut(): void;
}

/** Streams get their headers now, before prefill, as vLLM sends them. */
export function openAnswer(
  response: ServerResponse,
  isStream: boolean,
  isGzip: boolean,
): AnswerWriter {
  const type = isStream ? "text/event-stream; charset=utf-8" : "application/json";
  response.statusCode = 200;
  response.setHeader("content-type", type);
  if (isGzip) response.setHeader("content-encoding", "gzip");
  if (isStream) response.flushHeaders();
  const cut = (): void => void response.destroy();
  if (!isGzip) {
    return {
      write: (text) => void response.write(text),
      end: (text) => {
        if (!isStream) response.setHeader("content-length", Buffer.byteLength(text));
        response.end(text);
      },
      cut,
    };
  }
  // Each event must reach the client when it is written, not when a block of it is full.
  const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
  gzip.pipe(response);
  return { write: (text) => void gzip.write(text), end: (text) => void gzip.end(text), cut };
}

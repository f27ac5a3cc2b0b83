// HTTP/1.1 by hand over a socket: for bodies that must arrive in given pieces.
import { connect, type Socket } from "node:net";
import { answerOf, type Answer } from "./rig.js";

const ANSWER_TIMEOUT_MS = 15_000;
/** A pause that lets Envoy read each piece by itself. */
const PIECE_PAUSE_MS = 2;

export interface RawRequest {
  port: number;
  path: string;
  pieces: (string | Buffer)[];
  headers?: string[];
  /** Time between headers and body. */
  bodyDelayMs?: number;
  /** Sent as chunks with these trailers, instead of with a content-length. */
  trailers?: string[];
  pieceDelayMs?: number;
}

/** Sends one request piece by piece on a connection of its own, and reads the answer. */
export async function sendRaw(request: RawRequest): Promise<Answer> {
  const socket = connect(request.port, "127.0.0.1");
  socket.setNoDelay(true);
  try {
    const pieces = request.pieces.map((piece) => Buffer.from(piece));
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const length =
      request.trailers === undefined ? `content-length: ${bytes}` : "transfer-encoding: chunked";
    const head = [
      `POST ${request.path} HTTP/1.1`,
      "host: llm.example",
      ...(request.headers ?? ["content-type: application/json"]),
      length,
      "connection: close",
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    if (request.bodyDelayMs !== undefined) await pause(request.bodyDelayMs);
    for (const piece of pieces) {
      socket.write(request.trailers === undefined ? piece : chunk(piece));
      await pause(request.pieceDelayMs ?? PIECE_PAUSE_MS);
    }
    if (request.trailers !== undefined) {
      socket.write(`0\r\n${request.trailers.map((line) => `${line}\r\n`).join("")}\r\n`);
    }
    return await readAnswer(socket);
  } finally {
    socket.destroy();
  }
}

function chunk(piece: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${piece.length.toString(16)}\r\n`),
    piece,
    Buffer.from("\r\n"),
  ]);
}

/** Reads to the end of the connection. */
async function readAnswer(socket: Socket): Promise<Answer> {
  const chunks: Buffer[] = [];
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error("no answer in time")));
  for await (const one of socket) chunks.push(one as Buffer);
  const all = Buffer.concat(chunks);
  const headEnd = all.indexOf("\r\n\r\n");
  const [statusLine = "", ...lines] = all.subarray(0, headEnd).toString("latin1").split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return answerOf(Number(statusLine.split(" ")[1]), headers, all.subarray(headEnd + 4));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

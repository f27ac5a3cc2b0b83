// Stands between Envoy and a sidecar: its answers come late, broken or of another version.
import { randomBytes } from "node:crypto";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { LOOPBACK } from "../../../lab/ports.js";
import { seal } from "../../host/filter/support/wire.js";

const ANSWER_HEADER_BYTES = 16;
const ROW_BYTES = 128;
const OLD_ROW_BYTES = 112;
/** More than the filter's page, which is where an answer has to fit. */
const HUGE_BYTES = 5 << 20;
/** An endless body comes in pieces, until the one who asked has enough or the bound is reached. */
const PIECE_BYTES = 16 << 10;
const PIECE_PAUSE_MS = 20;
const PIECES_MAX = 2_000;

/** What is done to the sidecar's answers; `pass`: nothing. */
export const FAULTS = {
  pass: (answer: Buffer): Buffer => answer,
  "random bytes": (answer: Buffer): Buffer => randomBytes(answer.length),
  "cut short": (answer: Buffer): Buffer => answer.subarray(0, answer.length - 20),
  "wrong lengths": (answer: Buffer): Buffer => edit(answer, (copy) => addTo(copy, 4, 4)),
  "200 rows too many": (answer: Buffer): Buffer =>
    editTable(answer, (table) => addTo(table, 16, 200)),
  "wrong checksum": (answer: Buffer): Buffer => edit(answer, (copy) => addTo(copy, 28, 1)),
  "another version": (answer: Buffer): Buffer =>
    editTable(answer, (table) => table.writeUInt16LE(2, 4)),
  "an empty body": (): Buffer => Buffer.alloc(0),
  "5 MiB": (answer: Buffer): Buffer => Buffer.concat([answer, Buffer.alloc(HUGE_BYTES)]),
  "rows of 112 bytes": withOldRows,
} as const;

export type Fault = keyof typeof FAULTS | "status 500" | "endless body" | `late by ${number} ms`;

export interface BrokenSidecar {
  port: number;
  /** How many answers went out since the fault was set. */
  answers(): number;
  set(fault: Fault): void;
  stop(): Promise<void>;
}

/** Listens on `port`, and asks the sidecar at `sidecarPort`. */
export async function startBrokenSidecar(
  port: number,
  sidecarPort: number,
): Promise<BrokenSidecar> {
  let fault: Fault = "pass";
  let answers = 0;
  const server = createServer((asked, response) => {
    void ask(asked, sidecarPort).then(
      async (answer) => {
        answers++;
        await reply(fault, answer, response);
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(port, LOOPBACK, resolve));
  return {
    port,
    answers: () => answers,
    set: (next) => {
      fault = next;
      answers = 0;
    },
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function reply(fault: Fault, answer: Buffer, response: ServerResponse): Promise<void> {
  response.on("error", () => undefined);
  const delayMs = Number(/^late by (\d+) ms$/.exec(fault)?.[1] ?? 0);
  if (delayMs > 0) await sleep(delayMs);
  response.setHeader("content-type", "application/octet-stream");
  if (fault === "status 500") {
    response.writeHead(500).end("the sidecar failed");
  } else if (fault === "endless body") {
    for (let i = 0; i < PIECES_MAX && !response.destroyed; i++) {
      response.write(Buffer.alloc(PIECE_BYTES));
      await sleep(PIECE_PAUSE_MS);
    }
    response.destroy();
  } else {
    response.end(delayMs > 0 ? answer : FAULTS[fault as keyof typeof FAULTS](answer));
  }
}

/** The sidecar's answer to the same question. */
async function ask(asked: IncomingMessage, sidecarPort: number): Promise<Buffer> {
  const report = await bytesOf(asked);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const path = asked.url ?? "/";
    const sent = request({ host: LOOPBACK, port: sidecarPort, path, method: "POST" }, resolve);
    sent.once("error", reject);
    sent.end(report);
  });
  return await bytesOf(answer);
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function edit(answer: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(answer);
  change(copy);
  return copy;
}

/** Changes the table and writes the checksum that fits it. */
function editTable(answer: Buffer, change: (table: Buffer) => void): Buffer {
  return edit(answer, (copy) => {
    const end = ANSWER_HEADER_BYTES + copy.readUInt32LE(4);
    const table = copy.subarray(ANSWER_HEADER_BYTES, end);
    change(table);
    seal(table);
  });
}

function addTo(bytes: Buffer, at: number, add: number): void {
  bytes.writeUInt32LE(bytes.readUInt32LE(at) + add, at);
}

/** As the first sidecars wrote it: without what other gateways have in flight. */
function withOldRows(answer: Buffer): Buffer {
  const tableEnd = ANSWER_HEADER_BYTES + answer.readUInt32LE(4);
  const table = answer.subarray(ANSWER_HEADER_BYTES, tableEnd);
  const headerBytes = table.readUInt16LE(6);
  const rows = Array.from({ length: table.readUInt32LE(16) }, (_, i) => {
    const at = headerBytes + i * ROW_BYTES;
    return table.subarray(at, at + OLD_ROW_BYTES);
  });
  const old = Buffer.concat([table.subarray(0, headerBytes), ...rows]);
  old.writeUInt32LE(old.length, 8);
  old.writeUInt16LE(OLD_ROW_BYTES, 20);
  const head = Buffer.from(answer.subarray(0, ANSWER_HEADER_BYTES));
  head.writeUInt32LE(old.length, 4);
  return Buffer.concat([head, seal(old), answer.subarray(tableEnd)]);
}

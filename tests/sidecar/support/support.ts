// What the tests of the sidecar share: loopback servers, reports, a second decoder of the table.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { pino } from "pino";
import type { Clock } from "../../../sidecar-metrics/src/clock.js";
import { configSchema } from "../../../sidecar-metrics/src/config/schema.js";
import { startSidecar } from "../../../sidecar-metrics/src/sidecar.js";

/** Far beyond what anything here takes; it only ends a test that would never end. */
const GIVE_UP_MS = 20_000;

export const SILENT = pino({ level: "silent" });

export const REAL_CLOCK: Clock = {
  nowMs: () => performance.now(),
  unixMs: () => Date.now(),
  random: () => Math.random(),
};

/** The folder of package.json; tests run from a build folder inside it. */
export function repositoryRoot(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    try {
      readFileSync(join(folder, "package.json"));
      return folder;
    } catch {
      // One further up.
    }
  }
  throw new Error("no package.json above the tests");
}

export function fixture(name: string): Buffer {
  return readFileSync(join(repositoryRoot(), "tests/fixtures", name));
}

/** Waits until `condition` holds, however long the machine takes. */
export async function until<T>(what: string, condition: () => T | Promise<T>): Promise<T> {
  const endMs = performance.now() + GIVE_UP_MS;
  while (performance.now() < endMs) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never came: ${what}`);
}

export async function temporaryFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "warmroute-"));
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function listen(test: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => {
    if ("closeAllConnections" in server) (server.closeAllConnections as () => void)();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** An HTTP server on loopback that ends with the test; its port. */
export function serve(test: TestContext, listener: RequestListener): Promise<number> {
  return listen(test, createServer(listener));
}

/** A page in the form of a V1 pod. */
export function page(waiting: number, extra = ""): string {
  return [
    `vllm:num_requests_waiting{engine="0",model_name="m"} ${waiting}.0`,
    'vllm:num_requests_running{engine="0",model_name="m"} 2.0',
    extra,
    "",
  ].join("\n");
}

export async function startTestSidecar(test: TestContext, config: object) {
  const scrape = { intervalMs: 10, timeoutMs: 2_000 };
  const parsed = configSchema.parse({ listen: { port: 0 }, scrape, ...config });
  const parts = { clock: REAL_CLOCK, log: SILENT, version: "test" };
  const sidecar = await startSidecar(parsed, parts);
  test.after(() => sidecar.stop());
  const base = `http://127.0.0.1:${sidecar.port}`;
  return {
    base,
    text: async (path: string) => (await fetch(base + path)).text(),
    pools: async () => (await (await fetch(`${base}/v1/pools`)).json()) as PoolsJson,
    sync: async (pool: string, body: Buffer) => {
      const url = `${base}/v1/sync?pool=${encodeURIComponent(pool)}`;
      const response = await fetch(url, { method: "POST", body: new Uint8Array(body) });
      const answer = Buffer.from(await response.arrayBuffer());
      return { status: response.status, type: response.headers.get("content-type"), body: answer };
    },
  };
}

export interface PoolsJson {
  problems: { pool: string | null; text: string }[];
  pools: {
    name: string;
    routingStrategy: string | null;
    pods: (Record<string, unknown> & { address: string; state: string; number: number })[];
    gateways: Record<string, unknown>[];
    decisions: Record<string, unknown>[];
    totals: { decisions: Record<string, number> };
    recordBytes: number;
  }[];
}

export function report(json: unknown, records: Buffer = Buffer.alloc(0)): Buffer {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  const head = Buffer.alloc(16);
  head.write("WRR1", "latin1");
  head.writeUInt32LE(Buffer.byteLength(text), 4);
  head.writeUInt32LE(records.length, 8);
  return Buffer.concat([head, Buffer.from(text), records]);
}

/** A record of kind insert with one entry. */
export function insertRecord(hash: bigint, pod = 0): Buffer {
  const record = Buffer.alloc(24);
  record.writeUInt16LE(24, 0);
  record.writeUInt8(1, 2);
  record.writeUInt32LE(1, 4);
  record.writeUInt16LE(pod, 8);
  record.writeUInt16LE(1, 10);
  record.writeBigUInt64LE(hash, 12);
  record.writeUInt32LE(256, 20);
  return record;
}

/** Decodes an answer by docs/table-format.md, sharing nothing with the encoder. */
export function decodeAnswer(answer: Buffer) {
  const tableBytes = answer.readUInt32LE(4);
  const recordBytes = answer.readUInt32LE(8);
  const table = answer.subarray(16, 16 + tableBytes);
  let hash = 2166136261n;
  for (let at = 16; at < tableBytes; at += 4) {
    hash = ((hash ^ BigInt(table.readUInt32LE(at))) * 16777619n) % 2n ** 32n;
  }
  const rows = Array.from({ length: table.readUInt32LE(16) }, (_, index) => {
    const row = table.subarray(72 + index * 128, 72 + (index + 1) * 128);
    return {
      number: row.readUInt16LE(0),
      flags: row[2],
      epoch: row.readUInt32LE(4),
      ageMs: row.readUInt32LE(8),
      waiting: row.readUInt32LE(12),
      running: row.readUInt32LE(16),
      address: row.toString("latin1", 64, 64 + (row[3] ?? 0)),
      shared: Array.from({ length: 4 }, (_none, i) => row.readUInt32LE(112 + i * 4)),
    };
  });
  return {
    magic: answer.toString("latin1", 0, 4),
    isWhole: answer.length === 16 + tableBytes + recordBytes,
    isChecksumRight: table.readUInt32LE(12) === Number(hash),
    strategy: table[22],
    hashKey: (table[23] ?? 0) & 1 ? table.toString("hex", 24, 40) : null,
    nextBatch: answer.readUInt32LE(12),
    incarnation: table.readBigUInt64LE(40).toString(16).padStart(16, "0"),
    sequence: table.readBigUInt64LE(48),
    rows,
    records: answer.subarray(16 + tableBytes),
  };
}

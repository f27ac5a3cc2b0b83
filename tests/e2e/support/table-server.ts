// A sidecar that only gives tables, laid by the test: what the filter does with each is certain.
import { createServer } from "node:http";
import type { Sidecar } from "../../../lab/sidecar.js";
import { encodeModels, type ModelsSpec } from "../../host/filter/support/models-section.js";
import { encodeAnswer, encodeTable } from "../../host/filter/support/wire.js";

const HASH_KEY = Uint8Array.from({ length: 16 }, (_, i) => i);

export interface TablePool {
  /** `ip:port` of each pod. */
  pods: string[];
  models?: ModelsSpec;
  /** How late each answer comes; at once when absent. */
  delayMs?: number;
}

/** Answers polls for these pools, which a test may change, until it is stopped. */
export async function startTableServer(
  port: number,
  pools: Map<string, TablePool>,
): Promise<Omit<Sidecar, "child">> {
  let sequence = 0n;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      const name = new URL(request.url ?? "/", "http://x").searchParams.get("pool") ?? "";
      const pool = pools.get(name);
      if (pool === undefined) {
        response.writeHead(404).end(`no pool ${name}`);
        return;
      }
      sequence++;
      const rows = pool.pods.map((address, number) => ({ number, address }));
      const models = pool.models === undefined ? undefined : encodeModels(pool.models);
      const table = encodeTable({ rows, hashKey: HASH_KEY, sequence, models });
      response.setHeader("content-type", "application/octet-stream");
      setTimeout(() => response.end(encodeAnswer(table)), pool.delayMs ?? 0);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://127.0.0.1:${port}`, stop };
}

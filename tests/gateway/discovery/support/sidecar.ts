// A sidecar in this process that finds its pools in a test's API server, and what it then serves.
import type { TestContext } from "node:test";
import {
  CLUSTER_TIMES,
  type ClusterTimes,
} from "../../../../sidecar-metrics/src/discovery/kubernetes/settings.js";
import { configSchema } from "../../../../sidecar-metrics/src/config/schema.js";
import { startSidecar } from "../../../../sidecar-metrics/src/sidecar.js";
import {
  decodeAnswer,
  type PoolsJson,
  REAL_CLOCK,
  report,
  SILENT,
} from "../../../sidecar/support/support.js";

/** What waits in minutes for an operator waits in moments for a test. */
const QUICK: ClusterTimes = { ...CLUSTER_TIMES, discoveryMs: 200, backoffMaxMs: 500 };

export interface KubernetesJson {
  isConnected: boolean;
  watched: { path: string; objects: number | null; trouble: { message: string } | null }[];
}

export type ViewJson = PoolsJson & { notes: string[]; kubernetes: KubernetesJson };

export interface Row {
  address: string;
  mayBePicked: boolean;
  epoch: number;
  number: number;
}

export interface TestSidecar {
  view(): Promise<ViewJson>;
  /** Every problem as `pool: text`, or the text alone. */
  problems(): Promise<string[]>;
  text(path: string): Promise<string>;
  /** Rows of the table that a filter gets, by address; null for an unknown pool. */
  rows(pool: string): Promise<Row[] | null>;
  /** `address` of those that may be picked, `-address` of the others. */
  addresses(pool: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startDiscovering(
  test: TestContext,
  config: object,
  times: Partial<ClusterTimes> = {},
): Promise<TestSidecar> {
  const scrape = { intervalMs: 20, timeoutMs: 1_000 };
  const parsed = configSchema.parse({ listen: { port: 0 }, scrape, ...config });
  const parts = { clock: REAL_CLOCK, log: SILENT, version: "test" };
  const sidecar = await startSidecar(parsed, { ...parts, clusterTimes: { ...QUICK, ...times } });
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (!isStopped) await sidecar.stop();
    isStopped = true;
  };
  test.after(stop);
  const base = `http://127.0.0.1:${sidecar.port}`;
  const view = async () => (await (await fetch(`${base}/v1/pools`)).json()) as ViewJson;
  const rows = (pool: string): Promise<Row[] | null> => fetchRows(base, pool);
  return {
    stop,
    view,
    rows,
    text: async (path) => (await fetch(base + path)).text(),
    problems: async () => (await view()).problems.map(({ pool, text }) => withPool(pool, text)),
    addresses: async (pool) => {
      const all = await rows(pool);
      if (all === null) return "no such pool";
      return all.map((row) => (row.mayBePicked ? row.address : `-${row.address}`)).join(" ");
    },
  };
}

function withPool(pool: string | null, text: string): string {
  return pool === null ? text : `${pool}: ${text}`;
}

async function fetchRows(base: string, pool: string): Promise<Row[] | null> {
  const url = `${base}/v1/sync?pool=${encodeURIComponent(pool)}`;
  const body = new Uint8Array(report({ incarnation: "test" }));
  const response = await fetch(url, { method: "POST", body });
  const answer = Buffer.from(await response.arrayBuffer());
  if (response.status === 404) return null;
  return decodeAnswer(answer)
    .rows.map(({ address, flags = 0, epoch, number }) => {
      return { address, mayBePicked: (flags & 1) === 1, epoch, number };
    })
    .sort((a, b) => a.address.localeCompare(b.address, "en", { numeric: true }));
}

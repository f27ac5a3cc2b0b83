// A real Envoy with the built filter, a real sidecar, and pods: what every scenario starts from.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { startEnvoy, type Envoy } from "../../../lab/envoy.js";
import {
  bootstrap,
  httpListener,
  podsCluster,
  sidecarCluster,
  type Listener,
  type ListenerOptions,
} from "../../../lab/envoy-config.js";
import { freePorts } from "../../../lab/ports.js";
import { until } from "../../../lab/processes.js";
import { startSidecar, type Sidecar } from "../../../lab/sidecar.js";
import { startTableServer, type TablePool } from "./table-server.js";

/** The repository's root, two folders above the compiled tests. */
const ROOT = fileURLToPath(new URL("../../../../../", import.meta.url));
export const FILTER_WASM = process.env["FILTER_WASM"] ?? `${ROOT}build/filter.wasm`;
const READY_TIMEOUT_MS = 10_000;
/** Sends spread over the workers: each new connection is taken by one of them. */
export const WORKERS = 2;

export interface RigPool {
  name: string;
  pods: string[];
  /** Keys of the filter's configuration besides `pool`. */
  config?: Record<string, unknown>;
  listener?: Partial<ListenerOptions>;
  /** Keys of the pool in the sidecar's configuration. */
  sidecar?: Record<string, unknown>;
  allowHold?: boolean;
}

export interface Rig {
  envoy: Envoy;
  sidecar: Pick<Sidecar, "stop">;
  sidecarPort: number;
  /** By pool: where its listener is. */
  urls: string[];
  ports: number[];
  /** The listener of a pool with another configuration. */
  listener(index: number, config: Record<string, unknown> | string): Listener;
  stop(): Promise<void>;
}

/** With `tables` the test's own tables stand in for the sidecar's. */
export async function startRig(pools: RigPool[], tables?: Map<string, TablePool>): Promise<Rig> {
  if (!existsSync(FILTER_WASM)) throw new Error(`${FILTER_WASM} is not built`);
  const [adminPort, sidecarPort, ...ports] = await freePorts(2 + pools.length);
  const sidecar =
    tables !== undefined
      ? await startTableServer(sidecarPort as number, tables)
      : await startSidecar({
          port: sidecarPort as number,
          pools: pools.map(({ name, pods, sidecar }) => ({ ...sidecar, name, pods })),
        });
  const listener = (index: number, config: Record<string, unknown> | string): Listener => {
    const pool = pools[index] as RigPool;
    return httpListener({
      name: `llm-gw-${pool.name}`,
      port: ports[index] as number,
      cluster: pool.name,
      ...pool.listener,
      filter: {
        wasmPath: FILTER_WASM,
        config:
          typeof config === "string" ? config : { pool: pool.name, debugHeaders: true, ...config },
        name: `warmroute-${pool.name}`,
        allowHold: pool.allowHold ?? true,
      },
    });
  };
  const envoy = await startEnvoy({
    bootstrap: bootstrap(
      adminPort as number,
      [],
      [
        ...pools.map(({ name, pods }) => podsCluster({ name, pods, routed: true })),
        sidecarCluster(`127.0.0.1:${sidecarPort}`),
      ],
    ),
    listeners: pools.map((pool, index) => listener(index, pool.config ?? {})),
    concurrency: WORKERS,
  });
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  for (const url of urls) await untilRouted(url);
  const stop = async (): Promise<void> => {
    await envoy.stop();
    await sidecar.stop();
  };
  return { envoy, sidecar, sidecarPort: sidecarPort as number, urls, ports, listener, stop };
}

/** What came back for one request. */
export interface Answer {
  status: number;
  pod: string;
  /** From `x-warmroute-decision`. */
  decision: { pod: string; reason: string; cached: number };
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** One request on a connection of its own, so that requests fall on both workers. */
export async function send(
  url: string,
  body: string | Buffer | null,
  headers: Record<string, string> = {},
  method = body === null ? "GET" : "POST",
): Promise<Answer> {
  const agent = new Agent({ keepAliveTimeout: 1 });
  try {
    const type: Record<string, string> =
      body === null ? {} : { "content-type": "application/json" };
    const response = await request(url, {
      method: method as "GET",
      headers: { ...type, ...headers },
      body,
      dispatcher: agent,
    });
    const bytes = Buffer.from(await response.body.arrayBuffer());
    return answerOf(response.statusCode, response.headers, bytes);
  } finally {
    await agent.close();
  }
}

export function answerOf(
  status: number,
  headers: Record<string, string | string[] | undefined>,
  body: Buffer,
): Answer {
  const text = String(headers["x-warmroute-decision"] ?? "");
  const field = (name: string): string => new RegExp(`${name}=([^;]*)`).exec(text)?.[1] ?? "";
  return {
    status,
    pod: String(headers["x-pod"] ?? ""),
    decision: { pod: field("pod"), reason: field("reason"), cached: Number(field("cached")) },
    headers,
    body,
  };
}

/** A chat whose prompt is `text`. */
export function chat(text: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ model: "m", messages: [{ role: "user", content: text }], ...more });
}

/** Distinct text of about `bytes` bytes. */
export function prose(seed: string, bytes: number): string {
  let text = "";
  for (let i = 0; text.length < bytes; i++) text += `${seed} sentence ${i} of the prompt. `;
  return text.slice(0, bytes);
}

/** Sends until both workers answer for this prompt from what they know of it. */
export async function untilKnown(url: string, body: string): Promise<string> {
  let inARow = 0;
  let pod = "";
  await until(
    "both workers know the prompt",
    async () => {
      const answer = await send(url, body);
      inARow = answer.decision.reason === "prefix" ? inARow + 1 : 0;
      pod = answer.pod;
      await sleep(15);
      return inARow >= 8;
    },
    READY_TIMEOUT_MS,
  );
  return pod;
}

async function untilRouted(url: string): Promise<void> {
  let inARow = 0;
  await until(
    `the table is in force at ${url}`,
    async () => {
      const { decision } = await send(`${url}/health`, null);
      inARow = decision.reason === "no-prompt" ? inARow + 1 : 0;
      return inARow >= 8;
    },
    READY_TIMEOUT_MS,
  );
}

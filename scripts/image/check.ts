// Loads a module in a real Envoy and routes requests through it: what cannot do that must not ship.
//
// Envoy accepts the configuration of a module that it cannot load, and then answers 503 to every
// request of the listener; nothing but a request shows it.
import { existsSync } from "node:fs";
import { bootstrap, httpListener, podsCluster, sidecarCluster } from "../../lab/envoy-config.js";
import { startEnvoy, type Envoy } from "../../lab/envoy.js";
import { freePorts, LOOPBACK } from "../../lab/ports.js";
import { startSidecar } from "../../lab/sidecar.js";
import { startCheckPod } from "./check-pod.js";
import { quoted, routeVerdict, wasmErrors, type Seen } from "./check-verdict.js";

const POOL = "check";
/** More than a busy machine takes to hand the first table to every worker. */
const ROUTED_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 5_000;
const WORKERS = 2;
const BODY = JSON.stringify({
  model: "m",
  messages: [{ role: "user", content: "Are you there?" }],
});

export interface ModuleCheck {
  /** As `1.39.3`. */
  envoyVersion: string;
}

/** Rejects with one readable text when the module does not load or does not route. */
export async function checkModule(
  wasmPath: string,
  routedTimeoutMs = ROUTED_TIMEOUT_MS,
): Promise<ModuleCheck> {
  if (!existsSync(wasmPath)) throw new Error(`there is no module ${wasmPath}`);
  const listed = await startCheckPod("listed");
  // Envoy knows this one too, so only the filter's choice keeps requests from it.
  const unlisted = await startCheckPod("unlisted");
  try {
    const [admin, port, sidecarPort] = (await freePorts(3)) as [number, number, number];
    const pools = [{ name: POOL, pods: [listed.address] }];
    const sidecar = await startSidecar({ port: sidecarPort, pools });
    try {
      const pods = [listed.address, unlisted.address];
      const envoy = await startChecked(wasmPath, { admin, port, sidecarPort, pods });
      try {
        await untilRouted(wasmPath, `http://${LOOPBACK}:${port}`, envoy, routedTimeoutMs);
        return { envoyVersion: await versionOf(envoy) };
      } finally {
        await envoy.stop();
      }
    } finally {
      await sidecar.stop();
    }
  } finally {
    listed.close();
    unlisted.close();
  }
}

interface Place {
  admin: number;
  port: number;
  sidecarPort: number;
  pods: string[];
}

async function startChecked(wasmPath: string, place: Place): Promise<Envoy> {
  const { admin, port, sidecarPort, pods } = place;
  const filter = { wasmPath, config: { pool: POOL, debugHeaders: true } };
  const listener = httpListener({ name: "check", port, cluster: POOL, filter });
  const clusters = [
    podsCluster({ name: POOL, pods, routed: true }),
    sidecarCluster(`${LOOPBACK}:${sidecarPort}`),
  ];
  try {
    return await startEnvoy({
      bootstrap: bootstrap(admin, [listener], clusters),
      concurrency: WORKERS,
      logLevel: "warn",
    });
  } catch (error) {
    const { message } = error as Error;
    const errors = wasmErrors(message);
    if (errors.length === 0) throw error;
    throw new Error(quoted(`${wasmPath}: Envoy cannot load the module`, errors));
  }
}

/** Asks until the module routed as many requests in a row as show that every worker does. */
async function untilRouted(
  wasmPath: string,
  url: string,
  envoy: Envoy,
  timeoutMs: number,
): Promise<void> {
  const seen: Seen[] = [];
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    seen.push(await ask(url));
    const isOver = performance.now() >= endMs || !envoy.child.isRunning;
    const verdict = routeVerdict(seen, envoy.log, isOver);
    if (verdict === "routed") return;
    if (verdict !== "waiting") throw new Error(`${wasmPath}: ${verdict}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** On a connection of its own, for each connection is taken by one worker. */
async function ask(url: string): Promise<Seen> {
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", connection: "close" },
      body: BODY,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    const { headers, status } = response;
    return { status, pod: headers.get("x-pod"), decision: headers.get("x-warmroute-decision") };
  } catch (error) {
    const { cause, message } = error as Error;
    return { status: 0, pod: null, decision: String((cause as Error | undefined) ?? message) };
  }
}

/** `COMMIT/1.39.3/Clean/RELEASE/BoringSSL`. */
async function versionOf(envoy: Envoy): Promise<string> {
  const { version } = JSON.parse(await envoy.get("/server_info")) as { version: string };
  return version.split("/")[1] ?? version;
}

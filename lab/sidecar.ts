// Starts the sidecar as its own process, with a configuration file made for it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LOOPBACK } from "./ports.js";
import { start, type Child } from "./processes.js";

/** Built beside this file, so that any output folder works. */
const ENTRY = fileURLToPath(new URL("../sidecar-metrics/src/main.js", import.meta.url));
/** The key of SipHash's published test vectors; a lab has no secrets. */
const HASH_KEY = "000102030405060708090a0b0c0d0e0f";

export interface SidecarOptions {
  port: number;
  /** `pods`: a list, or a watched file; other keys as in the sidecar's configuration. */
  pools: { name: string; pods: string | (string | object)[]; [key: string]: unknown }[];
  /** Keys of the configuration's top level. */
  config?: Record<string, unknown>;
  /** Where its files go; a new temporary folder, removed at the end, when absent. */
  folder?: string;
}

export interface Sidecar {
  child: Child;
  url: string;
  stop(): Promise<void>;
}

/** Starts a sidecar and waits until it is ready: it has tried every pod at least once. */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "warmroute-sidecar-"));
  mkdirSync(folder, { recursive: true });
  const configPath = join(folder, "sidecar.yaml");
  const pools = options.pools.map(({ pods, ...rest }) => ({
    ...rest,
    pods: typeof pods === "string" ? { file: pods } : { static: pods },
  }));
  const listen = { host: LOOPBACK, port: options.port };
  const config = { listen, logLevel: "warn", hashKey: HASH_KEY, pools, ...options.config };
  // JSON is YAML.
  writeFileSync(configPath, JSON.stringify(config, null, 1));
  const url = `http://${LOOPBACK}:${options.port}`;
  const child = await start({
    name: "sidecar",
    command: process.execPath,
    args: [ENTRY, "--config", configPath],
    logPath: join(folder, "sidecar.log"),
    readyUrl: `${url}/readyz`,
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
  };
  return { child, url, stop };
}

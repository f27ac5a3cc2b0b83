// The standalone Envoy Gateway: it watches a folder of YAML and runs Envoy on this machine.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { findEnvoy } from "../../../../lab/find-envoy.js";
import { start, type Child } from "../../../../lab/processes.js";
import { ROOT, tool } from "../../support/tools.js";

/** The version that manifests/standalone names; func-e looks for it in the data folder. */
const ENVOY_VERSION = "1.39.3";
/** 200 once the folder is watched: a file that comes before is only read with the next change. */
const READY_URL = "http://127.0.0.1:8081/readyz";
const READY_TIMEOUT_MS = 60_000;

export interface Gateway {
  /** The running one. */
  child: Child;
  /** Where `certgen --local` left the certificates. */
  configHome: string;
  /** Everything that the gateway and its Envoy logged since the last start. */
  log(): string;
  /** Puts a file into the watched folder in one step. */
  apply(name: string, text: string): void;
  /** Asks Envoy's admin interface; throws while there is no Envoy. */
  admin(path: string): Promise<string>;
  /** Ends it, and its Envoy with it, and starts it anew with the same folders. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the gateway with an empty folder, and waits until it watches. */
export async function startGateway(folder: string): Promise<Gateway> {
  const paths = Object.fromEntries(
    ["manifests", "config", "data", "state", "runtime", "home"].map((name) => {
      const path = join(folder, name);
      mkdirSync(path, { recursive: true });
      return [name, path];
    }),
  ) as Record<"manifests" | "config" | "data" | "state" | "runtime" | "home", string>;
  // Without it the server of the modules does not start ("wasm cache is not initialized").
  const program = tool("WARMROUTE_ENVOY_GATEWAY_BIN");
  execFileSync(program, ["certgen", "--local", "--config-home", paths.config], { stdio: "pipe" });
  const bin = join(paths.data, "envoy-versions", ENVOY_VERSION, "bin");
  mkdirSync(bin, { recursive: true });
  symlinkSync(findEnvoy(), join(bin, "envoy"));
  const configPath = join(folder, "envoy-gateway.json");
  writeFileSync(configPath, JSON.stringify(configuration(paths)));
  const run = (): Promise<Child> =>
    start({
      name: "envoy-gateway",
      command: program,
      args: ["server", "--config-path", configPath],
      // It keeps modules in $HOME/.eg/wasm, for which there is no setting.
      env: { HOME: paths.home },
      logPath: join(folder, "envoy-gateway.log"),
      readyUrl: READY_URL,
      readyTimeoutMs: READY_TIMEOUT_MS,
    });
  const gateway: Gateway = {
    child: await run(),
    configHome: paths.config,
    log: () => readFileSync(join(folder, "envoy-gateway.log"), "utf8"),
    apply: (name, text) => {
      // Hidden files are not read.
      const next = join(paths.manifests, `.${name}`);
      writeFileSync(next, text);
      renameSync(next, join(paths.manifests, name));
    },
    admin: (path) => askAdmin(paths.runtime, path),
    restart: async () => {
      await gateway.child.stop();
      gateway.child = await run();
    },
    stop: () => gateway.child.stop(),
  };
  return gateway;
}

/** The shipped configuration with folders of this run. */
function configuration(paths: Record<string, string>): object {
  const text = readFileSync(`${ROOT}manifests/standalone/envoy-gateway.yaml`, "utf8");
  const config = parse(text) as {
    provider: { custom: { resource: { file: object }; infrastructure: { host: object } } };
  };
  const { resource, infrastructure } = config.provider.custom;
  resource.file = { paths: [paths["manifests"]] };
  infrastructure.host = {
    configHome: paths["config"],
    dataHome: paths["data"],
    stateHome: paths["state"],
    runtimeDir: paths["runtime"],
  };
  return config;
}

/** Envoy's admin interface has a port of its own choice; func-e writes it down for each run. */
async function askAdmin(runtime: string, path: string): Promise<string> {
  const runs = readdirSync(runtime, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith("admin-address.txt"))
    .sort();
  const file = runs.at(-1);
  if (file === undefined) throw new Error("the gateway runs no Envoy");
  const address = readFileSync(join(runtime, file), "utf8").trim();
  const response = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(5000) });
  return await response.text();
}

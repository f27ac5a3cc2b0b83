#!/usr/bin/env node
// The sidecar's command: options, signals and exit codes.
import { Command } from "commander";
import { pino } from "pino";
import type { Clock } from "./clock.js";
import { FILE_VARIABLE } from "./config/environment.js";
import { ConfigError } from "./config/explain.js";
import { keyTable } from "./config/keys.js";
import { loadConfig } from "./config/load.js";
import { DISCOVERY_MODULES, needsCluster } from "./discovery/discovery.js";
import { readHashKey } from "./hash-key.js";
import { checkFiles } from "./scrape/client.js";
import { readFiles as readSharingFiles } from "./sharing/nats/files.js";
import { startSidecar } from "./sidecar.js";

const VERSION = "0.1.0";
const EXIT_REFUSED = 2;

const CLOCK: Clock = {
  nowMs: () => performance.now(),
  unixMs: () => Date.now(),
  random: () => Math.random(),
};

async function run(options: { config?: string; check?: boolean }): Promise<void> {
  const file = options.config ?? process.env[FILE_VARIABLE] ?? null;
  const { config, unknownVariables } = await loadConfig(file, process.env);
  if (options.check === true) {
    if (config.hashKeyFile !== undefined) await readHashKey(config.hashKeyFile);
    for (const pool of config.pools) await checkFiles(pool);
    if (config.kubernetes !== undefined) await checkFiles({ ...config.kubernetes, name: "found" });
    if (config.sharing !== undefined) await readSharingFiles(config.sharing.nats);
    if (needsCluster(config)) (await DISCOVERY_MODULES.cluster()).checkCluster(config);
    return void process.stdout.write("the configuration is good\n");
  }
  const log = pino({ level: config.logLevel });
  for (const name of unknownVariables) log.warn(`environment variable ${name} is no key: ignored`);
  const sidecar = await startSidecar(config, { clock: CLOCK, log, version: VERSION });
  const { host } = config.listen;
  log.info({ host, port: sidecar.port, pools: config.pools.length }, "listening");
  const stop = (signal: string): void => {
    log.info({ signal }, "stopping");
    void sidecar.stop().then(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

/** One line for what a person can put right; anything else is a bug and shows its stack. */
function refuse(error: unknown): void {
  const line = explain(error);
  process.stderr.write(`warmroute-sidecar: ${line ?? String((error as Error).stack)}\n`);
  process.exitCode = line === null ? 1 : EXIT_REFUSED;
  // Watches and connections that were set up before would keep the process alive.
  setImmediate(() => process.exit());
}

interface ListenError {
  code?: string;
  address?: string;
  port?: number;
  hostname?: string;
}

function explain(error: unknown): string | null {
  if (error instanceof ConfigError) return error.message;
  const { code, address, port, hostname } = error as ListenError;
  if (code === "EADDRINUSE") return `listen.port: port ${port} of ${address} is taken`;
  if (code === "EACCES" && port !== undefined) return `listen.port: port ${port} is not permitted`;
  if (code === "EADDRNOTAVAIL") return `listen.host: ${address} is no address of this machine`;
  // The second is what a machine whose name servers do not answer says.
  const isUnknown = code === "ENOTFOUND" || code === "EAI_AGAIN";
  return isUnknown ? `listen.host: the name ${hostname} is unknown` : null;
}

const command = new Command("warmroute-sidecar")
  .description("Watches vLLM pods and gives their load to the warmroute filter.")
  .version(VERSION)
  .option("--config <file>", `YAML configuration (or ${FILE_VARIABLE})`)
  .option("--check", "check the configuration and exit")
  .option("--keys", "print the table of configuration keys and exit")
  .action((options: { config?: string; check?: boolean; keys?: boolean }) => {
    if (options.keys === true) process.stdout.write(`${keyTable()}\n`);
    else run(options).catch(refuse);
  });

command.parse();

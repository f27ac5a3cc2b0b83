// A real image registry on the rig's own address.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start, type Child } from "../../../lab/processes.js";
import { CONTROL_ADDRESS, REGISTRY_PORT } from "./addresses.js";
import { tool } from "./tools.js";

/** Plain HTTP: Envoy Gateway's client speaks it to registries at private addresses. */
export const REGISTRY = `${CONTROL_ADDRESS}:${REGISTRY_PORT}`;

export async function startRegistry(folder: string): Promise<Child> {
  mkdirSync(folder, { recursive: true });
  const configPath = join(folder, "registry.json");
  const config = {
    version: "0.1",
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: REGISTRY },
  };
  writeFileSync(configPath, JSON.stringify(config));
  return await start({
    name: "registry",
    command: tool("WARMROUTE_REGISTRY_BIN"),
    args: ["serve", configPath],
    logPath: join(folder, "registry.log"),
    readyUrl: `http://${REGISTRY}/v2/`,
  });
}

// Finds the Envoy of this machine.
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** ENVOY_BIN, else envoy on PATH, else the wheel in .venv; throws what to do when there is none. */
export function findEnvoy(env: NodeJS.ProcessEnv = process.env): string {
  const named = env["ENVOY_BIN"];
  if (named !== undefined && named !== "") {
    if (isExecutable(named)) return named;
    throw new Error(`ENVOY_BIN=${named} is not an executable file`);
  }
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    const candidate = join(folder, "envoy");
    if (folder !== "" && isExecutable(candidate)) return candidate;
  }
  for (const version of listed(".venv/lib")) {
    const candidate = join(".venv/lib", version, "site-packages/envoy/_bin/envoy");
    if (isExecutable(candidate)) return candidate;
  }
  throw new Error("there is no Envoy: set ENVOY_BIN, or run ./build.sh setup");
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

// `./build.sh bench [NAME [ARGS...]]`: runs one benchmark, or all of them, each in a new process.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** By name: `envoy` is a folder with a main, every file of micro/ is one by itself. */
function benchmarks(): Map<string, string> {
  const found = new Map<string, string>();
  const micro = join(here, "micro");
  for (const file of existsSync(micro) ? readdirSync(micro).sort() : []) {
    if (file.endsWith(".js")) found.set(basename(file, ".js"), join(micro, file));
  }
  for (const folder of readdirSync(here).sort()) {
    const entry = join(here, folder, "main.js");
    if (existsSync(entry)) found.set(folder, entry);
  }
  return found;
}

const all = benchmarks();
const [name, ...args] = process.argv.slice(2);
if (name !== undefined && !all.has(name)) {
  console.error(`there is no benchmark "${name}"; there are ${[...all.keys()].join(", ")}`);
  process.exitCode = 1;
} else {
  for (const [one, entry] of all) {
    if (name !== undefined && one !== name) continue;
    if (name === undefined) console.log(`== ${one}`);
    const { status } = spawnSync(process.execPath, [entry, ...args], { stdio: "inherit" });
    if (status !== 0) process.exitCode = status ?? 1;
  }
}

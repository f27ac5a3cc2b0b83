// Compiles the filter with the injected trap, unless it is there and no source is newer.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectPath } from "../../../scripts/config/project.js";

const ENTRY = "tests/faults/fixtures/trap-filter.ts";
const COMPILE_TIMEOUT_MS = 120_000;

/** The path of the module; a request with the header `x-trap` takes its VM down. */
export function trapFilter(): string {
  const root = projectPath();
  const out = projectPath("build", "faults", "trap.wasm");
  if (isFresh(root, out)) return out;
  mkdirSync(dirname(out), { recursive: true });
  // The options are those of asconfig.json, as for the filter itself.
  const args = [ENTRY, "--target", "release", "--outFile", `${out}.new`];
  execFileSync(join(root, "node_modules/.bin/asc"), args, {
    cwd: root,
    timeout: COMPILE_TIMEOUT_MS,
    stdio: ["ignore", "ignore", "inherit"],
  });
  renameSync(`${out}.new`, out);
  return out;
}

function isFresh(root: string, out: string): boolean {
  const made = statSync(out, { throwIfNoEntry: false });
  if (made === undefined) return false;
  const sources = readdirSync(join(root, "filter"), { recursive: true, encoding: "utf8" })
    .map((name) => join(root, "filter", name))
    .concat(join(root, ENTRY), join(root, "asconfig.json"));
  return sources.every((path) => statSync(path).mtimeMs < made.mtimeMs);
}

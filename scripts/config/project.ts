// Finds the project's root from a compiled script, however deep the output directory lies.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const LEVELS_MAX = 8;

function findRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  for (let level = 0; level < LEVELS_MAX; level++) {
    if (existsSync(join(directory, "filter", "config-keys.json"))) return directory;
    directory = dirname(directory);
  }
  throw new Error("filter/config-keys.json is in no directory above this script");
}

/** Directory that holds `filter/` and `docs/`. */
export const PROJECT_ROOT = findRoot();

/** Path of a file of the project. */
export function projectPath(...parts: string[]): string {
  return join(PROJECT_ROOT, ...parts);
}

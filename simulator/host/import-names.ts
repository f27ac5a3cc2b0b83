// Numbers of the imports, for their call counters, and which of them are allowed at which time.
import { IMPORT_SIGNATURES } from "./signatures.js";

/** Every import by name, in the order of their counters; WASI's two modules share them. */
export const IMPORT_NAMES: readonly string[] = [
  ...Object.keys(IMPORT_SIGNATURES["env"]!),
  ...Object.keys(IMPORT_SIGNATURES["wasi_snapshot_preview1"]!),
];

const LOG = "proxy_log fd_write clock_time_get poll_oneoff".split(" ");
const REFUSED_AT_START = "fd_read fd_seek fd_close path_open proc_exit sched_yield".split(" ");

/** What may be called while the VM starts (`_initialize`, `_start`, `main`): any other traps. */
export const ALLOWED_AT_START: readonly boolean[] = IMPORT_NAMES.map((name) => {
  if (name in IMPORT_SIGNATURES["env"]!) {
    return name === "proxy_log" || name === "emscripten_notify_memory_growth";
  }
  return !REFUSED_AT_START.includes(name);
});

/** What may be called from `malloc`, when the host asks for memory: any other traps. */
export const ALLOWED_IN_MALLOC: readonly boolean[] = IMPORT_NAMES.map((name) => LOG.includes(name));

/** The counter of an import. */
export function importIndex(name: string): number {
  const index = IMPORT_NAMES.indexOf(name);
  if (index < 0) throw new Error(`Envoy has no import ${name}`);
  return index;
}

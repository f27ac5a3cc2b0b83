// All functions a module may import, by module and name, over one VM.
import { generalImports, propertyImports } from "./imports-general.js";
import { bufferImports, headerImports, streamImports } from "./imports-http.js";
import { callImports, dataImports, metricImports, queueImports } from "./imports-state.js";
import { wasiImports } from "./imports-wasi.js";
import type { WasmHost } from "./wasm-host.js";

/** Numbers for i32, bigints for i64. */
export type ImportFunction = (...args: never[]) => number | void;
export type Imports = Record<string, ImportFunction>;

export function createImports(host: WasmHost): Record<string, Imports> {
  const env: Imports = {
    ...generalImports(host),
    ...propertyImports(host),
    ...headerImports(host),
    ...bufferImports(host),
    ...streamImports(host),
    ...dataImports(host),
    ...queueImports(host),
    ...metricImports(host),
    ...callImports(host),
  };
  const wasi = wasiImports(host);
  return { env, wasi_snapshot_preview1: wasi, wasi_unstable: wasi };
}

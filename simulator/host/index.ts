// The host's public face: what tests, benchmarks and the simulator import.
export * from "./abi.js";
export { BodyBuffer } from "./body-buffer.js";
export type { LocalResponse, PropertyValue } from "./context.js";
export { HeaderMap, type Pair } from "./header-map.js";
export type { HttpCall } from "./http-call.js";
export { loadModule } from "./module-check.js";
export * from "./request.js";
export type { RootContext, RootOptions } from "./root-context.js";
export { SharedData } from "./shared-data.js";
export { Stats } from "./stats.js";
export type { StreamContext, StreamOptions } from "./stream-context.js";
export { WasmHost, type ForeignFunction, type WasmHostOptions } from "./wasm-host.js";

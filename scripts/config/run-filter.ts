// Gives one configuration to the built filter in a VM of its own, as Envoy does at start.
import { LogLevel } from "../../simulator/host/abi.js";
import { SharedData } from "../../simulator/host/shared-data.js";
import { WasmHost } from "../../simulator/host/wasm-host.js";

/** Null when the filter takes the configuration, else the line that it logs. */
export function configure(module: WebAssembly.Module, configuration: Uint8Array): string | null {
  const errors: string[] = [];
  const host = new WasmHost({
    module,
    sharedData: new SharedData(),
    clock: { nowNs: () => BigInt(Date.now()) * 1_000_000n },
    random: Math.random,
    log: (level, message) => {
      if (level >= LogLevel.Error) errors.push(message);
    },
  });
  const root = host.newRoot(configuration);
  if (root.accepted) return null;
  if (host.error !== null) return `the filter trapped: ${host.error.message}`;
  return errors.at(-1) ?? "the filter refused it without a word";
}

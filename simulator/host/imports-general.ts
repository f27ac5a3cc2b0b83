// Imports for logs, time, ticks, contexts, foreign functions and properties.
import { LOG_LEVEL_MAX, type LogLevel, Status } from "./abi.js";
import { importIndex } from "./import-names.js";
import type { Imports } from "./imports.js";
import { serialize } from "./properties.js";
import { returnBytes, returnText } from "./results.js";
import type { WasmHost } from "./wasm-host.js";

const LOG = importIndex("proxy_log");
const GET_LOG_LEVEL = importIndex("proxy_get_log_level");
const GET_STATUS = importIndex("proxy_get_status");
const SET_TICK_PERIOD = importIndex("proxy_set_tick_period_milliseconds");
const GET_TIME = importIndex("proxy_get_current_time_nanoseconds");
const SET_EFFECTIVE_CONTEXT = importIndex("proxy_set_effective_context");
const DONE = importIndex("proxy_done");
const CALL_FOREIGN = importIndex("proxy_call_foreign_function");
const PTHREAD_EQUAL = importIndex("pthread_equal");
const NOTIFY_GROWTH = importIndex("emscripten_notify_memory_growth");
const SET_PROPERTY = importIndex("proxy_set_property");
const GET_PROPERTY = importIndex("proxy_get_property");

export function generalImports(host: WasmHost): Imports {
  return {
    proxy_log(level: number, pointer: number, size: number): Status {
      host.enter(LOG);
      if (level >>> 0 > LOG_LEVEL_MAX) return Status.BadArgument;
      const message = host.memory.utf8(pointer, size);
      if (message === null) return Status.InvalidMemoryAccess;
      host.log(level as LogLevel, message);
      return Status.Ok;
    },
    proxy_get_log_level(levelAt: number): Status {
      host.enter(GET_LOG_LEVEL);
      return stored(host.memory.setU32(levelAt, host.logLevel));
    },
    proxy_get_status(codeAt: number, addressAt: number, sizeAt: number): Status {
      host.enter(GET_STATUS);
      const { root } = host.context;
      if (!host.memory.setU32(codeAt, root?.statusCode ?? 0)) return Status.InvalidMemoryAccess;
      return returnText(host, root?.statusMessage ?? "", addressAt, sizeAt);
    },
    proxy_set_tick_period_milliseconds(periodMs: number): Status {
      host.enter(SET_TICK_PERIOD);
      const { root } = host.context;
      if (root !== null) root.tickPeriodMs = periodMs >>> 0;
      return Status.Ok;
    },
    proxy_get_current_time_nanoseconds(timeAt: number): Status {
      host.enter(GET_TIME);
      return stored(host.memory.setU64(timeAt, host.options.clock.nowNs()));
    },
    proxy_set_effective_context(id: number): Status {
      host.enter(SET_EFFECTIVE_CONTEXT);
      return host.setEffectiveContext(id >>> 0) ? Status.Ok : Status.BadArgument;
    },
    proxy_done(): Status {
      host.enter(DONE);
      return host.context.root?.finish() ?? Status.NotFound;
    },
    proxy_call_foreign_function: (...args: number[]) => callForeign(host, args),
    pthread_equal(left: number, right: number): number {
      host.enter(PTHREAD_EQUAL);
      return left === right ? 1 : 0;
    },
    emscripten_notify_memory_growth(): void {
      host.enter(NOTIFY_GROWTH);
    },
  };
}

/** `clear_route_cache` is Envoy's own; others are what the test registered. */
function callForeign(host: WasmHost, args: number[]): Status {
  host.enter(CALL_FOREIGN);
  const { memory } = host;
  const name = memory.text(args[0]!, args[1]!);
  const argument = memory.copy(args[2]!, args[3]!);
  if (name === null || argument === null) return Status.InvalidMemoryAccess;
  const registered = host.foreignFunctions.get(name);
  let result: Uint8Array | null = new Uint8Array(0);
  if (registered !== undefined) result = registered(argument, host.context);
  else if (name === "clear_route_cache") host.context.clearRouteCache();
  else return Status.NotFound;
  if (result === null) return Status.InternalFailure;
  const [addressAt, sizeAt] = [args[4]! >>> 0, args[5]! >>> 0];
  if (addressAt !== 0 && sizeAt !== 0) {
    return returnBytes(host, result, result.length, addressAt, sizeAt);
  }
  if (sizeAt !== 0) return stored(memory.setU32(sizeAt, result.length));
  return Status.Ok;
}

export function propertyImports(host: WasmHost): Imports {
  return {
    proxy_get_property(path: number, size: number, addressAt: number, sizeAt: number): Status {
      host.enter(GET_PROPERTY);
      const name = host.memory.text(path, size);
      if (name === null) return Status.InvalidMemoryAccess;
      const value = host.context.property(name);
      if (value === undefined) return Status.NotFound;
      const bytes = serialize(value);
      if (typeof bytes === "string") return returnText(host, bytes, addressAt, sizeAt);
      return returnBytes(host, bytes, bytes.length, addressAt, sizeAt);
    },
    proxy_set_property(path: number, size: number, value: number, valueSize: number): Status {
      host.enter(SET_PROPERTY);
      const name = host.memory.text(path, size);
      const bytes = host.memory.copy(value, valueSize);
      if (name === null || bytes === null) return Status.InvalidMemoryAccess;
      return host.context.setProperty(name, bytes);
    },
  };
}

/** The status of a write to the module's memory. */
function stored(isStored: boolean): Status {
  return isStored ? Status.Ok : Status.InvalidMemoryAccess;
}

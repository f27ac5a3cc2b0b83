// Imports for shared data, queues, metrics and calls to other servers.
import { METRIC_TYPE_MAX, MetricType, Status } from "./abi.js";
import { HeaderMap, decodePairs } from "./header-map.js";
import { HttpCall } from "./http-call.js";
import { importIndex } from "./import-names.js";
import type { Imports } from "./imports.js";
import { returnBytes } from "./results.js";
import type { WasmHost } from "./wasm-host.js";

const GET_DATA = importIndex("proxy_get_shared_data");
const SET_DATA = importIndex("proxy_set_shared_data");
const REGISTER_QUEUE = importIndex("proxy_register_shared_queue");
const RESOLVE_QUEUE = importIndex("proxy_resolve_shared_queue");
const DEQUEUE = importIndex("proxy_dequeue_shared_queue");
const ENQUEUE = importIndex("proxy_enqueue_shared_queue");
const DEFINE_METRIC = importIndex("proxy_define_metric");
const INCREMENT_METRIC = importIndex("proxy_increment_metric");
const RECORD_METRIC = importIndex("proxy_record_metric");
const GET_METRIC = importIndex("proxy_get_metric");
const HTTP_CALL = importIndex("proxy_http_call");

export function dataImports(host: WasmHost): Imports {
  const { sharedData, vmId } = host;
  return {
    proxy_get_shared_data(
      key: number,
      keySize: number,
      addressAt: number,
      sizeAt: number,
      casAt: number,
    ): Status {
      host.enter(GET_DATA);
      const name = host.memory.text(key, keySize);
      if (name === null) return Status.InvalidMemoryAccess;
      const entry = sharedData.entry(vmId, name);
      if (entry === undefined) return Status.NotFound;
      const status = returnBytes(host, entry.bytes, entry.length, addressAt, sizeAt);
      if (status !== Status.Ok) return status;
      return host.memory.setU32(casAt, entry.cas) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_set_shared_data(
      key: number,
      keySize: number,
      value: number,
      valueSize: number,
      cas: number,
    ): Status {
      host.enter(SET_DATA);
      const { memory } = host;
      const name = memory.text(key, keySize);
      if (name === null || !memory.holds(value, valueSize)) return Status.InvalidMemoryAccess;
      return sharedData.set(vmId, name, memory.bytes, value >>> 0, valueSize >>> 0, cas >>> 0);
    },
  };
}

export function queueImports(host: WasmHost): Imports {
  const { sharedData, vmId } = host;
  return {
    proxy_register_shared_queue(name: number, nameSize: number, tokenAt: number): Status {
      host.enter(REGISTER_QUEUE);
      const text = host.memory.text(name, nameSize);
      if (text === null) return Status.InvalidMemoryAccess;
      const ownerId = host.context.root?.id ?? 0;
      const token = sharedData.registerQueue(vmId, text, (ready) => {
        const owner = host.find(ownerId);
        if (owner !== undefined) host.callVoid(owner, host.callbacks.onQueueReady, ownerId, ready);
      });
      return host.memory.setU32(tokenAt, token) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_resolve_shared_queue(
      vm: number,
      vmSize: number,
      name: number,
      nameSize: number,
      tokenAt: number,
    ): Status {
      host.enter(RESOLVE_QUEUE);
      const owner = host.memory.text(vm, vmSize);
      const text = host.memory.text(name, nameSize);
      if (owner === null || text === null) return Status.InvalidMemoryAccess;
      const token = sharedData.resolveQueue(owner === "" ? vmId : owner, text);
      if (token === 0) return Status.NotFound;
      return host.memory.setU32(tokenAt, token) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_dequeue_shared_queue(token: number, addressAt: number, sizeAt: number): Status {
      host.enter(DEQUEUE);
      const message = sharedData.dequeue(token >>> 0);
      if (typeof message === "number") return message;
      return returnBytes(host, message, message.length, addressAt, sizeAt);
    },
    proxy_enqueue_shared_queue(token: number, pointer: number, size: number): Status {
      host.enter(ENQUEUE);
      const message = host.memory.copy(pointer, size);
      if (message === null) return Status.InvalidMemoryAccess;
      return sharedData.enqueue(token >>> 0, message);
    },
  };
}

export function metricImports(host: WasmHost): Imports {
  const { metrics } = host;
  return {
    proxy_define_metric(type: number, name: number, size: number, idAt: number): Status {
      host.enter(DEFINE_METRIC);
      const text = host.memory.text(name, size);
      if (text === null) return Status.InvalidMemoryAccess;
      if (type >>> 0 > METRIC_TYPE_MAX) return Status.BadArgument;
      const id = metrics.define(type as MetricType, text);
      return host.memory.setU32(idAt, id) ? Status.Ok : Status.InvalidMemoryAccess;
    },
    proxy_increment_metric(id: number, offset: bigint): Status {
      host.enter(INCREMENT_METRIC);
      return metrics.increment(id >>> 0, Number(offset));
    },
    proxy_record_metric(id: number, value: bigint): Status {
      host.enter(RECORD_METRIC);
      return metrics.record(id >>> 0, Number(BigInt.asUintN(64, value)));
    },
    proxy_get_metric(id: number, valueAt: number): Status {
      host.enter(GET_METRIC);
      if ((id & 3) > MetricType.Gauge) return Status.BadArgument;
      const value = metrics.read(id >>> 0);
      if (value === undefined) return Status.NotFound;
      const isStored = host.memory.setU64(valueAt, BigInt.asUintN(64, BigInt(value)));
      return isStored ? Status.Ok : Status.InvalidMemoryAccess;
    },
  };
}

/** gRPC calls exist in Envoy but not in this host: they fail as a call to no cluster does. */
export function callImports(host: WasmHost): Imports {
  const refuse = (name: string, status: Status) => {
    const index = importIndex(name);
    return (): Status => {
      host.enter(index);
      return status;
    };
  };
  return {
    proxy_http_call: (...args: number[]) => httpCall(host, args),
    proxy_grpc_call: refuse("proxy_grpc_call", Status.ParseFailure),
    proxy_grpc_stream: refuse("proxy_grpc_stream", Status.ParseFailure),
    proxy_grpc_send: refuse("proxy_grpc_send", Status.BadArgument),
    proxy_grpc_close: refuse("proxy_grpc_close", Status.BadArgument),
    proxy_grpc_cancel: refuse("proxy_grpc_cancel", Status.BadArgument),
  };
}

function httpCall(host: WasmHost, args: number[]): Status {
  host.enter(HTTP_CALL);
  const { memory } = host;
  const cluster = memory.text(args[0]!, args[1]!);
  const pairs = decodePairs(memory, args[2]!, args[3]!);
  const body = memory.copy(args[4]!, args[5]!);
  const trailers = decodePairs(memory, args[6]!, args[7]!);
  if (cluster === null || pairs === null || body === null || trailers === null) {
    return Status.InvalidMemoryAccess;
  }
  const [timeoutMs, tokenAt] = [args[8]!, args[9]!];
  if (!memory.setU32(tokenAt, 0)) return Status.InvalidMemoryAccess;
  const { root } = host.context;
  const { clusters } = host.options;
  const isKnown = clusters === undefined || clusters.includes(cluster);
  if (root === null || timeoutMs < 0 || !isKnown) return Status.BadArgument;
  const headers = HeaderMap.from(pairs);
  for (const name of [":path", ":method", ":authority"]) {
    if (headers.get(name) === undefined) return Status.BadArgument;
  }
  if (body.length > 0) headers.set("content-length", String(body.length));
  const token = host.nextHttpCallToken();
  const status = root.call(new HttpCall(root, token, cluster, headers, body, timeoutMs));
  if (status === Status.Ok) memory.setU32(tokenAt, token);
  return status;
}

// Imports for headers, bodies and the control of a stream.
import { BUFFER_TYPE_MAX, HEADER_MAP_TYPE_MAX, STREAM_TYPE_MAX, Status } from "./abi.js";
import { type HeaderMap, decodePairs } from "./header-map.js";
import { importIndex } from "./import-names.js";
import type { Imports } from "./imports.js";
import { returnPlace, returnRange, returnText } from "./results.js";
import type { WasmHost } from "./wasm-host.js";

const GET_VALUE = importIndex("proxy_get_header_map_value");
const ADD_VALUE = importIndex("proxy_add_header_map_value");
const REPLACE_VALUE = importIndex("proxy_replace_header_map_value");
const REMOVE_VALUE = importIndex("proxy_remove_header_map_value");
const GET_PAIRS = importIndex("proxy_get_header_map_pairs");
const SET_PAIRS = importIndex("proxy_set_header_map_pairs");
const GET_MAP_SIZE = importIndex("proxy_get_header_map_size");
const GET_BYTES = importIndex("proxy_get_buffer_bytes");
const GET_BUFFER_STATUS = importIndex("proxy_get_buffer_status");
const SET_BYTES = importIndex("proxy_set_buffer_bytes");
const CONTINUE = importIndex("proxy_continue_stream");
const CLOSE = importIndex("proxy_close_stream");
const LOCAL_RESPONSE = importIndex("proxy_send_local_response");

/** Changes one map; absent maps are BadArgument, as in Envoy. */
function change(host: WasmHost, type: number, edit: (map: HeaderMap) => void): Status {
  const { context } = host;
  const map = context.writableMap(type);
  if (map === null) return Status.BadArgument;
  edit(map);
  context.onMapChanged(type);
  return Status.Ok;
}

/** Add and replace: the same but for what is done with the pair. */
function setter(host: WasmHost, index: number, name: "add" | "set") {
  return (type: number, key: number, keySize: number, value: number, valueSize: number): Status => {
    host.enter(index);
    if (type >>> 0 > HEADER_MAP_TYPE_MAX) return Status.BadArgument;
    const keyText = host.memory.text(key, keySize);
    const text = host.memory.text(value, valueSize);
    if (keyText === null || text === null) return Status.InvalidMemoryAccess;
    return change(host, type, (map) => map[name](keyText, text));
  };
}

export function headerImports(host: WasmHost): Imports {
  return {
    proxy_get_header_map_value(
      type: number,
      key: number,
      keySize: number,
      addressAt: number,
      sizeAt: number,
    ): Status {
      host.enter(GET_VALUE);
      if (type >>> 0 > HEADER_MAP_TYPE_MAX) return Status.BadArgument;
      const name = host.memory.text(key, keySize);
      if (name === null) return Status.InvalidMemoryAccess;
      const { context } = host;
      const map = context.readableMap(type);
      if (map === null) return context.isLogging ? Status.NotFound : Status.BadArgument;
      const value = map.get(name);
      if (value === undefined) return Status.NotFound; // Since ABI 0.2; "" before.
      return returnText(host, value, addressAt, sizeAt);
    },
    proxy_add_header_map_value: setter(host, ADD_VALUE, "add"),
    proxy_replace_header_map_value: setter(host, REPLACE_VALUE, "set"),
    proxy_remove_header_map_value(type: number, key: number, keySize: number): Status {
      host.enter(REMOVE_VALUE);
      if (type >>> 0 > HEADER_MAP_TYPE_MAX) return Status.BadArgument;
      const name = host.memory.text(key, keySize);
      if (name === null) return Status.InvalidMemoryAccess;
      return change(host, type, (map) => map.remove(name));
    },
    /** A map that cannot be had is no error here: it has no pairs. */
    proxy_get_header_map_pairs(type: number, addressAt: number, sizeAt: number): Status {
      host.enter(GET_PAIRS);
      if (type >>> 0 > HEADER_MAP_TYPE_MAX) return Status.BadArgument;
      const map = host.context.readableMap(type);
      if (map === null || map.size === 0) return returnPlace(host, 0, 0, addressAt, sizeAt);
      const size = map.encodedBytes;
      const pointer = host.allocate(size);
      if (pointer === 0) return Status.InvalidMemoryAccess;
      map.encode(host.memory, pointer);
      return returnPlace(host, pointer, size, addressAt, sizeAt);
    },
    proxy_set_header_map_pairs(type: number, pointer: number, size: number): Status {
      host.enter(SET_PAIRS);
      if (type >>> 0 > HEADER_MAP_TYPE_MAX) return Status.BadArgument;
      const pairs = decodePairs(host.memory, pointer, size);
      if (pairs === null) return Status.InvalidMemoryAccess;
      return change(host, type, (map) => {
        map.clear();
        for (const [name, value] of pairs) map.add(name, value);
      });
    },
    /** The size in bytes of names and values. */
    proxy_get_header_map_size(type: number, sizeAt: number): Status {
      host.enter(GET_MAP_SIZE);
      if (type >>> 0 > HEADER_MAP_TYPE_MAX) return Status.BadArgument;
      const map = host.context.writableMap(type);
      if (map === null) return Status.BadArgument;
      return host.memory.setU32(sizeAt, map.byteSize) ? Status.Ok : Status.InvalidMemoryAccess;
    },
  };
}

export function bufferImports(host: WasmHost): Imports {
  return {
    proxy_get_buffer_bytes(
      type: number,
      start: number,
      length: number,
      addressAt: number,
      sizeAt: number,
    ): Status {
      host.enter(GET_BYTES);
      if (type >>> 0 > BUFFER_TYPE_MAX) return Status.BadArgument;
      const buffer = host.context.buffer(type);
      if (buffer === null) return Status.NotFound;
      const from = start >>> 0;
      // A range beyond the end is cut; one wholly beyond is empty, with Ok.
      const size = Math.max(0, Math.min(length >>> 0, buffer.length - from));
      return returnRange(host, buffer, from, size, addressAt, sizeAt);
    },
    proxy_get_buffer_status(type: number, lengthAt: number, flagsAt: number): Status {
      host.enter(GET_BUFFER_STATUS);
      if (type >>> 0 > BUFFER_TYPE_MAX) return Status.BadArgument;
      const buffer = host.context.buffer(type);
      if (buffer === null) return Status.NotFound;
      return returnPlace(host, buffer.length, 0, lengthAt, flagsAt);
    },
    /** From 0: replaces that many bytes, at most all. At or beyond the end: appends. Else not. */
    proxy_set_buffer_bytes(
      type: number,
      start: number,
      length: number,
      pointer: number,
      size: number,
    ): Status {
      host.enter(SET_BYTES);
      if (type >>> 0 > BUFFER_TYPE_MAX) return Status.BadArgument;
      const { context } = host;
      const buffer = context.buffer(type);
      if (buffer === null) return Status.NotFound;
      const bytes = host.memory.copy(pointer, size);
      if (bytes === null) return Status.InvalidMemoryAccess;
      if (!context.isWritable(type)) return Status.BadArgument;
      if (start === 0) {
        buffer.drain(length >>> 0);
        buffer.prepend(bytes);
        return Status.Ok;
      }
      if (start >>> 0 < buffer.length) return Status.BadArgument;
      buffer.append(bytes);
      return Status.Ok;
    },
  };
}

export function streamImports(host: WasmHost): Imports {
  return {
    proxy_continue_stream(type: number): Status {
      host.enter(CONTINUE);
      if (type >>> 0 > STREAM_TYPE_MAX) return Status.BadArgument;
      return host.context.continueStream(type);
    },
    proxy_close_stream(type: number): Status {
      host.enter(CLOSE);
      if (type >>> 0 > STREAM_TYPE_MAX) return Status.BadArgument;
      return host.context.closeStream(type);
    },
    proxy_send_local_response: (...args: number[]) => sendLocalResponse(host, args),
  };
}

function sendLocalResponse(host: WasmHost, args: number[]): Status {
  host.enter(LOCAL_RESPONSE);
  const { memory } = host;
  const details = memory.text(args[1]!, args[2]!);
  const body = memory.copy(args[3]!, args[4]!);
  const headers = decodePairs(memory, args[5]!, args[6]!);
  if (details === null || body === null || headers === null) return Status.InvalidMemoryAccess;
  host.context.sendLocalResponse({
    status: args[0]!,
    headers,
    body,
    details: details.replace(/\s/g, "_"),
  });
  host.stopNextIteration = true;
  return Status.Ok;
}

// How host functions hand bytes to the module: memory from its malloc, then address and size.
import { Status } from "./abi.js";
import type { BodyBuffer } from "./body-buffer.js";
import type { WasmHost } from "./wasm-host.js";

/** Nothing is allocated for an empty result: its address is 0. */
export function returnBytes(
  host: WasmHost,
  bytes: Uint8Array,
  size: number,
  addressAt: number,
  sizeAt: number,
): Status {
  let pointer = 0;
  if (size > 0) {
    pointer = host.allocate(size);
    if (pointer === 0) return Status.InvalidMemoryAccess;
    host.memory.bytes.set(bytes.length === size ? bytes : bytes.subarray(0, size), pointer);
  }
  return returnPlace(host, pointer, size, addressAt, sizeAt);
}

/** A Latin-1 string. */
export function returnText(
  host: WasmHost,
  text: string,
  addressAt: number,
  sizeAt: number,
): Status {
  const size = text.length;
  let pointer = 0;
  if (size > 0) {
    pointer = host.allocate(size);
    if (pointer === 0) return Status.InvalidMemoryAccess;
    host.memory.setText(pointer, text);
  }
  return returnPlace(host, pointer, size, addressAt, sizeAt);
}

/** A range that lies within the buffer. */
export function returnRange(
  host: WasmHost,
  buffer: BodyBuffer,
  start: number,
  size: number,
  addressAt: number,
  sizeAt: number,
): Status {
  let pointer = 0;
  if (size > 0) {
    pointer = host.allocate(size);
    if (pointer === 0) return Status.InvalidMemoryAccess;
    buffer.copyTo(host.memory.bytes, pointer, start, size);
  }
  return returnPlace(host, pointer, size, addressAt, sizeAt);
}

export function returnPlace(
  host: WasmHost,
  pointer: number,
  size: number,
  addressAt: number,
  sizeAt: number,
): Status {
  const { memory } = host;
  const isDone = memory.setU32(addressAt, pointer) && memory.setU32(sizeAt, size);
  return isDone ? Status.Ok : Status.InvalidMemoryAccess;
}

// What host functions ask of the context they run in: the VM's, a root's or a stream's.
import { BufferType, Status, StreamType } from "./abi.js";
import { BodyBuffer } from "./body-buffer.js";
import type { HeaderMap, Pair } from "./header-map.js";
import type { RootContext } from "./root-context.js";

/** A property's value: text raw, booleans one byte, bigint and number 8 bytes, little-endian. */
export type PropertyValue = string | number | bigint | boolean | Uint8Array;

export abstract class Context {
  /** In the access log phase a missing map is NotFound, not BadArgument. */
  isLogging = false;

  constructor(readonly id: number) {}

  /** Null for the context of the VM itself. */
  abstract readonly root: RootContext | null;

  /** A map to read, or null when it cannot be had now. */
  readableMap(_type: number): HeaderMap | null {
    return null;
  }

  /** A map to change; Envoy gives fewer of them than it gives to read. */
  writableMap(_type: number): HeaderMap | null {
    return null;
  }

  /** Called after a change of a map. */
  onMapChanged(_type: number): void {}

  /** A buffer, or null when Envoy knows none (NotFound). A body that is not there is empty. */
  buffer(type: number): BodyBuffer | null {
    return type === BufferType.PluginConfiguration ? null : new BodyBuffer();
  }

  /** Whether the buffer of `buffer` may be changed. */
  isWritable(_type: number): boolean {
    return false;
  }

  /** `path` as the filter gave it, parts separated by a zero. */
  property(_path: string): PropertyValue | undefined {
    return undefined;
  }

  setProperty(_path: string, _value: Uint8Array): Status {
    return Status.NotFound;
  }

  continueStream(type: number): Status {
    return type === StreamType.Upstream ? Status.Unimplemented : Status.Ok;
  }

  closeStream(_type: number): Status {
    return Status.Ok;
  }

  sendLocalResponse(_response: LocalResponse): void {}

  clearRouteCache(): void {}
}

/** An answer made by the filter or by Envoy itself instead of the upstream. */
export interface LocalResponse {
  readonly status: number;
  readonly headers: readonly Pair[];
  readonly body: Uint8Array;
  /** `response.code_details`, white space replaced by `_`. */
  readonly details: string;
}

// A root context: one plugin configuration in one VM, its ticks and its calls to other servers.
import { BufferType, HeaderMapType, Status } from "./abi.js";
import { BodyBuffer } from "./body-buffer.js";
import { Context, type PropertyValue } from "./context.js";
import type { HeaderMap } from "./header-map.js";
import type { HttpCall } from "./http-call.js";
import { type HttpCallResult } from "./http-call.js";
import type { WasmHost } from "./wasm-host.js";

export interface RootOptions {
  readonly pluginName?: string;
  readonly rootId?: string;
  /** As warmroute's manifests set it; Envoy's own default is false. */
  readonly allowOnHeadersStopIteration?: boolean;
  /** Streams of a failed VM pass without the filter instead of getting 503. */
  readonly failOpen?: boolean;
}

const enum Life {
  Running,
  /** The last stream has still to end. */
  Draining,
  /** proxy_on_done returned 0: waits for proxy_done. */
  Finishing,
  /** proxy_done was called: proxy_on_delete follows when the call has returned. */
  Deleting,
  Gone,
}

export class RootContext extends Context {
  readonly pluginName: string;
  readonly rootId: string;
  readonly allowOnHeadersStopIteration: boolean;
  readonly failOpen: boolean;
  /** Both proxy_on_vm_start and proxy_on_configure said yes. */
  accepted = false;
  /** 0: no ticks. */
  tickPeriodMs = 0;
  /** Streams that have not ended; the root outlives them. */
  liveStreams = 0;
  /** What proxy_get_status tells about the last failed call. */
  statusCode = 0;
  statusMessage = "";
  readonly httpCalls = new Map<number, HttpCall>();
  private httpResult: HttpCallResult | null = null;
  private isConfiguring = false;
  private life = Life.Running;

  constructor(
    id: number,
    readonly host: WasmHost,
    private readonly configuration: Uint8Array,
    options: RootOptions,
  ) {
    super(id);
    this.pluginName = options.pluginName ?? "warmroute";
    this.rootId = options.rootId ?? "";
    this.allowOnHeadersStopIteration = options.allowOnHeadersStopIteration ?? true;
    this.failOpen = options.failOpen ?? false;
  }

  get root(): RootContext {
    return this;
  }

  /** Start and configuration as Envoy does them for each plugin. */
  start(): boolean {
    const { host } = this;
    const { onVmStart, onConfigure, onContextCreate } = host.callbacks;
    const vmSize = host.vmConfiguration.length;
    host.callVoid(this, onContextCreate, this.id, 0);
    const isStarted =
      onVmStart === undefined || host.callWord(this, onVmStart, this.id, vmSize) !== 0;
    if (!isStarted || host.error !== null) return false;
    this.isConfiguring = true;
    const size = this.configuration.length;
    this.accepted =
      onConfigure === undefined || host.callWord(this, onConfigure, this.id, size) !== 0;
    this.isConfiguring = false;
    if (host.error !== null) this.accepted = false;
    return this.accepted;
  }

  /** The timer has fired. False when the filter wants no ticks or can get none any more. */
  tick(): boolean {
    const { host } = this;
    if (host.error !== null || this.tickPeriodMs === 0 || this.life === Life.Gone) return false;
    if (!this.accepted || host.callbacks.onTick === undefined) return false;
    host.callVoid(this, host.callbacks.onTick, this.id);
    return true;
  }

  /** The plugin was removed or replaced: done and delete follow once its last stream has ended. */
  shutdown(): void {
    if (this.life === Life.Running) this.life = Life.Draining;
    this.drained();
  }

  streamEnded(): void {
    this.liveStreams--;
    this.drained();
  }

  private drained(): void {
    if (this.life !== Life.Draining || this.liveStreams > 0) return;
    const { host } = this;
    const { onDone } = host.callbacks;
    const isDone = onDone === undefined || host.callWord(this, onDone, this.id) !== 0;
    if (isDone || host.error !== null) this.delete();
    else this.life = Life.Finishing;
  }

  /** proxy_done. */
  finish(): Status {
    if (this.life !== Life.Finishing) return Status.NotFound;
    this.life = Life.Deleting;
    this.host.defer(() => this.delete());
    return Status.Ok;
  }

  private delete(): void {
    this.life = Life.Gone;
    this.httpCalls.clear();
    this.host.callVoid(this, this.host.callbacks.onDelete, this.id);
    this.host.forgetRoot(this);
  }

  /** proxy_http_call; InternalFailure when the other side takes no call at all. */
  call(call: HttpCall): Status {
    this.httpCalls.set(call.token, call);
    if (this.host.takeHttpCall(call)) return Status.Ok;
    this.httpCalls.delete(call.token);
    return Status.InternalFailure;
  }

  finishHttpCall(call: HttpCall, result: HttpCallResult | null): void {
    const { host } = this;
    if (host.isInVm) {
      host.defer(() => this.finishHttpCall(call, result));
      return;
    }
    if (!call.isPending) return;
    this.httpCalls.delete(call.token);
    const { onHttpCallResponse } = host.callbacks;
    if (host.error !== null || onHttpCallResponse === undefined) return;
    this.httpResult = result;
    if (result === null) {
      this.statusCode = Status.BrokenConnection;
      this.statusMessage = "reset";
    }
    const headers = result?.headers.size ?? 0;
    const trailers = result?.trailers?.size ?? 0;
    const size = result?.body.length ?? 0;
    host.call(this, onHttpCallResponse, this.id, call.token, headers, size, trailers);
    this.httpResult = null;
    this.statusMessage = "";
    host.afterCall();
  }

  override readableMap(type: number): HeaderMap | null {
    switch (type) {
      case HeaderMapType.HttpCallResponseHeaders:
        return this.httpResult?.headers ?? null;
      case HeaderMapType.HttpCallResponseTrailers:
        return this.httpResult?.trailers ?? null;
      default:
        return null;
    }
  }

  override buffer(type: number): BodyBuffer | null {
    switch (type) {
      case BufferType.HttpCallResponseBody:
        return this.httpResult?.body ?? null;
      case BufferType.VmConfiguration:
        return BodyBuffer.of(this.host.vmConfiguration);
      case BufferType.PluginConfiguration:
        return this.isConfiguring ? BodyBuffer.of(this.configuration) : null;
      default:
        return super.buffer(type);
    }
  }

  override property(path: string): PropertyValue | undefined {
    switch (path.replace(/\0$/, "")) {
      case "plugin_name":
        return this.pluginName;
      case "plugin_root_id":
        return this.rootId;
      case "plugin_vm_id":
        return this.host.vmId;
      default:
        return undefined;
    }
  }
}

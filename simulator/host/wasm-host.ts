// One VM as a worker thread of Envoy has it: the instance, its contexts, and calls into it.
import { LogLevel } from "./abi.js";
import { toBytes } from "./body-buffer.js";
import { Context } from "./context.js";
import type { HttpCall } from "./http-call.js";
import { ALLOWED_AT_START, ALLOWED_IN_MALLOC, IMPORT_NAMES, importIndex } from "./import-names.js";
import { createImports } from "./imports.js";
import { checkNames } from "./module-check.js";
import { RootContext, type RootOptions } from "./root-context.js";
import type { SharedData } from "./shared-data.js";
import { MetricTable, Stats } from "./stats.js";
import { StreamContext, type StreamOptions } from "./stream-context.js";
import type { DirectionCallbacks } from "./vm-path.js";
import { WasmMemory } from "./wasm-memory.js";

export type WasmFunction = (...args: number[]) => number | undefined;

/** Lines that `logs` keeps; later ones are only counted. */
const LOG_LINES_MAX = 1000;

export interface WasmHostOptions {
  /** From `loadModule`, which also checks signatures. */
  readonly module: WebAssembly.Module;
  /** One for all VMs of a process. */
  readonly sharedData: SharedData;
  /** Nanoseconds since 1970, for all that asks for the time. */
  readonly clock: { nowNs(): bigint };
  /** VMs share data where this is equal. */
  readonly vmId?: string;
  readonly vmConfiguration?: string | Uint8Array;
  /** One for all VMs of a process; a VM has its own when absent. */
  readonly stats?: Stats;
  /** From 0 to less than 1, for random_get; without it random_get gives zeros. */
  readonly random?: () => number;
  readonly log?: (level: LogLevel, message: string) => void;
  /** Lower levels are dropped. Info when absent. */
  readonly logLevel?: LogLevel;
  /**
   * Takes each proxy_http_call, and may answer at once or later. False: the cluster has no host,
   * the call fails with InternalFailure. Without it calls wait in `pendingHttpCalls`.
   */
  readonly onHttpCall?: (call: HttpCall) => boolean | void;
  /** Clusters that exist (a call to another one is BadArgument); all when absent. */
  readonly clusters?: readonly string[];
}

/** Answers a foreign function: bytes, or null for a failure. */
export type ForeignFunction = (argument: Uint8Array, context: Context) => Uint8Array | null;

/** Context 0, in which the VM itself allocates memory. */
class VmContext extends Context {
  readonly root = null;
}

export class WasmHost {
  readonly memory: WasmMemory;
  /** Of the instance; tests may call what Envoy would not. */
  readonly exports: Readonly<Record<string, unknown>>;
  readonly metrics: MetricTable;
  readonly stats: Stats;
  readonly sharedData: SharedData;
  readonly vmId: string;
  readonly vmConfiguration: Uint8Array;
  readonly logLevel: LogLevel;
  readonly callbacks: ReturnType<typeof findCallbacks>;
  readonly requestCallbacks: DirectionCallbacks;
  readonly responseCallbacks: DirectionCallbacks;
  readonly foreignFunctions = new Map<string, ForeignFunction>();
  /** Calls without an `onHttpCall`, oldest first. */
  readonly pendingHttpCalls: HttpCall[] = [];
  readonly logs: { level: LogLevel; message: string }[] = [];
  logLinesDropped = 0;
  /** The trap that ended this VM, or null. After it no callback is made any more. */
  error: Error | null = null;
  /** A local response was sent: what the callback returns does not count. */
  stopNextIteration = false;

  private readonly contexts = new Map<number, Context>();
  private readonly vmContext = new VmContext(0);
  private readonly importCounts = new Float64Array(IMPORT_NAMES.length);
  private readonly malloc: WasmFunction;
  private current: Context | null = null;
  private effectiveId = 0;
  /** Which imports may be called now; null: all. */
  private allowed: readonly boolean[] | null = ALLOWED_AT_START;
  private deferred: (() => void)[] = [];
  private nextContextId = 1;
  private nextHttpToken = 0;

  constructor(readonly options: WasmHostOptions) {
    checkNames(options.module);
    this.sharedData = options.sharedData;
    this.vmId = options.vmId ?? "";
    this.vmConfiguration = toBytes(options.vmConfiguration ?? "");
    this.logLevel = options.logLevel ?? LogLevel.Info;
    this.stats = options.stats ?? new Stats();
    this.metrics = new MetricTable(this.stats);
    this.contexts.set(0, this.vmContext);
    const functions = createImports(this);
    const { exports } = new WebAssembly.Instance(options.module, functions);
    this.exports = exports;
    this.memory = new WasmMemory(exports["memory"] as WebAssembly.Memory);
    const find = (name: string): WasmFunction | undefined => exports[name] as WasmFunction;
    this.malloc = (find("malloc") ?? find("proxy_on_memory_allocate"))!;
    this.callbacks = findCallbacks(find);
    this.requestCallbacks = findDirection(find, "request");
    this.responseCallbacks = findDirection(find, "response");
    this.startVm(find);
  }

  private startVm(find: (name: string) => WasmFunction | undefined): void {
    const initialize = find("_initialize");
    const first = initialize ?? find("_start");
    if (first !== undefined) this.call(this.vmContext, first);
    const main = find("main");
    if (initialize !== undefined && main !== undefined && this.error === null) {
      this.call(this.vmContext, main);
    }
    this.allowed = null;
  }

  /** Whether the VM has trapped. */
  get failed(): boolean {
    return this.error !== null;
  }

  /** Size of the linear memory now. */
  get memoryBytes(): number {
    return this.memory.sizeBytes;
  }

  /** Starts a plugin in this VM; see `accepted` of what is returned. */
  newRoot(configuration: string | Uint8Array, options: RootOptions = {}): RootContext {
    const root = new RootContext(this.nextContextId++, this, toBytes(configuration), options);
    this.contexts.set(root.id, root);
    if (this.error === null) root.start();
    // Envoy throws the configuration VM away then; here the VM may serve other roots.
    if (!root.accepted) this.contexts.delete(root.id);
    return root;
  }

  newStream(root: RootContext, options: StreamOptions = {}): StreamContext {
    if (!root.accepted) throw new Error("Envoy sends no stream to a root that was refused");
    const stream = new StreamContext(this.nextContextId++, root, options);
    this.contexts.set(stream.id, stream);
    root.liveStreams++;
    return stream;
  }

  tick(root: RootContext): boolean {
    return root.tick();
  }

  /** How often an import was called, by its name (`proxy_log`, `fd_write`). */
  importCalls(name: string): number {
    return this.importCounts[importIndex(name)]!;
  }

  /** Contexts alive now: the VM's own, roots and streams that have not ended. */
  get contextCount(): number {
    return this.contexts.size;
  }

  /** Calls of all imports so far. */
  get importCallsTotal(): number {
    return this.importCounts.reduce((sum, count) => sum + count, 0);
  }

  // For contexts.

  get isInVm(): boolean {
    return this.current !== null;
  }

  /** Calls an export in a context; 0 after a trap. Follow it with `afterCall`. */
  call(context: Context, fn: WasmFunction, a = 0, b = 0, c = 0, d = 0, e = 0): number {
    const { current, effectiveId } = this;
    this.current = context;
    this.effectiveId = 0;
    try {
      return fn(a, b, c, d, e)! >>> 0;
    } catch (error) {
      this.trap(error);
      return 0;
    } finally {
      this.current = current;
      this.effectiveId = effectiveId;
    }
  }

  /** Calls an optional export and carries out what it left to do; 0 after a trap. */
  callWord(context: Context, fn: WasmFunction, a: number, b = 0): number {
    if (this.error !== null) return 0;
    const result = this.call(context, fn, a, b);
    this.afterCall();
    return result;
  }

  callVoid(context: Context, fn: WasmFunction | undefined, a: number, b = 0): void {
    if (fn !== undefined) this.callWord(context, fn, a, b);
  }

  /** What Envoy's DeferAfterCallActions does: what a callback asked for happens after it. */
  afterCall(): void {
    this.stopNextIteration = false;
    while (this.deferred.length > 0) this.deferred.shift()!();
  }

  defer(action: () => void): void {
    this.deferred.push(action);
  }

  /** A trap ends the VM; any other error is a mistake outside of it, for the caller to see. */
  private trap(error: unknown): void {
    const isOverflow = error instanceof RangeError && error.message.includes("call stack");
    if (!(error instanceof WebAssembly.RuntimeError) && !isOverflow) throw error;
    this.error = error;
  }

  forget(stream: StreamContext): void {
    this.contexts.delete(stream.id);
    stream.root.streamEnded();
  }

  forgetRoot(root: RootContext): void {
    this.contexts.delete(root.id);
  }

  takeHttpCall(call: HttpCall): boolean {
    const { onHttpCall } = this.options;
    if (onHttpCall !== undefined) return onHttpCall(call) !== false;
    this.pendingHttpCalls.push(call);
    return true;
  }

  log(level: LogLevel, message: string): void {
    if (level < this.logLevel) return;
    this.options.log?.(level, message);
    if (this.logs.length < LOG_LINES_MAX) this.logs.push({ level, message });
    else this.logLinesDropped++;
  }

  // For imports.

  /** Counts a call and refuses it where Envoy does; first thing in every import. */
  enter(index: number): void {
    this.importCounts[index]!++;
    if (this.current === null) {
      throw new Error(`${IMPORT_NAMES[index]} called while instantiating: Envoy would crash`);
    }
    if (this.allowed !== null && !this.allowed[index]) {
      throw new WebAssembly.RuntimeError(`restricted_callback: ${IMPORT_NAMES[index]}`);
    }
    if (this.memory.bytes.length === 0) this.memory.refresh();
  }

  /** The context of the call, or the one proxy_set_effective_context chose if it still exists. */
  get context(): Context {
    const { current, effectiveId } = this;
    return effectiveId === 0 ? current! : (this.contexts.get(effectiveId) ?? current!);
  }

  setEffectiveContext(id: number): boolean {
    if (!this.contexts.has(id)) return false;
    this.effectiveId = id;
    return true;
  }

  /** Context of a queue's owner, if it still exists. */
  find(id: number): Context | undefined {
    return this.contexts.get(id);
  }

  nextHttpCallToken(): number {
    this.nextHttpToken += 4;
    return this.nextHttpToken;
  }

  /** Asks the module for memory; 0 when it has none, traps, or names a place outside of it. */
  allocate(size: number): number {
    const { allowed } = this;
    this.allowed = ALLOWED_IN_MALLOC;
    const pointer = this.call(this.vmContext, this.malloc, size);
    this.allowed = allowed;
    this.memory.refresh();
    if (this.error !== null || pointer + size > this.memory.bytes.length) return 0;
    return pointer;
  }
}

function findDirection(
  find: (name: string) => WasmFunction | undefined,
  direction: "request" | "response",
): DirectionCallbacks {
  return {
    headers: find(`proxy_on_${direction}_headers`),
    body: find(`proxy_on_${direction}_body`),
    trailers: find(`proxy_on_${direction}_trailers`),
  };
}

function findCallbacks(find: (name: string) => WasmFunction | undefined) {
  return {
    onContextCreate: find("proxy_on_context_create"),
    onVmStart: find("proxy_on_vm_start"),
    onConfigure: find("proxy_on_configure"),
    onTick: find("proxy_on_tick"),
    onHttpCallResponse: find("proxy_on_http_call_response"),
    onQueueReady: find("proxy_on_queue_ready"),
    onDone: find("proxy_on_done"),
    onLog: find("proxy_on_log"),
    onDelete: find("proxy_on_delete"),
  };
}

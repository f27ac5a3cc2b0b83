// A gateway in one process: VMs with the built filter on one set of shared data, a clock that only
// moves when a test says so, and a sidecar that answers their polls.
import { readFileSync } from "node:fs";
import { projectPath } from "../../../../scripts/config/project.js";
import {
  LogLevel,
  loadModule,
  type RequestResult,
  type RequestSpec,
  type ResponseSpec,
  type RootContext,
  runRequest,
  SharedData,
  Stats,
  type StreamOptions,
  WasmHost,
} from "../../../../simulator/host/index.js";
import { randomFrom } from "./random.js";
import { FakeSidecar, makePods } from "./sidecar.js";
import type { ModelsSpec } from "./models-section.js";
import type { PodRow, Report } from "./wire.js";

/** The filter's own period, as it asks for it. */
const TICK_MS = 10;
export const POOL = "default";

let loaded: WebAssembly.Module | null = null;

export function filterPath(): string {
  return process.env["FILTER_WASM"] ?? projectPath("build", "filter.wasm");
}

/** The filter under test, compiled once in a process. */
export function filterModule(): WebAssembly.Module {
  loaded ??= loadModule(readFileSync(filterPath()));
  return loaded;
}

export interface GatewayOptions {
  /** VMs, 1 when absent. */
  vms?: number;
  /** Pods of the pool, or how many usual ones; 3 when absent. */
  pods?: number | PodRow[];
  /** Besides the pool, and debugHeaders, which are on. */
  config?: Record<string, unknown>;
  allowOnHeadersStopIteration?: boolean;
  /** What the pool's table says of models. */
  models?: ModelsSpec;
  /** Further pools of the sidecar, each with its pods and models. */
  pools?: Record<string, { pods: PodRow[]; models?: ModelsSpec }>;
  /** False: the test lets time pass by itself; else a table is there. */
  isStarted?: boolean;
  /** Another gateway of the same sidecar and clock. */
  beside?: Gateway;
}

export interface Vm {
  host: WasmHost;
  /** The first plugin of the VM; more may be added. */
  root: RootContext;
  roots: RootContext[];
  /** A VM that is not ticked: its thread is stuck, or was taken away. */
  isStopped: boolean;
}

/** What `x-warmroute-decision` says. */
export interface Decision {
  pod: string;
  reason: string;
  cached: number;
  etaSeconds: number;
}

export interface PodLoad {
  inFlight: number;
  backlogTokens: number;
  kvTokens: number;
}

export class Gateway {
  readonly sharedData = new SharedData();
  readonly stats = new Stats();
  readonly sidecar: FakeSidecar;
  readonly vms: Vm[] = [];
  readonly warnings: string[] = [];
  private readonly time: { ms: number };
  private readonly random: () => number;

  constructor(private readonly options: GatewayOptions = {}) {
    const { beside } = options;
    this.time = beside?.time ?? { ms: 1_767_225_600_000 };
    this.random = beside?.random ?? randomFrom(1);
    this.sidecar = beside?.sidecar ?? new FakeSidecar(() => this.nowMs);
    if (beside === undefined) {
      const pods = options.pods ?? 3;
      this.sidecar.pools.set(POOL, typeof pods === "number" ? makePods(pods) : pods);
      if (options.models !== undefined) this.sidecar.models.set(POOL, options.models);
      for (const [name, pool] of Object.entries(options.pools ?? {})) {
        this.sidecar.pools.set(name, pool.pods);
        if (pool.models !== undefined) this.sidecar.models.set(name, pool.models);
      }
    }
    for (let i = 0; i < (options.vms ?? 1); i++) this.addVm();
    if (options.isStarted !== false) this.advance(3 * TICK_MS);
  }

  get nowMs(): number {
    return this.time.ms;
  }

  /** The pods of the usual pool, to be changed. */
  get pods(): PodRow[] {
    return this.sidecar.pools.get(POOL)!;
  }

  addVm(): Vm {
    const host = new WasmHost({
      module: filterModule(),
      sharedData: this.sharedData,
      stats: this.stats,
      clock: { nowNs: () => BigInt(Math.round(this.time.ms * 1e6)) },
      random: this.random,
      logLevel: LogLevel.Info,
      log: (level, message) => {
        if (level >= LogLevel.Warn) this.warnings.push(message);
      },
      onHttpCall: (call) => this.sidecar.handle(call),
      clusters: ["warmroute-sidecar"],
    });
    const vm: Vm = { host, root: this.newRoot(host), roots: [], isStopped: false };
    vm.roots.push(vm.root);
    this.vms.push(vm);
    return vm;
  }

  /** One more plugin in a VM. */
  addRoot(vm: Vm, config: Record<string, unknown>): RootContext {
    const root = this.newRoot(vm.host, config);
    vm.roots.push(root);
    return root;
  }

  private newRoot(host: WasmHost, config: Record<string, unknown> = {}): RootContext {
    const merged = { pool: POOL, debugHeaders: true, ...this.options.config, ...config };
    const { allowOnHeadersStopIteration } = this.options;
    const root = host.newRoot(
      JSON.stringify(merged),
      allowOnHeadersStopIteration === undefined ? {} : { allowOnHeadersStopIteration },
    );
    if (!root.accepted) throw new Error(`refused: ${host.logs.at(-1)?.message ?? ""}`);
    return root;
  }

  /** Lets time pass, with a tick of every VM that runs at each step. */
  advance(ms: number): void {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      this.time.ms += TICK_MS;
      this.tick();
    }
  }

  /** Lets time pass in which no VM ticks. */
  wait(ms: number): void {
    this.time.ms += ms;
  }

  tick(): void {
    for (const vm of this.vms) {
      if (!vm.isStopped) for (const root of vm.roots) root.tick();
    }
  }

  /** One request, through the given VM's first plugin unless `root` says another. */
  send(
    request: RequestSpec,
    response: ResponseSpec | null = {},
    { vm = 0, root, ...options }: StreamOptions & { vm?: number; root?: RootContext } = {},
  ): RequestResult {
    const to = root ?? this.vms[vm]!.root;
    const result = runRequest(to, request, response, { keepBodies: true, ...options });
    if (to.host.error !== null) throw to.host.error;
    return result;
  }

  /** The filter hands its counts to the host with a tick; none of the time passes in it. */
  count(reason: string): number {
    this.tick();
    return this.stats.counter(`warmroute_decisions_${reason.replaceAll("-", "_")}`);
  }

  counter(name: string): number {
    this.tick();
    return this.stats.counter(`warmroute_${name}`);
  }

  get inFlight(): number {
    this.tick();
    return this.stats.gauge("warmroute_in_flight");
  }

  /** The newest report, made after everything so far: lets a poll interval pass. */
  report(pool = POOL): Report {
    this.advance(60);
    return this.sidecar.lastReport(pool);
  }

  /** What the gateway shows of its load on one pod. */
  load(number: number): PodLoad {
    const row = this.report().json.pods.find(({ n }) => n === number);
    if (row === undefined) return { inFlight: 0, backlogTokens: 0, kvTokens: 0 };
    const { inFlight, backlogTokens, kvTokens } = row;
    return { inFlight, backlogTokens, kvTokens };
  }

  get hasFailed(): boolean {
    return this.vms.some(({ host }) => host.failed);
  }

  /** Numbers of the VMs that asked the sidecar, since the poll with number `from`. */
  pollers(from = 0): number[] {
    const hosts = this.sidecar.polls.slice(from).map(({ root }) => root.host);
    return [...new Set(hosts)].map((host) => this.vms.findIndex((vm) => vm.host === host));
  }

  /** How many VMs of a pool have taken a number: one head record each. */
  numbersTaken(pool = POOL): number {
    const pattern = new RegExp(`/${pool}/h[0-9a-f]{2}$`);
    return this.sharedData.keys("").filter((key) => pattern.test(key)).length;
  }
}

/** The decision that a response carried; throws where it carried none in the documented form. */
export function decisionOf(result: RequestResult): Decision {
  const text = result.responseHeadersSeen?.get("x-warmroute-decision") ?? "";
  const match = /^pod=([^;]+);reason=([a-z-]+);cached=(\d+);eta=([\d.]+)$/.exec(text);
  if (match === null) throw new Error(`no decision in ${JSON.stringify(text)}`);
  const [, pod, reason, cached, eta] = match as unknown as [string, string, string, string, string];
  return { pod, reason, cached: Number(cached), etaSeconds: Number(eta) };
}

/** The first choice that the upstream saw. */
export function firstPod(result: RequestResult): string {
  const header = result.destinationHeader;
  if (header === null) throw new Error("no destination was set");
  return header.split(",")[0]!;
}

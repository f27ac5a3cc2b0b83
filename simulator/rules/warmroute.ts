// The filter itself as a rule: build/filter.wasm in a VM for each worker of a gateway, with virtual
// time, seeded chance and a sidecar that answers its polls with the pods' metrics.
import { readFileSync } from "node:fs";
import { projectPath } from "../../scripts/config/project.js";
import {
  DESTINATION_HEADER,
  type HttpCall,
  loadModule,
  LogLevel,
  ResponseFlag,
  type RootContext,
  sendRequest,
  SharedData,
  Stats,
  type StreamContext,
  WasmHost,
} from "../host/index.js";
import { chatBody } from "../traffic/body.js";
import { isStreamed } from "../traffic/traffic.js";
import { answerPolls } from "./load-table.js";
import type { RoutedRequest, Rule, RuleView, Ticker } from "./rule.js";

const POOL = "default";
const OBJECTIVE_HEADER = "x-gateway-inference-objective";
const SIDECAR_CLUSTER = "warmroute-sidecar";
/** Virtual time begins here: 2026-01-01, in ms since 1970. */
export const EPOCH_MS = 1_767_225_600_000;
/** Ticks before the first request, so that the table is there as in a gateway that runs. */
const WARM_UP_TICKS = 3;
const EVENT_STREAM = ["content-type", "text/event-stream; charset=utf-8"] as const;
/** What vLLM sends with the first token; the tokens after it teach the filter nothing. */
const FIRST_EVENT = `data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n`;
const JSON_TYPE = ["content-type", "application/json"] as const;
const WHOLE_ANSWER = { index: 0, message: { role: "assistant", content: "a" } };

let loaded: WebAssembly.Module | null = null;

/** FILTER_WASM names another build, to compare two. */
function filterModule(): WebAssembly.Module {
  const path = process.env["FILTER_WASM"] ?? projectPath("build", "filter.wasm");
  loaded ??= loadModule(readFileSync(path));
  return loaded;
}

export function warmroute(view: RuleView): Rule {
  return new WasmRule(view);
}

/** One worker thread: its VM and the plugin in it. */
interface Worker {
  host: WasmHost;
  root: RootContext;
  tickAtMs: number;
}

/** A request that is under way, and the VM that follows it. */
interface Open {
  worker: Worker;
  stream: StreamContext;
}

class WasmRule implements Rule {
  readonly tickers: Ticker[];
  private readonly workers: Worker[] = [];
  private readonly open = new Map<number, Open>();
  private readonly podOf: Map<string, number>;
  private nowMs = 0;

  constructor(private readonly view: RuleView) {
    this.podOf = new Map(view.addresses.map((address, pod) => [address, pod]));
    const sharedData = new SharedData();
    const stats = new Stats();
    const onHttpCall = answerPolls(view, () => this.nowMs);
    for (let i = 0; i < view.workers; i++) this.addWorker(sharedData, stats, onHttpCall);
    this.tickers = this.workers.map((worker) => ({
      firstMs: worker.tickAtMs,
      periodMs: worker.root.tickPeriodMs,
      tick: (nowMs) => this.tick(worker, nowMs),
    }));
    this.warmUp();
  }

  private addWorker(
    sharedData: SharedData,
    stats: Stats,
    onHttpCall: (call: HttpCall) => void,
  ): void {
    const { view } = this;
    const host = new WasmHost({
      module: filterModule(),
      sharedData,
      stats,
      clock: { nowNs: () => BigInt(Math.round((EPOCH_MS + this.nowMs) * 1e6)) },
      random: () => view.random.unit(),
      logLevel: LogLevel.Warn,
      onHttpCall,
      clusters: [SIDECAR_CLUSTER],
    });
    const objective = view.hasCriticalities ? { objectiveHeader: OBJECTIVE_HEADER } : {};
    const config = { ...objective, ...view.filterConfig, pool: POOL };
    const root = host.newRoot(JSON.stringify(config), { allowOnHeadersStopIteration: true });
    if (!root.accepted) throw new Error(host.logs.at(-1)?.message);
    // Each thread has a timer of its own; that of the only VM there is starts with the run.
    const isOnly = view.workers === 1 && view.gateway === 0;
    const tickAtMs = isOnly ? 0 : view.random.unit() * root.tickPeriodMs;
    this.workers.push({ host, root, tickAtMs });
  }

  /** Ticks of all VMs, in the order of their times, before the run starts. */
  private warmUp(): void {
    const order = this.tickers.toSorted((a, b) => a.firstMs - b.firstMs);
    for (let left = WARM_UP_TICKS; left > 0; left--) {
      for (const ticker of order) ticker.tick(ticker.firstMs - left * ticker.periodMs);
    }
  }

  private tick({ host, root }: Worker, nowMs: number): void {
    this.nowMs = nowMs;
    root.tick();
    check(host);
  }

  pick(request: RoutedRequest, nowMs: number): number {
    this.nowMs = nowMs;
    const { random, workers } = this.view;
    const worker = this.workers[workers === 1 ? 0 : random.integer(0, workers - 1)]!;
    const stream = worker.host.newStream(worker.root);
    const { criticality } = request.traffic;
    sendRequest(stream, {
      path: "/v1/chat/completions",
      headers: criticality === undefined ? [] : [[OBJECTIVE_HEADER, criticality]],
      bodyChunks: [chatBody(request.traffic)],
    });
    check(worker.host);
    const pod = this.podNamed(stream, 0);
    if (pod < 0) stream.done();
    else this.open.set(request.number, { worker, stream });
    return pod;
  }

  second(request: RoutedRequest): number {
    return this.podNamed(this.open.get(request.number)!.stream, 1);
  }

  onAccepted({ number, pod, attempts, traffic }: RoutedRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const { worker, stream } = this.open.get(number)!;
    stream.upstreamAddress = this.view.addresses[pod]!;
    stream.attempts = attempts;
    // vLLM sends a stream's headers before it has prefilled anything, others with the answer.
    if (isStreamed(traffic)) stream.responseHeaders([[":status", "200"], EVENT_STREAM]);
    check(worker.host);
  }

  onFirstToken({ number, traffic }: RoutedRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const { worker, stream } = this.open.get(number)!;
    if (isStreamed(traffic)) stream.responseBody(FIRST_EVENT);
    else stream.responseHeaders([[":status", "200"], JSON_TYPE]);
    check(worker.host);
  }

  onFinish(request: RoutedRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const { worker, stream } = this.open.get(request.number)!;
    this.open.delete(request.number);
    stream.responseBody(endOf(request), true);
    stream.done();
    check(worker.host);
  }

  onFail(request: RoutedRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const { worker, stream } = this.open.get(request.number)!;
    this.open.delete(request.number);
    if (stream.downstream.headers === null) {
      const details = "upstream_reset_before_response_started{connection_termination}";
      stream.envoyReply(503, details, "", ResponseFlag.UpstreamConnectionFailure);
    } else {
      stream.responseFlags |= ResponseFlag.UpstreamConnectionTermination;
      stream.codeDetails = "upstream_reset_after_response_started{connection_termination}";
    }
    stream.done();
    check(worker.host);
  }

  /** The pod that the filter named in that place; -1: none. */
  private podNamed(stream: StreamContext, place: number): number {
    const named = stream.upstream.headers?.get(DESTINATION_HEADER)?.split(",")[place];
    return named === undefined ? -1 : (this.podOf.get(named) ?? -1);
  }
}

function check({ error }: WasmHost): void {
  if (error !== null) throw error;
}

/** The answer's end: usage as vLLM gives it with `--enable-prompt-tokens-details`. */
function endOf({ promptTokens, cachedTokens, traffic }: RoutedRequest): string {
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: traffic.outputTokens,
    total_tokens: promptTokens + traffic.outputTokens,
    prompt_tokens_details: cachedTokens > 0 ? { cached_tokens: cachedTokens } : null,
  };
  if (!isStreamed(traffic)) return JSON.stringify({ choices: [WHOLE_ANSWER], usage });
  return `data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`;
}

// The filter itself as a rule: build/filter.wasm in a VM, with virtual time, seeded chance and a
// sidecar that answers its polls with the pods' metrics.
import { readFileSync } from "node:fs";
import { projectPath } from "../../scripts/config/project.js";
import {
  DESTINATION_HEADER,
  loadModule,
  LogLevel,
  ResponseFlag,
  type RootContext,
  sendRequest,
  SharedData,
  type StreamContext,
  WasmHost,
} from "../host/index.js";
import { chatBody } from "../traffic/body.js";
import { isStreamed } from "../traffic/traffic.js";
import { answerPolls } from "./load-table.js";
import type { RoutedRequest, Rule, RuleView } from "./rule.js";

const POOL = "default";
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

class WasmRule implements Rule {
  readonly tickMs: number;
  private readonly host: WasmHost;
  private readonly root: RootContext;
  private readonly streams = new Map<number, StreamContext>();
  private readonly podOf: Map<string, number>;
  private readonly addresses: readonly string[];
  private nowMs = 0;

  constructor(view: RuleView) {
    this.addresses = view.addresses;
    this.podOf = new Map(view.addresses.map((address, pod) => [address, pod]));
    this.host = new WasmHost({
      module: filterModule(),
      sharedData: new SharedData(),
      clock: { nowNs: () => BigInt(Math.round((EPOCH_MS + this.nowMs) * 1e6)) },
      random: () => view.random.unit(),
      logLevel: LogLevel.Warn,
      onHttpCall: answerPolls(view, () => this.nowMs),
      clusters: [SIDECAR_CLUSTER],
    });
    const config = { ...view.filterConfig, pool: POOL };
    this.root = this.host.newRoot(JSON.stringify(config), {
      allowOnHeadersStopIteration: true,
    });
    if (!this.root.accepted) throw new Error(this.host.logs.at(-1)?.message);
    this.tickMs = this.root.tickPeriodMs;
    for (let left = WARM_UP_TICKS; left > 0; left--) this.tick(-left * this.tickMs);
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
    this.root.tick();
    this.check();
  }

  pick(request: RoutedRequest, nowMs: number): number {
    this.nowMs = nowMs;
    const stream = this.host.newStream(this.root);
    sendRequest(stream, { path: "/v1/chat/completions", bodyChunks: [chatBody(request.traffic)] });
    this.check();
    const pod = this.podNamed(stream, 0);
    if (pod < 0) stream.done();
    else this.streams.set(request.number, stream);
    return pod;
  }

  second(request: RoutedRequest): number {
    return this.podNamed(this.streams.get(request.number)!, 1);
  }

  onAccepted({ number, pod, attempts, traffic }: RoutedRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const stream = this.streams.get(number)!;
    stream.upstreamAddress = this.addresses[pod]!;
    stream.attempts = attempts;
    // vLLM sends a stream's headers before it has prefilled anything, others with the answer.
    if (isStreamed(traffic)) stream.responseHeaders([[":status", "200"], EVENT_STREAM]);
    this.check();
  }

  onFirstToken({ number, traffic }: RoutedRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const stream = this.streams.get(number)!;
    if (isStreamed(traffic)) stream.responseBody(FIRST_EVENT);
    else stream.responseHeaders([[":status", "200"], JSON_TYPE]);
    this.check();
  }

  onFinish(request: RoutedRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const stream = this.streams.get(request.number)!;
    this.streams.delete(request.number);
    stream.responseBody(endOf(request), true);
    stream.done();
    this.check();
  }

  onFail(request: RoutedRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const stream = this.streams.get(request.number)!;
    this.streams.delete(request.number);
    if (stream.downstream.headers === null) {
      const details = "upstream_reset_before_response_started{connection_termination}";
      stream.envoyReply(503, details, "", ResponseFlag.UpstreamConnectionFailure);
    } else {
      stream.responseFlags |= ResponseFlag.UpstreamConnectionTermination;
      stream.codeDetails = "upstream_reset_after_response_started{connection_termination}";
    }
    stream.done();
    this.check();
  }

  /** The pod that the filter named in that place; -1: none. */
  private podNamed(stream: StreamContext, place: number): number {
    const named = stream.upstream.headers?.get(DESTINATION_HEADER)?.split(",")[place];
    return named === undefined ? -1 : (this.podOf.get(named) ?? -1);
  }

  private check(): void {
    if (this.host.error !== null) throw this.host.error;
  }
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

// A steady load of short answers, open loop: what is slow or fails does not hold back what is next.
import { Agent, request, type ClientRequest, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Tally, type LoadResult } from "./tally.js";

const PATH = "/v1/chat/completions";
const PER_SECOND = 200;
const STREAM_SHARE = 0.3;
/** A first byte that comes later than that after the request's planned time is slow. */
export const SLOW_MS = 1000;
/** An answer that is not whole by then is given up, and has failed or was cut off. */
const TIMEOUT_MS = 20_000;
const PERIOD_MS = 5;
/**
 * A machine that runs much else may hold this process up. What it could not send in time is left
 * out and counted: sent in one heap it would be another load, and hold the process up still more.
 */
const LATE_MS_MAX = 100;
/** Bounds of what a test that goes wrong may start. */
const REQUESTS_MAX = 50_000;
const IN_FLIGHT_MAX = 4_000;
/** What is kept of an answer: its end, or the start of one that is no answer. */
const TEXT_CHARS_MAX = 1_000;
const ERROR_CHARS_MAX = 300;
const CACHED_TOKENS = /"cached_tokens":\s*(\d+)/;
const LAST_EVENT = "data: [DONE]";

export interface SteadyLoadOptions {
  /** `http://host:port` of each listener, taken in turn. */
  urls: readonly string[];
  /** Requests a second. */
  perSecond?: number;
  /** Share of the requests whose answers are streamed, 0 to 1. */
  streamShare?: number;
  /** The body of request `id`, without `stream`. */
  body: (id: number) => object;
  headers?: Record<string, string>;
  timeoutMs?: number;
  /** Ends the load as `stop` does. */
  signal?: AbortSignal;
}

export interface SteadyLoad {
  /** How many were sent so far, and how many of these have no whole answer yet. */
  readonly sent: number;
  readonly inFlight: number;
  /** What ended so far, in the order in which it was sent. */
  tally(): Tally;
  /** Sends no more, waits for the answers under way, gives up those that do not come in time. */
  stop(graceMs?: number): Promise<Tally>;
}

/** Milliseconds since 1970, with fractions, on a clock that does not jump. */
export function unixMs(): number {
  return performance.timeOrigin + performance.now();
}

export function startSteadyLoad(options: SteadyLoadOptions): SteadyLoad {
  return new Load(options);
}

class Load implements SteadyLoad {
  sent = 0;
  private readonly results: LoadResult[] = [];
  private readonly underWay = new Set<ClientRequest>();
  private readonly agent = new Agent({ keepAlive: true, scheduling: "fifo" });
  private readonly startMs = unixMs();
  private readonly timer: NodeJS.Timeout;
  private planned = 0;
  private leftOut = 0;

  constructor(private readonly options: SteadyLoadOptions) {
    this.timer = setInterval(() => this.sendDue(), PERIOD_MS);
    options.signal?.addEventListener("abort", () => clearInterval(this.timer), { once: true });
  }

  get inFlight(): number {
    return this.underWay.size;
  }

  tally(): Tally {
    return new Tally(
      [...this.results].sort((a, b) => a.id - b.id),
      this.leftOut,
    );
  }

  async stop(graceMs = this.options.timeoutMs ?? TIMEOUT_MS): Promise<Tally> {
    clearInterval(this.timer);
    const endMs = unixMs() + graceMs;
    while (this.inFlight > 0 && unixMs() < endMs) await sleep(PERIOD_MS);
    for (const one of this.underWay) one.destroy(new Error("no whole answer before the end"));
    while (this.inFlight > 0) await sleep(PERIOD_MS);
    this.agent.destroy();
    return this.tally();
  }

  /** The timer may be late; what is due by then is sent, each with its own planned time. */
  private sendDue(): void {
    const intervalMs = 1000 / (this.options.perSecond ?? PER_SECOND);
    for (;;) {
      const dueMs = this.startMs + this.planned * intervalMs;
      if (dueMs > unixMs() || this.planned >= REQUESTS_MAX) return;
      this.planned++;
      if (unixMs() - dueMs > LATE_MS_MAX) this.leftOut++;
      else this.send(dueMs);
    }
  }

  private send(dueMs: number): void {
    const { urls, streamShare = STREAM_SHARE, body, headers, timeoutMs } = this.options;
    const id = this.sent++;
    const url = urls[id % urls.length] as string;
    // Spread evenly: every tenth, third, ... request, whatever the share is.
    const isStream = Math.floor((id + 1) * streamShare) > Math.floor(id * streamShare);
    const exchange = new Exchange(id, url, isStream, dueMs);
    if (this.inFlight >= IN_FLIGHT_MAX) {
      this.results.push(exchange.end("not sent: too many are under way"));
      return;
    }
    const streamed = isStream ? { stream: true, stream_options: { include_usage: true } } : {};
    const text = JSON.stringify({ ...body(id), ...streamed });
    const sent = request(url + PATH, {
      method: "POST",
      agent: this.agent,
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
        "x-load-id": String(id),
        ...headers,
      },
    });
    this.underWay.add(sent);
    const timer = setTimeout(
      () => sent.destroy(new Error("no whole answer in time")),
      timeoutMs ?? TIMEOUT_MS,
    );
    const settle = (error: string): void => {
      if (!this.underWay.delete(sent)) return;
      clearTimeout(timer);
      this.results.push(exchange.end(error));
    };
    sent.once("error", (error) => settle(error.message));
    sent.once("response", (response) => exchange.read(response, settle));
    sent.end(text);
  }
}

/** One request under way. */
class Exchange {
  private readonly sentMs = unixMs();
  private headersMs: number | null = null;
  private firstByteMs: number | null = null;
  private status = 0;
  private pod = "";
  private decision = "";
  private text = "";

  constructor(
    private readonly id: number,
    private readonly url: string,
    private readonly isStream: boolean,
    private readonly dueMs: number,
  ) {}

  read(response: IncomingMessage, settle: (error: string) => void): void {
    this.headersMs = unixMs();
    this.status = response.statusCode ?? 0;
    this.pod = String(response.headers["x-pod"] ?? "");
    this.decision = String(response.headers["x-warmroute-decision"] ?? "");
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      this.firstByteMs ??= unixMs();
      const text = this.text + chunk;
      this.text = this.status === 200 ? text.slice(-TEXT_CHARS_MAX) : text.slice(0, TEXT_CHARS_MAX);
    });
    response.once("error", (error) => settle(error.message));
    response.once("end", () => settle(this.whatIsMissing()));
  }

  end(error: string): LoadResult {
    const { id, url, isStream, dueMs, sentMs, headersMs, firstByteMs, status, pod } = this;
    const { decision } = this;
    const lateMs = (firstByteMs ?? dueMs) - dueMs;
    const isWhole = error === "";
    const answered = isWhole ? (lateMs > SLOW_MS ? "slow" : "ok") : "cut";
    const outcome = status === 200 ? answered : "failed";
    const endMs = unixMs();
    const times = { dueMs, sentMs, headersMs, firstByteMs, endMs };
    const cachedTokens = Number(CACHED_TOKENS.exec(this.text)?.[1] ?? 0);
    const who = { id, url, isStream, status, pod, decision };
    return { ...who, ...times, cachedTokens, outcome, error };
  }

  private whatIsMissing(): string {
    if (this.status !== 200) return this.text.slice(0, ERROR_CHARS_MAX) || `status ${this.status}`;
    if (!this.isStream) return this.text === "" ? "an answer without a body" : "";
    return this.text.trimEnd().endsWith(LAST_EVENT) ? "" : "the stream ended early";
  }
}

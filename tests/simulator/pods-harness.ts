// What the pods' tests share: a clock that stands still until told, HTTP, patience with bounds.
import { request } from "node:http";
import type { EngineConfig } from "../../simulator/engine/options.js";
import type { Clock } from "../../simulator/pods/engine-driver.js";

/** Time moves only by `advance`; then timers fire at their moment, in order. */
export class ManualClock implements Clock {
  private atMs = 0;
  private timers: { atMs: number; callback: () => void }[] = [];

  /** `lateMs`: how much later than asked each timer fires. */
  constructor(private readonly lateMs = 0) {}

  nowMs(): number {
    return this.atMs;
  }

  unixSeconds(): number {
    return 1_700_000_000 + this.atMs / 1000;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.atMs + delayMs + this.lateMs, callback };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((other) => other !== timer));
  }

  advance(ms: number): void {
    const endMs = this.atMs + ms;
    for (;;) {
      const due = this.timers.filter((timer) => timer.atMs <= endMs);
      due.sort((a, b) => a.atMs - b.atMs);
      const next = due[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.atMs = Math.max(this.atMs, next.atMs);
      next.callback();
    }
    this.atMs = endMs;
  }
}

/** Every step takes 10 ms, whatever is in it. */
export const TEN_MS_STEPS: EngineConfig = {
  scheduler: "v1",
  kvTokens: 16_000,
  maxSequenceTokens: 4000,
  timing: { stepMs: 10, prefillStepMs: 0, prefillTokenMs: 0, sequenceMs: 0, kvTokenMs: 0 },
};

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface Exchange {
  /** Resolves with the response's head, which may come long before its body. */
  head: Promise<Omit<Answer, "body">>;
  done: Promise<Answer>;
  /** What has come of the body so far. */
  received(): string;
  hangUp(): void;
}

export function send(
  address: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Exchange {
  const [host, port] = address.split(":") as [string, string];
  const chunks: Buffer[] = [];
  const method = body === undefined ? "GET" : "POST";
  const type: Record<string, string> =
    method === "POST" ? { "content-type": "application/json" } : {};
  const outgoing = request({
    host,
    port,
    path,
    method,
    headers: { ...type, ...headers },
    agent: false,
  });
  const head = new Promise<Omit<Answer, "body">>((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      response.on("error", () => {}); // Seen by `done`, where someone waits for it.
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    });
  });
  const done = new Promise<Answer>((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode, headers } = response;
        resolve({ status: statusCode ?? 0, headers, body: Buffer.concat(chunks) });
      });
    });
  });
  head.catch(() => {});
  done.catch(() => {});
  outgoing.end(typeof body === "string" || body === undefined ? body : JSON.stringify(body));
  return {
    head,
    done,
    received: () => Buffer.concat(chunks).toString("utf8"),
    hangUp: () => outgoing.destroy(),
  };
}

/** Waits until the sockets have brought about what is expected; gives up after 5 s. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 5000; i++) {
    if (isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`waited in vain: ${what}`);
}

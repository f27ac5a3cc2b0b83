// Light steady traffic on both listeners, and for any span of time how each request ended.
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { until } from "../../../../lab/processes.js";
import { promptOf } from "./ask.js";
import { HTTP_URL, LLM_URL } from "./rig.js";

/** Of each listener. */
const PER_SECOND = 25;
/** Clients come back with the same prompts. */
const PROMPTS = 8;
const TIMEOUT_MS = 10_000;
/** By which all workers, and kept connections as well as new ones, have answered. */
const IN_A_ROW = 12;
/** A gateway on a machine under load reads its folder for seconds. */
const CHANGE_TIMEOUT_MS = 120_000;
/** A decision that names a pod, and not a reason for none. */
const CHOSEN = /pod=[\d.]+:\d+/;

/** How a request on `llm-gw` ended: the filter chose the pod; 200 without it; anything else. */
export type Ending = "chosen" | "plain" | "failed";

/** How the requests of a span ended. */
export interface Tally {
  llm: Record<Ending, number>;
  http: Record<Ending, number>;
  /** Statuses and errors of those that failed, such as `500` or `ECONNREFUSED`. */
  failures: string[];
}

interface Outcome {
  sentMs: number;
  endMs: number;
  url: string;
  /** The status, or the error of a request without an answer. */
  status: string;
  ending: Ending;
}

/** Traffic that runs until `stop`. */
export class Watch {
  readonly #outcomes: Outcome[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #kept = new Agent({ connections: 2, keepAliveTimeout: 60_000 });
  readonly #loop: Promise<void>;
  #isOver = false;

  constructor() {
    this.#loop = this.#run();
  }

  /** What was sent since `fromMs`, in performance.now(), and has ended. */
  tally(fromMs: number): Tally {
    const tally: Tally = { llm: noneYet(), http: noneYet(), failures: [] };
    const failures = new Set<string>();
    for (const { sentMs, url, status, ending } of this.#outcomes) {
      if (sentMs < fromMs) continue;
      tally[url === LLM_URL ? "llm" : "http"][ending]++;
      if (ending === "failed") failures.add(status);
    }
    return { ...tally, failures: [...failures].sort() };
  }

  /**
   * Waits until the last requests on `llm-gw` ended so; when the first of them was sent, in
   * performance.now().
   */
  async untilAll(ending: Ending): Promise<number> {
    let sinceMs = 0;
    const startMs = performance.now();
    await until(
      `${IN_A_ROW} requests in a row are ${ending}`,
      () => {
        const ended = this.#outcomes.filter(({ url, endMs }) => url === LLM_URL && endMs > startMs);
        const last = ended.slice(-IN_A_ROW);
        sinceMs = last[0]?.sentMs ?? 0;
        return last.length === IN_A_ROW && last.every((one) => one.ending === ending);
      },
      CHANGE_TIMEOUT_MS,
    );
    return sinceMs;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#loop;
    await Promise.all(this.#pending);
    await this.#kept.close();
  }

  async #run(): Promise<void> {
    const startMs = performance.now();
    for (let count = 0; !this.#isOver; count++) {
      await sleep(Math.max(0, startMs + (count * 1000) / PER_SECOND - performance.now()));
      for (const url of [LLM_URL, HTTP_URL]) {
        // Every second one on a connection of its own: kept ones may see a change later.
        const sent = this.#send(url, promptOf(`watch ${count % PROMPTS}`), count % 2 === 0);
        this.#pending.add(sent);
        void sent.then(() => this.#pending.delete(sent));
      }
    }
  }

  async #send(url: string, body: string, isKept: boolean): Promise<void> {
    const sentMs = performance.now();
    const dispatcher = isKept ? this.#kept : new Agent();
    const { status, ending } = await ask(url, body, dispatcher);
    this.#outcomes.push({ sentMs, endMs: performance.now(), url, status, ending });
    if (!isKept) await dispatcher.close();
  }
}

const noneYet = (): Record<Ending, number> => ({ chosen: 0, plain: 0, failed: 0 });

async function ask(
  url: string,
  body: string,
  dispatcher: Agent,
): Promise<{ status: string; ending: Ending }> {
  try {
    const answer = await request(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      dispatcher,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    await answer.body.text();
    const isChosen = CHOSEN.test(String(answer.headers["x-warmroute-decision"] ?? ""));
    const served = isChosen ? "chosen" : "plain";
    const ending = answer.statusCode === 200 ? served : "failed";
    return { status: String(answer.statusCode), ending };
  } catch (error) {
    return { status: (error as NodeJS.ErrnoException).code ?? String(error), ending: "failed" };
  }
}

// Requests to gateways as users send them, and what the answers show of what a gateway knew.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Gateway } from "../../../lab/gateway.js";
import { Random } from "../../../simulator/workloads/random.js";
import { chat, prose, send, type Answer } from "../../e2e/support/rig.js";
import { MODEL, type Rig } from "./rig.js";

/** About 2,000 tokens: a prefill of 120 ms, which is worth a way to the pod that has it. */
const PROMPT_BYTES = 8_000;
/** Far more than any takes; one that is sent to a pod that hangs would never end. */
const ANSWER_MS_MAX = 20_000;
const PATH = "/v1/chat/completions";
/** Between two requests of a client. */
const PAUSE_MS = 20;
const CLIENTS = 3;
const CLIENT_PROMPTS = 8;

/** Different prompts, each its own from the first word on. */
export function prompts(title: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => prose(`${i} of ${title},`, PROMPT_BYTES));
}

export async function ask(gateway: Gateway, text: string, more: object = {}): Promise<Answer> {
  const body = chat(text, { model: MODEL, max_tokens: 1, ...more });
  const late = sleep(ANSWER_MS_MAX, undefined, { ref: false }).then(() => {
    throw new Error(`${gateway.name}: no answer in ${ANSWER_MS_MAX} ms`);
  });
  const answer = await Promise.race([send(gateway.url + PATH, body), late]);
  assert.equal(answer.status, 200, answer.body.toString());
  return answer;
}

/** Asks each prompt in turn, and tells by prompt which pod answered. */
export async function teach(gateway: Gateway, texts: readonly string[]): Promise<Homes> {
  const homes: Homes = new Map();
  for (const text of texts) homes.set(text, (await ask(gateway, text)).decision.pod);
  return homes;
}

/** By prompt: the pod that has it, `ip:port`. */
export type Homes = Map<string, string>;

/** The pod with the most of them, and which these are: a pod's share of them at least. */
export function mostCrowded(homes: Homes): [pod: string, texts: string[]] {
  const byPod = new Map<string, string[]>();
  for (const [text, pod] of homes) byPod.set(pod, [...(byPod.get(pod) ?? []), text]);
  const [most] = [...byPod].sort(([, one], [, other]) => other.length - one.length);
  assert.ok(most !== undefined);
  return most;
}

/** The gateway sends each prompt to its pod, because it believes it there, and it is. */
export async function assertKnown(gateway: Gateway, homes: Homes): Promise<void> {
  for (const [text, home] of homes) {
    const answer = await ask(gateway, text);
    const { pod, reason, cached } = answer.decision;
    const what = `${gateway.name}, "${text.slice(0, 30)}": cached ${cached}`;
    assert.deepEqual({ pod, reason }, { pod: home, reason: "prefix" }, what);
    assert.ok(cached > 0, what);
    assert.ok(cachedInPod(answer) > 0, `${what}, in the pod nothing`);
  }
}

/** No pod has any of them, for all that the gateway knows; from now on it knows. */
export async function assertUnknown(gateway: Gateway, texts: Iterable<string>): Promise<void> {
  for (const text of texts) {
    const { reason, cached } = (await ask(gateway, text)).decision;
    assert.deepEqual({ reason, cached }, { reason: "cold", cached: 0 }, gateway.name);
  }
}

function cachedInPod({ body }: Answer): number {
  const { usage } = JSON.parse(body.toString()) as {
    usage: { prompt_tokens_details: { cached_tokens: number } };
  };
  return usage.prompt_tokens_details.cached_tokens;
}

/** Clients that ask one gateway or another until they are stopped. */
export class Traffic {
  readonly failures: string[] = [];
  answers = 0;
  private isOver = false;
  private readonly clients: Promise<void>[];

  /** It ends with the rig at the latest, where the test fails before its `end`. */
  constructor(
    rig: Rig,
    title: string,
    private readonly gateways: readonly Gateway[],
  ) {
    rig.atStop(() => (this.isOver = true));
    const texts = prompts(`traffic of ${title}`, CLIENT_PROMPTS);
    this.clients = Array.from({ length: CLIENTS }, (_, i) => this.run(texts, Random.from(i)));
  }

  /** Throws where a request failed. */
  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.clients);
    assert.deepEqual(this.failures, []);
    assert.ok(this.answers > 0);
  }

  private async run(texts: readonly string[], random: Random): Promise<void> {
    const one = <T>(of: readonly T[]): T => of[random.integer(0, of.length - 1)] as T;
    while (!this.isOver) {
      const gateway = one(this.gateways);
      await ask(gateway, one(texts)).then(
        () => void this.answers++,
        (error: Error) => void this.failures.push(`${gateway.name}: ${error.message}`),
      );
      await sleep(PAUSE_MS);
    }
  }
}

/** Requests in flight for good: the pod takes them and never answers. */
export class Held {
  private readonly abort = new AbortController();

  private constructor(private readonly pod: string) {}

  /** `text` is one that the gateway believes on the pod, which is why they go there. */
  static async start(gateway: Gateway, pod: string, text: string): Promise<Held> {
    const held = new Held(pod);
    await setFault(pod, { hang: true });
    const body = chat(text + prose("a long question", LONG_BYTES), { model: MODEL, stream: true });
    const headers = { "content-type": "application/json" };
    const { signal } = held.abort;
    void fetch(gateway.url + PATH, { method: "POST", headers, body, signal }).catch(() => {});
    return held;
  }

  /** The clients leave, and the pod is well again. */
  async end(): Promise<void> {
    this.abort.abort();
    await setFault(this.pod, {});
  }
}

/** 20,000 tokens: more than a second of prefill, which no cached prompt here is worth. */
const LONG_BYTES = 80_000;

async function setFault(pod: string, fault: object): Promise<void> {
  const body = JSON.stringify(fault);
  const response = await fetch(`http://${pod}/_fault`, { method: "POST", body });
  assert.equal(response.status, 200);
}

// What several themes ask of answers and pods, and traffic that goes on while something changes.
import { createHash } from "node:crypto";
import { until as untilWithin } from "../../../lab/processes.js";
import type { Answer } from "../../e2e/support/rig.js";
import type { ModelPod, Received } from "../support/model-pod.js";
import { CHAT, type World } from "../support/world.js";

export const DESTINATION = "x-gateway-destination-endpoint";
export const MODEL_HEADER = "x-gateway-model-name";
export const PODS = ["vllm-1", "vllm-2", "vllm-3"];
export const MIB = 1024 * 1024;

/** Bounds a wait for what takes a second; a machine that runs much else takes many. */
const PATIENCE_MS = 60_000;

export function until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  return untilWithin(what, probe, PATIENCE_MS);
}

/** Tokens of the prompt that the pod says it had in its cache. */
export function cachedTokens({ body }: Answer): number {
  const { usage } = JSON.parse(body.toString("utf8")) as {
    usage?: { prompt_tokens_details?: { cached_tokens?: number } | null };
  };
  return usage?.prompt_tokens_details?.cached_tokens ?? 0;
}

/** Sends a prompt until its answer says that the pod had it in its cache. */
export async function untilCached(world: World, text: string): Promise<Answer> {
  let last: Answer | undefined;
  await until("the prompt is cached where it goes", async () => {
    last = await world.chat(text);
    return last.status === 200 && cachedTokens(last) > 0;
  });
  return last as Answer;
}

/** The newest chat that a pod got. */
export function lastOf(pod: ModelPod): Received {
  const last = pod.received.filter(({ url }) => url === CHAT).at(-1);
  if (last === undefined) throw new Error("the pod got no request");
  return last;
}

export function sha256({ body }: Received): string {
  return createHash("sha256").update(body).digest("hex");
}

/** Answers every request with 200 at once, whatever its size; `restore` ends that. */
export function answerAtOnce(world: World, names: string[] = PODS): { restore: () => void } {
  for (const name of names) {
    world.pod(name).answer((_, response) => {
      response.setHeader("content-type", "application/json");
      response.end("{}");
      return true;
    });
  }
  return { restore: () => names.forEach((name) => world.pod(name).answer()) };
}

/** Chats one after the other, by several clients at once, until it is stopped. */
export class Traffic {
  #isOver = false;
  count = 0;
  /** What went wrong, by its text. */
  readonly failures = new Map<string, number>();
  readonly #clients: Promise<void>[];

  constructor(
    private readonly world: World,
    private readonly texts: string[],
    clients = 4,
  ) {
    this.#clients = Array.from({ length: clients }, (_, index) => this.#client(index));
  }

  /** Returns once `count` more requests were answered. */
  async more(count: number): Promise<void> {
    const wanted = this.count + count;
    await until(`${count} more requests`, () => this.count >= wanted);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #client(index: number): Promise<void> {
    for (let i = index; !this.#isOver; i++) {
      let outcome: string;
      try {
        outcome = String(
          (await this.world.chat(this.texts[i % this.texts.length] as string)).status,
        );
      } catch (error) {
        outcome = (error as Error).message;
      }
      this.count++;
      if (outcome !== "200") this.failures.set(outcome, (this.failures.get(outcome) ?? 0) + 1);
    }
  }
}

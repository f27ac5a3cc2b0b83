// warmroute as a user installs it on the rig: pool, pods, manifests; and what tests ask of it.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { until } from "../../../lab/processes.js";
import { chat, send, type Answer } from "../../e2e/support/rig.js";
import { GATEWAY_NAMESPACE, MODEL_PORT } from "./addresses.js";
import { EnvoyView } from "./envoy-view.js";
import { pushFilter, type FilterImage } from "./filter-image.js";
import type { KubeObject } from "./kube-api.js";
import type { ModelPod } from "./model-pod.js";
import { writeOverlay, type Overlay } from "./overlay.js";
import type { Pod } from "./pod-spec.js";
import { Rig } from "./rig.js";

export const HTTP_LISTENER = "default/inference-gateway/http";
export const LLM_LISTENER = "default/inference-gateway/llm-gw";
export const POOL = "default/vllm-pool";
/** What the pods serve. */
export const MODEL = "qwq-32b";
export const CHAT = "/v1/chat/completions";
/** As docs/install.md makes the Secret. */
const HASH_KEY = [
  ...["create", "secret", "generic", "warmroute-hash-key"],
  ...["--namespace", GATEWAY_NAMESPACE],
];
const ROUTED_TIMEOUT_MS = 30_000;
const SIDECAR_PORT = 9110;

/** The part of the sidecar's /v1/pools that tests read. */
export interface PoolView {
  name: string;
  pods: { address: string; name: string | null; state: string; mayBePicked: boolean }[];
  totals: { decisions: Record<string, number> };
}

export class World {
  #view: { pod: object; view: EnvoyView } | null = null;
  #overlays = 0;

  private constructor(
    readonly rig: Rig,
    /** The filter that is installed first. */
    readonly filter: FilterImage,
    /** From `kubectl apply` to the first answer through the filter's listener. */
    readonly firstAnswerMs: number,
  ) {}

  /** Starts the rig with three model pods, applies the manifests and waits for a routed request. */
  static async start(): Promise<World> {
    const rig = await Rig.start();
    try {
      const filter = await pushFilter(join(rig.folder, "images"), "v1");
      await rig.kubectl(["apply", "-k", "manifests/inference/v1"]);
      await Promise.all([1, 2, 3].map((number) => createModelPod(rig, `vllm-${number}`)));
      await rig.kubectl([
        ...HASH_KEY,
        `--from-literal=hash-key=${randomBytes(16).toString("hex")}`,
      ]);
      const overlay = writeOverlay(join(rig.folder, "overlay-first"), { filter });
      const startMs = performance.now();
      await rig.kubectl(["apply", "-k", overlay]);
      await until("a request is routed", () => isRouted(rig), ROUTED_TIMEOUT_MS);
      return new World(rig, filter, performance.now() - startMs);
    } catch (error) {
      const { message } = error as Error;
      await rig.stop();
      throw new Error(`${message}\n${rig.problems()}`);
    }
  }

  /** The standard route. */
  get http(): string {
    return `http://${this.rig.envoy.address}:8080`;
  }

  /** The route with the filter. */
  get llm(): string {
    return `http://${this.rig.envoy.address}:8081`;
  }

  /** Envoy's admin interface in the newest Envoy pod. */
  async envoy(): Promise<EnvoyView> {
    const pod = this.rig.envoy;
    if (this.#view?.pod !== pod) this.#view = { pod, view: await EnvoyView.open(pod) };
    return this.#view.view;
  }

  pod(name: string): ModelPod {
    const pod = this.rig.modelPods.get(`default/${name}`);
    if (pod === undefined) throw new Error(`there is no model pod ${name}`);
    return pod;
  }

  /** Applies the manifests again with something changed. */
  async apply(overlay: Partial<Overlay>): Promise<void> {
    const folder = join(this.rig.folder, `overlay-${++this.#overlays}`);
    writeOverlay(folder, { filter: this.filter, ...overlay });
    await this.rig.kubectl(["apply", "-k", folder]);
  }

  /** The sidecar's view of the pool, from the newest Envoy pod. */
  async pool(name = POOL): Promise<PoolView> {
    const answer = await request(`http://${this.rig.envoy.address}:${SIDECAR_PORT}/v1/pools`);
    const { pools } = (await answer.body.json()) as { pools: PoolView[] };
    const found = pools.find((pool) => pool.name === name);
    if (found === undefined) throw new Error(`the sidecar has no pool ${name}`);
    return found;
  }

  /** Sends a chat whose answer is short. */
  async chat(text: string, headers: Record<string, string> = {}): Promise<Answer> {
    return await send(this.llm + CHAT, shortChat(text), headers);
  }

  /** Sends different prompts until `found` is true of an answer; how long that took. */
  async untilServed(what: string, found: (answer: Answer) => boolean): Promise<number> {
    const startMs = performance.now();
    let count = 0;
    await until(what, async () => found(await this.chat(`${what} ${count++} ${"x".repeat(2000)}`)));
    return performance.now() - startMs;
  }

  async stop(): Promise<void> {
    await this.#view?.view.close();
    await this.rig.stop();
  }
}

/** A chat that a simulated pod answers within a step or two. */
export function shortChat(text: string, model = MODEL): string {
  return chat(text, { model, max_tokens: 2 });
}

/** A pod of the pool as its Deployment would make it; returns when it is ready. */
export async function createModelPod(
  rig: Rig,
  name: string,
  more: { labels?: Record<string, string>; annotations?: Record<string, string> } = {},
): Promise<Pod> {
  const { labels = { app: "vllm" }, annotations = {} } = more;
  const made = await rig.api.create<Pod>("/api/v1/namespaces/default/pods", {
    metadata: { name, labels, annotations: { "test/model": MODEL, ...annotations } },
    spec: {
      containers: [{ name: "vllm", image: "vllm", ports: [{ containerPort: MODEL_PORT }] }],
      terminationGracePeriodSeconds: 30,
    },
  });
  await until(`pod ${name} runs`, async () => {
    if (rig.kubelet.errors.length > 0) throw new Error(rig.problems());
    return (await rig.kubelet.running("default", name)) !== null;
  });
  return made;
}

/** Every object of a kind, `apis/GROUP/VERSION/PLURAL`, in all namespaces. */
export async function objectsOf<T extends KubeObject>(rig: Rig, path: string): Promise<T[]> {
  return await rig.api.items<T>(`/${path}`);
}

async function isRouted(rig: Rig): Promise<boolean> {
  if (rig.kubelet.errors.length > 0) throw new Error(rig.problems());
  if (rig.envoyPods.length === 0) return false;
  try {
    const url = `http://${rig.envoy.address}:8081${CHAT}`;
    return (await send(url, shortChat("first"))).status === 200;
  } catch {
    await sleep(20);
    return false;
  }
}

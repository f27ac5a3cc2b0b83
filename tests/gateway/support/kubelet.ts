// Scheduler and kubelet of the rig's one node: binds pods, runs them, tells their status.
import type { KubeApi } from "./kube-api.js";
import { NODE_NAME, type Pod } from "./pod-spec.js";

/** A pod that runs and is ready. */
export interface RunningPod {
  address: string;
  /** Ends it as the API server asked to, gracefully. */
  terminate(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts what stands for a pod; resolves when it is ready. */
export type Runtime = (pod: Pod) => Promise<RunningPod>;

interface Known {
  pod: Pod;
  running: Promise<RunningPod | null>;
  isEnding: boolean;
}

export class Kubelet {
  readonly #known = new Map<string, Known>();
  readonly #abort = new AbortController();
  readonly #following: Promise<void>;
  /** Pods that could not be started, and why. */
  readonly errors: string[] = [];

  constructor(
    private readonly api: KubeApi,
    private readonly runtime: Runtime,
    private readonly nowIso: () => string,
  ) {
    this.#following = api.follow<Pod>(
      "/api/v1/pods",
      (pod, isDeleted) => this.#changed(pod, isDeleted),
      this.#abort.signal,
    );
  }

  /** What runs for a pod of this name, once it is ready; null while there is none. */
  async running(namespace: string, name: string): Promise<RunningPod | null> {
    for (const { pod, running } of this.#known.values()) {
      if (pod.metadata.namespace === namespace && pod.metadata.name === name) return await running;
    }
    return null;
  }

  /** Says of a pod whether it is ready, as its readiness probe would. */
  async setReady(pod: Pod, address: string, isReady: boolean): Promise<void> {
    const at = this.nowIso();
    const condition = (type: string, isTrue: boolean): object => ({
      type,
      status: isTrue ? "True" : "False",
      lastTransitionTime: at,
    });
    const status = {
      phase: "Running",
      podIP: address,
      podIPs: [{ ip: address }],
      hostIP: address,
      startTime: at,
      conditions: [
        condition("Initialized", true),
        condition("PodScheduled", true),
        condition("ContainersReady", isReady),
        condition("Ready", isReady),
      ],
      containerStatuses: pod.spec.containers.map(({ name, image }) => ({
        name,
        image,
        imageID: "",
        ready: isReady,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: at } },
      })),
    };
    await this.api.patch(`${pathOf(pod)}/status`, { status });
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#following;
    const all = [...this.#known.values()].map(async ({ running }) => (await running)?.stop());
    await Promise.all(all);
  }

  #changed(pod: Pod, isDeleted: boolean): void {
    const uid = pod.metadata.uid ?? "";
    const known = this.#known.get(uid);
    if (known !== undefined) known.pod = pod;
    if (isDeleted) {
      if (known !== undefined && !known.isEnding) void this.#end(uid, known);
    } else if (pod.metadata.deletionTimestamp !== undefined) {
      if (known === undefined) void this.#attempt(pod, () => this.api.remove(pathOf(pod)));
      else if (!known.isEnding) void this.#end(uid, known);
    } else if (known === undefined) {
      this.#known.set(uid, { pod, running: this.#begin(pod), isEnding: false });
    }
  }

  async #begin(pod: Pod): Promise<RunningPod | null> {
    let running: RunningPod | null = null;
    await this.#attempt(pod, async () => {
      if (pod.spec.nodeName === undefined) await this.#bind(pod);
      running = await this.runtime(pod);
      await this.setReady(pod, running.address, true);
    });
    return running;
  }

  async #bind(pod: Pod): Promise<void> {
    const { name, namespace } = pod.metadata;
    await this.api.create(`${pathOf(pod)}/binding`, {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, namespace },
      target: { apiVersion: "v1", kind: "Node", name: NODE_NAME },
    });
  }

  async #end(uid: string, known: Known): Promise<void> {
    known.isEnding = true;
    await this.#attempt(known.pod, async () => {
      await (await known.running)?.terminate();
      await this.api.remove(pathOf(known.pod));
    });
    this.#known.delete(uid);
  }

  async #attempt(pod: Pod, what: () => Promise<void>): Promise<void> {
    try {
      await what();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.errors.push(`pod ${pod.metadata.name}: ${(error as Error).message}`);
    }
  }
}

function pathOf(pod: Pod): string {
  return `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
}

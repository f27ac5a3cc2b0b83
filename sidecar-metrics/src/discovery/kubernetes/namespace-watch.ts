// Everything that is watched in one namespace: its pods, and the inference kinds there are.
import type { Clock } from "../../clock.js";
import type { NamespaceObjects } from "./assemble.js";
import type { ApiClient } from "./client.js";
import { type InformerEvents, KindInformer } from "./kind-informer.js";
import { type KindName, KINDS, type ServedKind } from "./kinds.js";
import { type Custom, type Pod, slimCustom, slimPod } from "./objects.js";
import type { ClusterTimes } from "./settings.js";

export interface WatchParts {
  client: ApiClient;
  times: ClusterTimes;
  clock: Clock;
  events: InformerEvents;
}

interface Watched {
  served: ServedKind;
  informer: KindInformer<Custom>;
  /** Of the version watched before; its objects count until the new one has listed its own. */
  previous: KindInformer<Custom> | null;
}

export class NamespaceWatch {
  readonly pods: KindInformer<Pod>;
  private readonly kinds = new Map<string, Watched>();
  /** It is known which kinds there are. */
  private areKindsKnown = false;
  private isOpened = false;

  constructor(
    readonly namespace: string,
    private readonly parts: WatchParts,
  ) {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    this.pods = this.createInformer<Pod>(path, "pods", slimPod);
    this.pods.start();
  }

  stop(): void {
    for (const informer of this.informers()) informer.stop();
  }

  informers(): KindInformer<unknown>[] {
    const kinds = [...this.kinds.values()];
    const previous = kinds.flatMap((one) => (one.previous === null ? [] : [one.previous]));
    return [this.pods, ...kinds.map(({ informer }) => informer), ...previous];
  }

  /** Starts to watch what is new and ends what is no more. */
  setKinds(served: readonly ServedKind[]): void {
    // To be told once where there are none at all.
    if (!this.areKindsKnown) this.parts.events.changed();
    this.areKindsKnown = true;
    const wanted = new Map(served.map((one) => [keyOf(one), one]));
    for (const [key, { informer, previous }] of this.kinds) {
      if (wanted.has(key)) continue;
      informer.stop();
      previous?.stop();
      this.kinds.delete(key);
      this.parts.events.changed();
    }
    for (const [key, one] of wanted) {
      const known = this.kinds.get(key);
      if (known?.served.version !== one.version) this.watchKind(key, one, known);
    }
  }

  /** Every list was had, or refused; from then on what is known here can be acted on. */
  isOpen(): boolean {
    const isAnswered = ({ isListed, trouble }: KindInformer<unknown>): boolean =>
      isListed || (trouble !== null && trouble.statusCode !== null);
    this.isOpened ||= this.areKindsKnown && this.informers().every(isAnswered);
    return this.isOpened;
  }

  objects(): NamespaceObjects {
    const of = (name: KindName): Custom[] => this.objectsOf(name).flat();
    return {
      namespace: this.namespace,
      pods: this.pods.isListed ? this.pods.objects() : null,
      pools: this.objectsOf("InferencePool"),
      models: of("InferenceModel"),
      rewrites: of("InferenceModelRewrite"),
      objectives: of("InferenceObjective"),
    };
  }

  /** By group, in the order of the table of kinds. */
  private objectsOf(name: KindName): (readonly Custom[])[] {
    return KINDS.filter((kind) => kind.name === name).map((kind) => {
      const watched = this.kinds.get(`${kind.group}/${kind.plural}`);
      if (watched === undefined) return [];
      const { informer, previous } = watched;
      return informer.isListed || previous === null ? informer.objects() : previous.objects();
    });
  }

  private watchKind(key: string, served: ServedKind, known: Watched | undefined): void {
    const { kind, version } = served;
    const group = `${kind.group}/${version}`;
    const path = `/apis/${group}/namespaces/${this.namespace}/${kind.plural}`;
    const informer = this.createInformer<Custom>(path, `${kind.plural}.${kind.group}`, (raw) =>
      slimCustom(raw, group, kind.name),
    );
    known?.previous?.stop();
    this.kinds.set(key, { served, informer, previous: known?.informer ?? null });
    informer.start();
  }

  private createInformer<T>(path: string, name: string, slim: (raw: unknown) => T) {
    const { client, times, clock, events } = this.parts;
    const resource = { path, name, namespace: this.namespace, slim };
    const informer: KindInformer<T> = new KindInformer<T>(resource, client, times, clock, {
      trouble: () => events.trouble(),
      changed: () => {
        this.dropPrevious(informer);
        events.changed();
      },
    });
    return informer;
  }

  private dropPrevious(listed: KindInformer<unknown>): void {
    for (const watched of this.kinds.values()) {
      if (watched.informer !== listed || watched.previous === null) continue;
      watched.previous.stop();
      watched.previous = null;
    }
  }
}

function keyOf({ kind }: ServedKind): string {
  return `${kind.group}/${kind.plural}`;
}

// The gateways of other sidecars, as their messages show them: who they are, what came, what not.

/** One that has been silent for so long is not shown any more. */
const SHOWN_MS = 10_000;
/** Beyond this the one silent for longest is forgotten. */
const KNOWN_MAX = 1_024;
/** Smoothing of the shown lag: the last ten messages count for most of it. */
const LAG_WEIGHT = 0.1;

export interface RemoteGateway {
  gateway: string;
  /** The life of its sidecar. */
  node: string;
  name: string;
  heardAtMs: number;
  /**
   * From the sender's clock to ours, ms, smoothed: the way of a message and what the clocks differ
   * by. Only shown.
   */
  lagMs: number;
}

/** What has happened to messages, for good. */
export interface MessageCounts {
  taken: number;
  /** Came a second time, or behind a later one: nothing is done twice. */
  repeated: number;
  /** Known to be missing, from the senders' numbers. */
  missed: number;
  /** Under another hash key. */
  otherKey: number;
  malformed: number;
  /** Records of pods that this sidecar does not know. */
  unknownPodRecords: number;
}

export class GatewayWatch {
  readonly counts: MessageCounts = {
    taken: 0,
    repeated: 0,
    missed: 0,
    otherKey: 0,
    malformed: 0,
    unknownPodRecords: 0,
  };
  /** In the order of their last word. */
  private readonly known = new Map<string, RemoteGateway>();
  /** Who was last heard under another hash key. */
  private stranger: { name: string; heardAtMs: number } | null = null;
  /** By node: the number of its last message of records. */
  private readonly sequences = new Map<string, number>();

  hear(news: { gateway: string; node: string; name: string }, lagMs: number, nowMs: number): void {
    const { gateway, node, name } = news;
    const before = this.known.get(gateway);
    const smooth =
      before === undefined ? lagMs : before.lagMs + LAG_WEIGHT * (lagMs - before.lagMs);
    this.known.delete(gateway);
    this.known.set(gateway, { gateway, node, name, heardAtMs: nowMs, lagMs: smooth });
    if (this.known.size > KNOWN_MAX) dropFirst(this.known);
  }

  /** A gateway under another hash key, whose words mean nothing here. */
  hearStranger(name: string, nowMs: number): void {
    this.counts.otherKey++;
    this.stranger = { name, heardAtMs: nowMs };
  }

  /** The name of the last one under another hash key; null: none is heard of lately. */
  strangerName(nowMs: number): string | null {
    if (this.stranger === null || nowMs - this.stranger.heardAtMs > SHOWN_MS) return null;
    return this.stranger.name;
  }

  /** False for a message that was taken before, or that a later one of its sender overtook. */
  isNext(node: string, sequence: number): boolean {
    const last = this.sequences.get(node);
    if (last !== undefined && sequence <= last) {
      this.counts.repeated++;
      return false;
    }
    // The first that we hear of a node may be far on: what was before has left the stream.
    if (last !== undefined) this.counts.missed += sequence - last - 1;
    this.sequences.delete(node);
    this.sequences.set(node, sequence);
    if (this.sequences.size > KNOWN_MAX) dropFirst(this.sequences);
    return true;
  }

  /** The stream is read anew from further back. */
  forgetSequences(): void {
    this.sequences.clear();
  }

  /** Those that are heard of, by name. */
  live(nowMs: number): RemoteGateway[] {
    return [...this.known.values()]
      .filter(({ heardAtMs }) => nowMs - heardAtMs <= SHOWN_MS)
      .sort((a, b) => a.name.localeCompare(b.name) || a.gateway.localeCompare(b.gateway));
  }
}

function dropFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

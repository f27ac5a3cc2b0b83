// One endpoint of a pool: its settings, its last load, how its scrapes go, when it lost its cache.
import { createHash } from "node:crypto";
import { PodModels } from "../models/pod-models.js";
import type { PodLoad } from "../scrape/pod-load.js";
import type { Scrape, ScrapeFailure, ScrapeResult } from "../scrape/scrape.js";

/** A start time further apart than its rounding means another process. */
const START_TOLERANCE_SECONDS = 1;
/** A single failure may be a keep-alive connection that the pod closed; this many are a state. */
export const FAILING_AFTER = 3;

export interface PodSettings {
  /** `ip:port` or `[ip]:port`, as Envoy writes it. */
  address: string;
  scheme: "http" | "https";
  metricsPath: string;
  /** Null: the port of the address. */
  metricsPort: number | null;
  /** Listed, scraped and shown, but not to be picked: it leaves, or is not ready. */
  isDraining: boolean;
  /** Another one at the address is another pod, without the first one's cache; null: unknown. */
  uid: string | null;
  /** For people; null where there are only addresses. */
  podName: string | null;
}

export interface Failure {
  reason: ScrapeFailure;
  detail: string;
  inRow: number;
  sinceMs: number;
}

/** The process's start time, and counters that fall only when the process is another one. */
const IDENTITY = [
  "startTimeSeconds",
  "promptTokens",
  "generatedTokens",
  "prefixQueryTokens",
  "prefixHitTokens",
] as const;

export class Endpoint {
  load: PodLoad | null = null;
  /** When the last successful scrape was sent; null before the first. */
  loadSentAtMs: number | null = null;
  failure: Failure | null = null;
  hasBeenTried = false;
  /** It took no connection several times in a row, and no scrape has succeeded since. */
  isUnreachable = false;
  readonly results = new Map<ScrapeResult, number>();
  readonly models = new PodModels();
  /** The row in the table is older than what is known here. */
  isDirty = true;
  private unreachableInRow = 0;
  /** Start of the process whose cache this is, in whole seconds; 0 where the page lacks it. */
  private startSeconds = 0;
  /** How often a counter fell although the start time told nothing. */
  private falls = 0;
  private life = "";
  private lifeHash = 0;
  private readonly lastSeen = new Map<(typeof IDENTITY)[number], number>();

  constructor(
    public pod: PodSettings,
    readonly number: number,
  ) {}

  /**
   * Names the life of the pod's cache, in 32 bits; 0 before the first scrape. It follows from the
   * pod's address and start time, so that a sidecar that starts anew, and any other one, names it
   * alike, and no other pod's life has the same name.
   */
  get epoch(): number {
    if (this.load === null) return 0;
    const { address, uid } = this.pod;
    const pod = uid === null ? address : `${address} ${uid}`;
    const life = `${pod} ${this.startSeconds} ${this.falls}`;
    if (life !== this.life) {
      this.life = life;
      this.lifeHash = createHash("sha256").update(life).digest().readUInt32LE(0) || 1;
    }
    return this.lifeHash;
  }

  get isFailing(): boolean {
    return this.failure !== null && this.failure.inRow >= FAILING_AFTER;
  }

  get url(): string {
    const { address, scheme, metricsPath, metricsPort } = this.pod;
    const colon = address.lastIndexOf(":");
    const port = metricsPort ?? Number(address.slice(colon + 1));
    return `${scheme}://${address.slice(0, colon)}:${port}${metricsPath}`;
  }

  /** Takes a scrape in; a failed one leaves the load as it was, to grow old. */
  record(scrape: Scrape): void {
    this.hasBeenTried = true;
    this.results.set(scrape.result, (this.results.get(scrape.result) ?? 0) + 1);
    if (scrape.result !== "ok") {
      const { result: reason, detail } = scrape;
      const inRow = (this.failure?.inRow ?? 0) + 1;
      this.failure = { reason, detail, inRow, sinceMs: this.failure?.sinceMs ?? scrape.sentAtMs };
      this.unreachableInRow = reason === "unreachable" ? this.unreachableInRow + 1 : 0;
      if (this.unreachableInRow >= FAILING_AFTER) this.isUnreachable = true;
      return;
    }
    this.noteLife(scrape.load);
    this.load = scrape.load;
    this.models.takeLora(scrape.load.lora, this.epoch);
    this.loadSentAtMs = scrape.sentAtMs;
    this.failure = null;
    this.unreachableInRow = 0;
    this.isUnreachable = false;
    this.isDirty = true;
  }

  private noteLife(load: PodLoad): void {
    let [isRestarted, isFallen] = [false, false];
    for (const name of IDENTITY) {
      const [was, is] = [this.lastSeen.get(name), load[name]];
      // A page may lack a figure now and then: the last one seen is what counts.
      if (is === null) continue;
      this.lastSeen.set(name, is);
      if (name === "startTimeSeconds") {
        isRestarted = was === undefined || Math.abs(is - was) > START_TOLERANCE_SECONDS;
      } else if (was !== undefined) {
        isFallen ||= is < was;
      }
    }
    if (isRestarted) this.startSeconds = Math.floor(load.startTimeSeconds ?? 0);
    else if (isFallen) this.falls++;
  }
}

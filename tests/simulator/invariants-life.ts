// What happens to the pods and to the sidecar of a small world, and the table that tells of it.
import { Random } from "../../simulator/workloads/random.js";
import { Draw } from "./invariants-config.js";
import type { Flight } from "./invariants-flight.js";
import type { Pod } from "./invariants-pods.js";
import { NUMBERS_MAX, type World } from "./invariants-world.js";
import type { Table } from "./reference-types.js";

/** How the sidecar answers. */
export type Mood = "well" | "hang" | "down" | "nonsense";

export class Life {
  private readonly random: Random;
  private readonly sidecar: Random;
  private readonly unfitSince = new Map<Pod<Flight>, number>();
  private epochs = 0;
  private moodNow: Mood = "well";
  private moodUntilMs = 0;
  private keyNumber = 0;
  private isDefaultStrategy = false;
  /** Until then a new sidecar has not scraped anything. */
  private unscrapedUntilMs = -1;

  constructor(private readonly world: World) {
    this.random = Random.from(world.config.seed, Draw.Life);
    this.sidecar = Random.from(world.config.seed, Draw.Sidecar);
  }

  newEpoch(): number {
    return ++this.epochs;
  }

  start(): void {
    const { lifeMsMean } = this.world.config;
    if (lifeMsMean === Infinity) return;
    this.after(this.random.exponential(lifeMsMean), "something happens", (nowMs) => {
      if (this.world.isOver) return;
      this.happen(nowMs);
      this.start();
    });
  }

  /** Since when the table should not offer the pod; Infinity: it may. */
  unfitSinceMs(pod: Pod<Flight>): number {
    return this.unfitSince.get(pod) ?? Infinity;
  }

  mood(): Mood {
    const { config, nowMs } = this.world;
    if (!config.sidecarTrouble || nowMs < this.moodUntilMs) return this.moodNow;
    const moods: Mood[] = ["well", "well", "hang", "down", "nonsense"];
    this.moodNow = moods[this.sidecar.integer(0, moods.length - 1)]!;
    this.moodUntilMs = nowMs + this.sidecar.exponential(400);
    return this.moodNow;
  }

  table(): Table {
    const { config, nowMs, pods } = this.world;
    const isUnscraped = nowMs < this.unscrapedUntilMs;
    const rows = pods
      .filter(({ isListed }) => isListed)
      .map((pod) => ({
        ...pod.row(isUnscraped ? 0 : config.toldTokens),
        ...(isUnscraped ? { epoch: 0, ageMs: null } : {}),
      }));
    return { rows, isDefaultStrategy: this.isDefaultStrategy, keyNumber: this.keyNumber };
  }

  private after(delayMs: number, what: string, handle: (nowMs: number) => void): void {
    this.world.at(this.world.nowMs + delayMs, what, handle);
  }

  private happen(nowMs: number): void {
    const { pods } = this.world;
    const pod = pods[this.random.integer(0, pods.length - 1)]!;
    const chance = this.random.unit();
    if (chance < 0.15) {
      if (pods.length < NUMBERS_MAX) this.world.addPod();
    } else if (chance < 0.4) this.drain(pod);
    else if (chance < 0.75) this.kill(pod, nowMs);
    else if (chance < 0.85) this.flicker(pod);
    else if (chance < 0.9) this.isDefaultStrategy = !this.isDefaultStrategy;
    else this.restartSidecar(nowMs);
  }

  private show(pod: Pod<Flight>, isListed: boolean, mayBePicked: boolean): void {
    pod.isListed = isListed;
    pod.mayBePicked = mayBePicked;
    if (isListed && mayBePicked) this.unfitSince.delete(pod);
    else if (!this.unfitSince.has(pod)) this.unfitSince.set(pod, this.world.nowMs);
  }

  /** It ends what it has, leaves the table, and may come back with the same cache or a new one. */
  private drain(pod: Pod<Flight>): void {
    if (!pod.isAlive) return;
    this.show(pod, true, false);
    this.after(this.random.exponential(300), `${pod.address} leaves the table`, () => {
      this.show(pod, false, false);
    });
    this.after(700 + this.random.exponential(500), `${pod.address} is back`, (nowMs) => {
      if (!pod.isAlive) return;
      if (this.random.unit() < 0.5) {
        this.stop(pod, nowMs);
        pod.restart(this.newEpoch());
      }
      this.show(pod, true, true);
    });
  }

  /** The process ends at once; the sidecar sees it later, and later still the new one. */
  private kill(pod: Pod<Flight>, nowMs: number): void {
    if (!pod.isAlive) return;
    this.stop(pod, nowMs);
    const isNoticed = this.random.unit() < 0.7;
    this.after(20 + this.random.exponential(80), `${pod.address} is seen dead`, () => {
      if (pod.isAlive || !isNoticed) return;
      this.show(pod, this.random.unit() < 0.5, false);
    });
    this.after(100 + this.random.exponential(600), `${pod.address} runs again`, () => {
      pod.restart(this.newEpoch());
      this.show(pod, true, true);
    });
  }

  private stop(pod: Pod<Flight>, nowMs: number): void {
    pod.isAlive = false;
    for (const { flights } of this.world.vms) {
      for (const flight of [...flights]) if (flight.pod === pod) flight.podDied(nowMs);
    }
  }

  /** Not ready for a moment, or not in the list for one. */
  private flicker(pod: Pod<Flight>): void {
    this.show(pod, this.random.unit() < 0.5, false);
    this.after(this.random.exponential(150), `${pod.address} is ready again`, () => {
      if (pod.isAlive) this.show(pod, true, true);
    });
  }

  /** Another sidecar: pods get other numbers, it has scraped nothing, its hash key may differ. */
  private restartSidecar(nowMs: number): void {
    const { pods } = this.world;
    const numbers = pods.map(({ number }) => number);
    for (const pod of pods) {
      pod.number = numbers.splice(this.random.integer(0, numbers.length - 1), 1)[0]!;
    }
    this.unscrapedUntilMs = nowMs + 120;
    if (this.random.unit() < 0.3) this.keyNumber++;
  }
}

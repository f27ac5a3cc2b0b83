// Records a run over time for the report: what each pod did, and what was found cached.

/** When there are so many points, each two become one. */
const POINTS_MAX = 1000;

/** A pod at one moment. */
export interface PodSample {
  name: string;
  /** 0 to 1. */
  kvUse: number;
  /** Requests routed to it whose answers have not ended. */
  inFlight: number;
}

/** At most 1,000 points; null where a pod was not there, or nothing was prefilled. */
export interface Recording {
  /** Virtual seconds. */
  timesS: number[];
  pods: { name: string; kvUse: (number | null)[]; inFlight: (number | null)[] }[];
  /** Prompt tokens found cached, of those whose prefill ended since the point before. */
  cachedShare: (number | null)[];
  /** Times to the first token at 0 %, 0.2 %, … 100 % of the requests. */
  ttftQuantilesMs: number[];
}

/** Mean of `count` samples since the last point. */
interface Sum {
  total: number;
  count: number;
}

const SERIES = ["kvUse", "inFlight"] as const;
type Point = Record<(typeof SERIES)[number], Sum>;

interface Moment {
  atMs: Sum;
  cachedTokens: number;
  promptTokens: number;
  /** By the pod's name. */
  pods: Map<string, Point>;
}

export class Recorder {
  private moments: Moment[] = [];
  private current = newMoment();
  private samplesPerPoint = 1;

  /** Prompt and cached tokens of a request that got its first token. */
  prefilled(promptTokens: number, cachedTokens: number): void {
    this.current.promptTokens += promptTokens;
    this.current.cachedTokens += cachedTokens;
  }

  /** The pods that there are; names that are new begin, names that are missing have a gap. */
  sample(nowMs: number, pods: readonly PodSample[]): void {
    const { current } = this;
    add(current.atMs, nowMs);
    for (const pod of pods) {
      let point = current.pods.get(pod.name);
      if (!point) current.pods.set(pod.name, (point = { kvUse: zero(), inFlight: zero() }));
      for (const name of SERIES) add(point[name], pod[name]);
    }
    if (current.atMs.count < this.samplesPerPoint) return;
    this.moments.push(current);
    this.current = newMoment();
    if (this.moments.length < POINTS_MAX) return;
    this.samplesPerPoint *= 2;
    this.moments = this.moments.filter((_, index) => index % 2 === 0).map(this.withNext);
  }

  recording(sortedTtftMs: readonly number[]): Recording {
    const { moments } = this;
    const names = new Set(moments.flatMap(({ pods }) => [...pods.keys()]));
    const series = (pod: string, name: (typeof SERIES)[number]): (number | null)[] =>
      moments.map(({ pods }) => meanOf(pods.get(pod)?.[name]));
    return {
      timesS: moments.map(({ atMs }) => atMs.total / atMs.count / 1000),
      pods: [...names].map((name) => ({
        name,
        kvUse: series(name, "kvUse"),
        inFlight: series(name, "inFlight"),
      })),
      cachedShare: moments.map(({ cachedTokens, promptTokens }) =>
        promptTokens > 0 ? cachedTokens / promptTokens : null,
      ),
      ttftQuantilesMs: quantiles(sortedTtftMs),
    };
  }

  private readonly withNext = (moment: Moment, half: number): Moment => {
    const next = this.moments[2 * half + 1];
    if (!next) return moment;
    moment.promptTokens += next.promptTokens;
    moment.cachedTokens += next.cachedTokens;
    merge(moment.atMs, next.atMs);
    for (const [name, point] of next.pods) {
      const own = moment.pods.get(name);
      if (!own) moment.pods.set(name, point);
      else for (const series of SERIES) merge(own[series], point[series]);
    }
    return moment;
  };
}

/** Steps of the distribution that a report draws. */
const QUANTILE_STEPS = 500;

function quantiles(sorted: readonly number[]): number[] {
  if (sorted.length === 0) return [];
  return Array.from({ length: QUANTILE_STEPS + 1 }, (_, step) => {
    const rank = Math.floor((step / QUANTILE_STEPS) * sorted.length);
    return sorted[Math.min(sorted.length - 1, rank)]!;
  });
}

function newMoment(): Moment {
  return { atMs: zero(), cachedTokens: 0, promptTokens: 0, pods: new Map() };
}

function zero(): Sum {
  return { total: 0, count: 0 };
}

function add(sum: Sum, value: number): void {
  sum.total += value;
  sum.count++;
}

function merge(into: Sum, other: Sum): void {
  into.total += other.total;
  into.count += other.count;
}

function meanOf(sum: Sum | undefined): number | null {
  return sum ? sum.total / sum.count : null;
}

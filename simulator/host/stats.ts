// Envoy's statistics as far as filters use them, and the metric numbers that one VM has for them.
import { MetricType, Status } from "./abi.js";

const TYPE_MASK = 3;
const ID_STEP = 4;

/** What a histogram has seen. Envoy keeps quantiles; means and extremes are enough here. */
export interface HistogramValue {
  count: number;
  sum: number;
  min: number;
  max: number;
}

interface Stat {
  readonly type: MetricType;
  value: number;
  histogram: HistogramValue | null;
}

/** One per process: VMs that define the same name and type count together. */
export class Stats {
  private readonly stats = new Map<string, Stat>();

  counter(name: string): number {
    return this.stats.get(`${MetricType.Counter}${name}`)?.value ?? 0;
  }

  gauge(name: string): number {
    return this.stats.get(`${MetricType.Gauge}${name}`)?.value ?? 0;
  }

  histogram(name: string): Readonly<HistogramValue> {
    const stat = this.stats.get(`${MetricType.Histogram}${name}`);
    return stat?.histogram ?? { count: 0, sum: 0, min: 0, max: 0 };
  }

  /** Names of all counters, gauges and histograms, each once, in order of definition. */
  names(): string[] {
    return [...new Set([...this.stats.keys()].map((key) => key.slice(1)))];
  }

  define(type: MetricType, name: string): Stat {
    const key = `${type}${name}`;
    let stat = this.stats.get(key);
    if (stat === undefined) {
      const isHistogram = type === MetricType.Histogram;
      const histogram = isHistogram ? { count: 0, sum: 0, min: Infinity, max: 0 } : null;
      stat = { type, value: 0, histogram };
      this.stats.set(key, stat);
    }
    return stat;
  }
}

/** The metrics of one VM: numbers 4, 8, … are counters, 5, 9, … gauges, 6, 10, … histograms. */
export class MetricTable {
  private readonly byType: [Stat[], Stat[], Stat[]] = [[], [], []];

  constructor(private readonly stats: Stats) {}

  /** The number of the metric. */
  define(type: MetricType, name: string): number {
    const table = this.byType[type];
    table.push(this.stats.define(type, name));
    return table.length * ID_STEP + type;
  }

  private find(id: number): Stat | undefined {
    return this.byType[id & TYPE_MASK]?.[(id >>> 2) - 1];
  }

  /** A counter takes only offsets above 0; a gauge below 0 wraps around in Envoy. */
  increment(id: number, offset: number): Status {
    const type = id & TYPE_MASK;
    if (type > MetricType.Gauge) return Status.BadArgument;
    const stat = this.find(id);
    if (stat === undefined) return Status.NotFound;
    if (type === MetricType.Counter && offset <= 0) return Status.BadArgument;
    stat.value += offset;
    return Status.Ok;
  }

  /** Adds to a counter, sets a gauge, records in a histogram. */
  record(id: number, value: number): Status {
    const stat = this.find(id);
    if (stat === undefined) return Status.NotFound;
    const { histogram } = stat;
    if (histogram !== null) {
      histogram.count++;
      histogram.sum += value;
      if (value < histogram.min) histogram.min = value;
      if (value > histogram.max) histogram.max = value;
    } else if (stat.type === MetricType.Gauge) stat.value = value;
    else stat.value += value;
    return Status.Ok;
  }

  /** The value of a counter or gauge; undefined when there is no such metric. */
  read(id: number): number | undefined {
    return this.find(id)?.value;
  }
}

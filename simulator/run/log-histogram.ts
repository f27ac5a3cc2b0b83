// Counts values in buckets that grow by 1 %: quantiles of any number of values in little memory.

const GROWTH = 1.01;
const LOG_GROWTH = Math.log(GROWTH);
/** 10 µs to 28 hours; what lies outside counts as the nearest of both. */
const MIN_MS = 0.01;
const MAX_MS = 1e8;
const BUCKETS = Math.ceil(Math.log(MAX_MS / MIN_MS) / LOG_GROWTH);

/** Times in ms. A quantile is wrong by at most half a bucket, 0.5 %; the mean is exact. */
export class LogHistogram {
  private readonly counts = new Float64Array(BUCKETS);
  private total = 0;
  private sum = 0;
  // Sequences of one batch wait for the same step: most values equal the one before.
  private last = NaN;
  private lastBucket = 0;

  add(valueMs: number): void {
    if (valueMs !== this.last) {
      this.last = valueMs;
      this.lastBucket = bucketOf(valueMs);
    }
    this.counts[this.lastBucket]!++;
    this.total++;
    this.sum += valueMs;
  }

  get count(): number {
    return this.total;
  }

  mean(): number {
    return this.sum / Math.max(1, this.total);
  }

  /** The value that `share` of all values are not above; 0 when there are none. */
  quantile(share: number): number {
    if (this.total === 0) return 0;
    const rank = Math.min(this.total - 1, Math.floor(this.total * share));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.counts[bucket]!;
      if (seen > rank) return middleOf(bucket);
    }
    return 0;
  }
}

function bucketOf(valueMs: number): number {
  if (!(valueMs > MIN_MS)) return 0;
  return Math.min(BUCKETS - 1, Math.floor(Math.log(valueMs / MIN_MS) / LOG_GROWTH));
}

function middleOf(bucket: number): number {
  return MIN_MS * GROWTH ** (bucket + 0.5);
}

// Samples how full the pods' KV caches are, from the metrics that the pods themselves export.
import { setTimeout as sleep } from "node:timers/promises";

const SAMPLE_INTERVAL_MS = 1000;
const SAMPLE_TIMEOUT_MS = 2000;
/** vLLM V1 and V0; without labels or with any. */
const KV_USE = /^vllm:(?:kv|gpu)_cache_usage_perc(?:\{[^}]*\})?\s+(\S+)/m;

/** Samples each pod once a second until the signal; resolves with the mean of each pod, 0 to 1. */
export async function sampleKvUse(pods: readonly string[], signal: AbortSignal): Promise<number[]> {
  const sums = pods.map(() => 0);
  const counts = pods.map(() => 0);
  while (!signal.aborted) {
    const uses = await Promise.all(pods.map(kvUseOf));
    for (const [pod, use] of uses.entries()) {
      if (use === null) continue;
      sums[pod]! += use;
      counts[pod]! += 1;
    }
    await sleep(SAMPLE_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
  return sums.map((sum, pod) => sum / Math.max(1, counts[pod]!));
}

/** Share of a pod's KV that running requests hold; null when the pod does not say. */
export function parseKvUse(exposition: string): number | null {
  const value = Number(KV_USE.exec(exposition)?.[1] ?? NaN);
  return Number.isFinite(value) ? value : null;
}

async function kvUseOf(pod: string): Promise<number | null> {
  try {
    const signal = AbortSignal.timeout(SAMPLE_TIMEOUT_MS);
    const response = await fetch(`http://${pod}/metrics`, { signal });
    return parseKvUse(await response.text());
  } catch {
    // A sample is missing; a pod that is gone ends the demo elsewhere.
    return null;
  }
}

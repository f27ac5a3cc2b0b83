// What has rightly no series in the scene, with the reason; everything else must have some.

/** By engine and query: names that this version of vLLM does not have, under any spelling. */
export const EMPTY_FOR_ENGINE: Readonly<Record<string, string>> = {
  "V1: Swapped, and preemptions each second A": "V1 does not swap; query B is its successor",
  "V1: Prompt tokens in cache C": "V1 has counters in place of V0's mean, which query B reads",
  "V0: Prompt tokens in cache B": "V0 has no counters of hits, only the mean of query C",
  "V0: Tokens B": "V0 has no counter of hits",
  "vllm-v0: Prompt tokens in cache C": "-1: prefix caching is off, and a share of -1 is none",
};

/** Selectors with this in them may have none; that there is such a metric is still tested. */
export const EMPTY_SELECTORS: Readonly<Record<string, string>> = {
  'reason=~"fallback-no-table|': "the sidecar counts a reason once it was given; here none was",
  warmroute_kubernetes_connected: "the scene has no Kubernetes",
  'reason=~"shed|overloaded"': "no model of the scene has a criticality",
  warmroute_sharing_up: "the scene has no NATS",
  warmroute_sharing_disconnects_total: "the scene has no NATS",
  warmroute_sharing_ack_seconds: "the scene has no NATS",
  warmroute_sharing_published_bytes_total: "the scene has no NATS",
  warmroute_sharing_received_bytes_total: "the scene has no NATS",
  warmroute_sharing_lag_seconds: "the scene has no other sidecar",
};

/** The key of EMPTY_SELECTORS that a selector is listed under. */
export function emptyKeyOf(selector: string): string | undefined {
  return Object.keys(EMPTY_SELECTORS).find((key) => selector.includes(key));
}

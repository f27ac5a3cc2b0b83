// KubeAI's consistent hashing with bounded loads on the first message of the prompt.
import { pickablePods, type Rule, type RuleView } from "./rule.js";

/** A pod may have this many times the mean of requests in flight. */
const LOAD_FACTOR = 1.25;

export function chwbl(view: RuleView): Rule {
  return {
    pick: ({ traffic }) => {
      const pods = pickablePods(view);
      const total = pods.reduce((sum, pod) => sum + view.inFlight(pod), 0);
      const limit = Math.ceil((LOAD_FACTOR * (total + 1)) / pods.length);
      const key = traffic.messages.find(({ role }) => role !== "tools")!.id;
      const ring = pods
        .map((pod) => ({ pod, place: mix(mix(key) ^ mix(pod + 77)) }))
        .sort((a, b) => a.place - b.place);
      const found = ring.find(({ pod }) => view.inFlight(pod) + 1 <= limit);
      return (found ?? ring[0])?.pod ?? -1;
    },
  };
}

/** The 32-bit finaliser of MurmurHash3. */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

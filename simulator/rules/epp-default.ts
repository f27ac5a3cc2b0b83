// The endpoint picker's default weights: queue 2, KV use 2, prefix 3, the highest score wins.
import { followedBy, KnownCaches } from "./prefix-lru.js";
import { least, type Rule, type RuleView } from "./rule.js";

const QUEUE_WEIGHT = 2;
const KV_WEIGHT = 2;
const PREFIX_WEIGHT = 3;

export function eppDefault(view: RuleView): Rule {
  const caches = new KnownCaches(view);
  return {
    pick: (request) => {
      const pods = view.addresses.map((_, pod) => view.scraped(pod));
      const waiting = pods.map((pod) => pod.waiting);
      const candidates = waiting.filter((_, pod) => view.mayBePicked(pod));
      const [min, max] = [Math.min(...candidates), Math.max(...candidates)];
      const score = (pod: number): number => {
        const queue = max > min ? (max - waiting[pod]!) / (max - min) : 1;
        const prefix = caches.match(pod, request) / request.promptTokens;
        return QUEUE_WEIGHT * queue + KV_WEIGHT * (1 - pods[pod]!.kvUse) + PREFIX_WEIGHT * prefix;
      };
      return caches.route(
        least(view, (pod) => -score(pod)),
        request,
      );
    },
    ...followedBy(caches),
  };
}

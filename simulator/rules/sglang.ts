// SGLang's cache-aware router: the longest match, shortest queue when load is out of balance.
import { followedBy, KnownCaches } from "./prefix-lru.js";
import { least, type Rule, type RuleView } from "./rule.js";

/** Out of balance: most and fewest in flight further apart than both of these. */
const BALANCE_ABSOLUTE = 32;
const BALANCE_RELATIVE = 1.0001;
/** A match of a smaller share goes to the pod with the smallest tree. */
const MATCH_MIN = 0.5;

export function sglang(view: RuleView): Rule {
  const caches = new KnownCaches(view);
  const choose = (matches: readonly number[], promptTokens: number): number => {
    const loads = matches.map((_, pod) => view.inFlight(pod));
    const candidates = loads.filter((_, pod) => view.mayBePicked(pod));
    const [min, max] = [Math.min(...candidates), Math.max(...candidates)];
    if (max - min > BALANCE_ABSOLUTE && max > BALANCE_RELATIVE * min) {
      return least(view, (pod) => loads[pod]!);
    }
    const longest = Math.max(...matches);
    if (longest > MATCH_MIN * promptTokens) return matches.indexOf(longest);
    return least(view, (pod) => caches.cacheOf(pod).size);
  };
  return {
    pick: (request) => {
      const matches = view.addresses.map((_, pod) =>
        view.mayBePicked(pod) ? caches.match(pod, request) : -1,
      );
      return caches.route(choose(matches, request.promptTokens), request);
    },
    ...followedBy(caches),
  };
}

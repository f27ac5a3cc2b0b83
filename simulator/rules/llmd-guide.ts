// llm-d's guide: pods that hold most of the prompt, unless they are far behind; of them the one
// with the fewest prompt tokens on the way.
import { followedBy, KnownCaches } from "./prefix-lru.js";
import { least, type Rule, type RuleView } from "./rule.js";

/** Share of the prompt that a pod must hold to be preferred. */
const AFFINITY_MIN = 0.8;
/** Further behind than this, in seconds of prefill, and affinity does not count. */
const BEHIND_SECONDS_MAX = 18;

export function llmdGuide(view: RuleView): Rule {
  const caches = new KnownCaches(view);
  const { backlogTokens } = caches;
  const secondsPerToken = view.engine.timing.prefillTokenMs / 1000;
  return {
    pick: (request) => {
      const holds = view.addresses.map(
        (_, pod) =>
          view.mayBePicked(pod) &&
          caches.match(pod, request) >= AFFINITY_MIN * request.promptTokens,
      );
      const leastOf = (tokens: readonly number[]): number => Math.min(Infinity, ...tokens);
      const ofHolders = leastOf(backlogTokens.filter((_, pod) => holds[pod]));
      const ofAll = leastOf(backlogTokens.filter((_, pod) => view.mayBePicked(pod)));
      const behind = ofHolders - ofAll;
      const isPreferred = behind * secondsPerToken < BEHIND_SECONDS_MAX;
      const pod = least(view, (one) =>
        isPreferred && !holds[one] ? Infinity : backlogTokens[one]!,
      );
      return caches.route(pod, request);
    },
    ...followedBy(caches),
  };
}

// Least marginal delay as the policy study has it: whole messages, the engine's true rates.
import { followedBy, KnownCaches } from "./prefix-lru.js";
import { least, type Rule, type RuleView } from "./rule.js";

const ALPHA = 0.1;
const OUTPUT_TOKENS = 300;
/** Each request waiting there by the scrape. */
const WAITING_MS = 25;

export function marginalDelay(view: RuleView): Rule {
  const caches = new KnownCaches(view);
  return {
    pick: (request) => {
      const { promptTokens } = request;
      const pod = least(view, (one) => {
        const { prefillTokenMs, sequenceMs, kvTokenMs } = view.engineOf(one).timing;
        const decodeMs = OUTPUT_TOKENS * (sequenceMs + kvTokenMs * promptTokens);
        const ownMs = (promptTokens - caches.match(one, request)) * prefillTokenMs;
        const othersMs = ALPHA * (ownMs + decodeMs) * view.inFlight(one);
        const waitMs = caches.backlogTokens[one]! * prefillTokenMs;
        return waitMs + ownMs + othersMs + WAITING_MS * view.scraped(one).waiting;
      });
      return caches.route(pod, request);
    },
    ...followedBy(caches),
  };
}

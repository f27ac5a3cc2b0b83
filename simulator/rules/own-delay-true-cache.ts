// A limit, no peer: knows the pods' true caches, and minds nobody's delay but the request's own.
import { least, type Rule, type RuleView } from "./rule.js";

/** Each request there, whose decode slows ours: the policy study's value. */
const IN_FLIGHT_MS = 4;

export function ownDelayTrueCache(view: RuleView): Rule {
  return {
    pick: (request) =>
      least(view, (pod) => {
        const truth = view.truthOf(pod);
        const own = request.promptTokens - truth.cachedTokens(request);
        const { prefillTokenMs } = view.engineOf(pod).timing;
        return (truth.backlogTokens() + own) * prefillTokenMs + IN_FLIGHT_MS * view.inFlight(pod);
      }),
  };
}

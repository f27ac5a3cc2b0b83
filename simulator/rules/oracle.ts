// A limit, no peer: least marginal delay with the pods' true caches and every answer's true length.
import { least, type Rule, type RuleView } from "./rule.js";

/** As the filter's default. */
const ALPHA = 0.1;

export function oracle(view: RuleView): Rule {
  return {
    pick: (request) =>
      least(view, (pod) => {
        const truth = view.truthOf(pod);
        const { prefillTokenMs, stepMs, sequenceMs, kvTokenMs } = view.engineOf(pod).timing;
        const { promptTokens, traffic } = request;
        const inFlight = view.inFlight(pod);
        const backlogTokens = truth.backlogTokens();
        const ownTokens = promptTokens - truth.cachedTokens(request);
        const ownMs = ownTokens * prefillTokenMs;
        const decodeMs = traffic.outputTokens * (sequenceMs + kvTokenMs * promptTokens);
        const tokenMs = stepMs + inFlight * (sequenceMs + kvTokenMs * promptTokens);
        const waitMs = Math.max(
          backlogTokens * prefillTokenMs,
          truth.roomMs(backlogTokens + ownTokens, tokenMs),
        );
        return waitMs + ownMs + ALPHA * (ownMs + decodeMs) * inFlight;
      }),
  };
}

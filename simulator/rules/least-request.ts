// Envoy's LeastRequest: of two pods drawn at random, the one with fewer requests in flight.
import type { Rule, RuleView } from "./rule.js";

export function leastRequest(view: RuleView): Rule {
  const draw = (): number => view.random.integer(0, view.podCount - 1);
  return {
    pick: () => {
      const [first, second] = [draw(), draw()];
      return view.inFlight(second) < view.inFlight(first) ? second : first;
    },
  };
}

// Envoy's LeastRequest: of two pods drawn at random, the one with fewer requests in flight.
import { pickablePods, type Rule, type RuleView } from "./rule.js";

export function leastRequest(view: RuleView): Rule {
  return {
    pick: () => {
      const pods = pickablePods(view);
      if (pods.length === 0) return -1;
      const draw = (): number => pods[view.random.integer(0, pods.length - 1)]!;
      const [first, second] = [draw(), draw()];
      return view.inFlight(second) < view.inFlight(first) ? second : first;
    },
  };
}

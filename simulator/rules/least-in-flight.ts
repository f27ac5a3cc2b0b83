// The pod with the fewest requests in flight of all.
import { least, type Rule, type RuleView } from "./rule.js";

export function leastInFlight(view: RuleView): Rule {
  return { pick: () => least(view, (pod) => view.inFlight(pod)) };
}

// One pod after the other.
import type { Rule, RuleView } from "./rule.js";

export function roundRobin(view: RuleView): Rule {
  let next = 0;
  return { pick: () => next++ % view.podCount };
}

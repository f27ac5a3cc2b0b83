// Any pod, each as likely: what an even spread without knowledge comes to.
import type { Rule, RuleView } from "./rule.js";

export function randomRule(view: RuleView): Rule {
  return { pick: () => view.random.integer(0, view.podCount - 1) };
}

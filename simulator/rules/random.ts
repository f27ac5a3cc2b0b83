// Any pod, each as likely: what an even spread without knowledge comes to.
import { pickablePods, type Rule, type RuleView } from "./rule.js";

export function randomRule(view: RuleView): Rule {
  return {
    pick: () => {
      const pods = pickablePods(view);
      return pods[view.random.integer(0, pods.length - 1)] ?? -1;
    },
  };
}

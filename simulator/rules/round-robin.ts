// One pod after the other.
import type { Rule, RuleView } from "./rule.js";

export function roundRobin(view: RuleView): Rule {
  let next = 0;
  return {
    pick: () => {
      for (let tried = 0; tried < view.podCount; tried++) {
        const pod = next++ % view.podCount;
        if (view.mayBePicked(pod)) return pod;
      }
      return -1;
    },
  };
}

// Shortest queue and least KV use by scraped metrics, as the published DEFAULT strategy has it.
import { least, type Rule, type RuleView } from "./rule.js";

/** One request in the queue weighs as much as half of the KV cache. */
const QUEUE_WEIGHT = 0.5;
/** KV uses closer than this are equal, or all would go to one pod until the next scrape. */
const NOISE = 0.02;

export function seedDefault(view: RuleView): Rule {
  return {
    pick: () =>
      least(view, (pod) => {
        const { waiting, kvUse } = view.scraped(pod);
        return QUEUE_WEIGHT * waiting + kvUse + NOISE * view.random.unit();
      }),
  };
}

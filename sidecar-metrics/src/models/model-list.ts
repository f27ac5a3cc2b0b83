// The pool's answer to GET /v1/models: what its pods serve, and one object for each alias.
import type { ModelRule } from "./model-policy.js";
import type { ModelCard, ServedModel } from "./served-models.js";

/** The models of all pods; of equal ids the first one given counts. */
export function unionOf(lists: Iterable<readonly ServedModel[]>): Map<string, ServedModel> {
  const union = new Map<string, ServedModel>();
  for (const list of lists) {
    for (const model of list) if (!union.has(model.card.id)) union.set(model.card.id, model);
  }
  return union;
}

/** The JSON text of each object, sorted by id; empty as long as no pod has told its models. */
export function renderList(
  served: ReadonlyMap<string, ServedModel>,
  rules: readonly ModelRule[],
  createdOf: (alias: string) => number,
): string[] {
  // Aliases alone would hide the models that the pods do serve.
  if (served.size === 0) return [];
  const cards = new Map([...served].map(([id, { card }]) => [id, card]));
  for (const rule of rules) {
    if (rule.name === null || cards.has(rule.name)) continue;
    cards.set(rule.name, aliasCard(rule.name, rule, createdOf(rule.name)));
  }
  const sorted = [...cards.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return sorted.map((card) => JSON.stringify(card));
}

function aliasCard(id: string, { targets }: ModelRule, created: number): ModelCard {
  const [first] = targets;
  const root = targets.length > 1 ? null : (first?.name ?? id);
  return { id, object: "model", created, owned_by: "warmroute", root, parent: null };
}

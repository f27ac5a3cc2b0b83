// What is shown of a pool's models: rules, objectives, what the pods serve, and what is wrong.
import type { Pool } from "../pools/pool.js";

const NAME_CHARS_MAX = 80;

export type ModelsView = ReturnType<typeof modelsView>;

/** `unixMs` dates aliases that are new; the views look between the gateways' polls, too. */
export function modelsView({ catalog, endpoints }: Pool, unixMs: number) {
  catalog.refresh(endpoints, unixMs);
  const { isClosed, models, objectives } = catalog.policy;
  return {
    isClosed,
    /** A rule without a name is for every name that no other rule has. */
    rules: models.map(({ name, criticality, targets }) => ({ name, criticality, targets })),
    objectives,
    served: [...catalog.served.values()].map(({ card }) => ({
      name: card.id,
      parent: card.parent,
      pods: endpoints.filter(({ models: { served } }) => lists(served, card.id)).length,
    })),
    podsAsked: endpoints.filter(({ models: { served } }) => served !== null).length,
  };
}

/** In whole sentences. */
export function modelProblems(pool: Pool, unixMs: number): string[] {
  const view = modelsView(pool, unixMs);
  return [...pool.catalog.problems, ...silentPods(pool), ...missingModels(view)];
}

function silentPods({ catalog, endpoints }: Pool): string[] {
  const silent = endpoints.find(({ models }) => models.failure !== null);
  if (!catalog.policy.isClosed || catalog.served.size > 0 || silent === undefined) return [];
  const { pod, models } = silent;
  return [
    `No pod tells the models that it serves (${pod.address} first: ${models.failure}): only the ` +
      "names that the pool declares are known, all others are refused.",
  ];
}

function missingModels({ rules, served, podsAsked }: ModelsView): string[] {
  if (podsAsked === 0) return [];
  const listed = new Map(served.map((model) => [model.name, model]));
  const texts: string[] = [];
  for (const { name, targets } of rules) {
    const wanted = targets.filter(({ weight }) => weight > 0).map((target) => target.name);
    if (targets.length === 0 && name !== null) wanted.push(name);
    for (const target of wanted.filter((one) => !listed.has(one))) {
      texts.push(`Model ${quote(name ?? "*")} leads to ${quote(target)}, which no pod lists.`);
    }
  }
  for (const { name, parent, pods } of served) {
    // Adapters may be loaded when they are first asked for.
    if (parent !== null || pods === podsAsked || pods === 0) continue;
    texts.push(
      `Model ${quote(name)} is listed by ${pods} of ${podsAsked} pods only: the others refuse it.`,
    );
  }
  return texts;
}

function lists(served: readonly { card: { id: string } }[] | null, name: string): boolean {
  return served?.some(({ card }) => card.id === name) === true;
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, NAME_CHARS_MAX));
}

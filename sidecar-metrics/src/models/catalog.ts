// All that a pool knows of models, rendered as the models section of its table.
import type { Endpoint } from "../pools/endpoint.js";
import {
  isSendableName,
  type ModelPolicy,
  type ModelRule,
  MODELS_MAX,
  OBJECTIVE_CHARS_MAX,
  OPEN_POLICY,
  TARGETS_MAX,
  WEIGHT_MAX,
} from "./model-policy.js";
import { KnownAdapters } from "./known-adapters.js";
import { renderList, unionOf } from "./model-list.js";
import { type AdapterEntry, encodeSection, type LeftOut } from "./models-section.js";
import type { ServedModel } from "./served-models.js";

const NAMES_SHOWN_MAX = 4;
const NAME_SHOWN_CHARS_MAX = 80;

export class Catalog {
  policy: ModelPolicy = OPEN_POLICY;
  /** Of all pods, by id; the last one known stays while no pod has told its own. */
  served: ReadonlyMap<string, ServedModel> = new Map();
  /** What cannot be sent to the filter, in whole sentences. */
  problems: readonly string[] = [];
  /** The pods are asked for their models. */
  asksPods = false;
  private section: Buffer | null = null;
  /** As the section says it. */
  private isClosed = false;
  private isDirty = true;
  private readonly adapters = new KnownAdapters();
  /** What follows from policy and served models, made anew only when these change. */
  private rules: readonly ModelRule[] = [];
  private list: readonly string[] = [];
  /** When each alias was first declared, in Unix seconds: its list must not change by itself. */
  private readonly aliasSince = new Map<string, number>();

  setPolicy(policy: ModelPolicy): void {
    this.policy = policy;
    this.isDirty = true;
  }

  /** The section as of now, the same object as long as nothing changed; null: nothing to say. */
  refresh(endpoints: readonly Endpoint[], unixMs: number): Buffer | null {
    let isServedNew = this.isDirty;
    let isHeldNew = false;
    for (const { models } of endpoints) {
      isServedNew ||= models.isServedDirty;
      isHeldNew ||= models.isHeldDirty;
      models.isServedDirty = false;
      models.isHeldDirty = false;
    }
    this.isDirty = false;
    if (isServedNew) this.takeServed(endpoints, Math.floor(unixMs / 1_000));
    const isClosed = this.policy.isClosed && !this.awaitsNames(endpoints);
    const isChanged = isServedNew || isHeldNew || isClosed !== this.isClosed;
    this.isClosed = isClosed;
    if (isChanged) this.section = this.render(endpoints);
    return this.section;
  }

  /**
   * The names that the pods serve are about to come: refusing others would refuse these. Where the
   * pods that can be asked have all failed to tell, only declared names are known.
   */
  private awaitsNames(endpoints: readonly Endpoint[]): boolean {
    if (!this.asksPods || this.served.size > 0) return false;
    if (endpoints.some(({ models }) => models.served !== null)) return false;
    const hasFailed = endpoints.some(({ models }) => models.failure !== null);
    const isDue = ({ models, isUnreachable }: Endpoint): boolean =>
      models.failure === null && !isUnreachable;
    return !hasFailed || endpoints.some(isDue);
  }

  private takeServed(endpoints: readonly Endpoint[], unixSeconds: number): void {
    const told = endpoints.flatMap(({ models }) => (models.served === null ? [] : [models.served]));
    if (told.length > 0) this.served = unionOf(told);
    this.rules = sendableRules(this.policy.models);
    const createdOf = (alias: string): number => this.createdOf(alias, unixSeconds);
    this.list = renderList(this.served, this.rules, createdOf);
  }

  private render(endpoints: readonly Endpoint[]): Buffer | null {
    const { rules, list, policy, served } = this;
    const objectives = policy.objectives.filter(({ name }) =>
      isSendableName(name, OBJECTIVE_CHARS_MAX),
    );
    const loras = [...served.values()].filter(({ isAdapter }) => isAdapter);
    const adapters = this.adapters.entries(
      loras.map(({ card }) => card.id),
      endpoints,
    );
    const odd = [...served.keys()].filter((name) => !isSendableName(name));
    this.problems = unsendable(policy, odd);
    const isEmpty = [rules, objectives, adapters].every(({ length }) => length === 0);
    if (isEmpty && !policy.isClosed && served.size === 0) return null;
    const names = this.servedNames(adapters);
    const { isClosed } = this;
    const section = encodeSection({ isClosed, rules, served: names, adapters, objectives, list });
    this.problems = [...this.problems, ...shortages(section.leftOut)];
    return section.bytes;
  }

  /** Names that the pods serve and no rule has: known, and sent on as they are. */
  private servedNames(adapters: readonly AdapterEntry[]): string[] {
    // A rule for every other name is meant for these too.
    if (this.rules.some(({ name }) => name === null)) return [];
    const ruled = new Set(this.rules.map(({ name }) => name));
    const names = new Set([...this.served.keys()].filter((name) => isSendableName(name)));
    for (const { name, endpoints } of adapters) if (endpoints.length > 0) names.add(name);
    return [...names].filter((name) => !ruled.has(name)).sort();
  }

  private createdOf(alias: string, unixSeconds: number): number {
    const created = this.aliasSince.get(alias) ?? unixSeconds;
    this.aliasSince.set(alias, created);
    for (const name of this.aliasSince.keys()) {
      if (this.aliasSince.size <= MODELS_MAX) break;
      this.aliasSince.delete(name);
    }
    return created;
  }
}

/** The first rule of each name, of those that the section can hold. */
function sendableRules(models: readonly ModelRule[]): ModelRule[] {
  const rules = new Map<string | null, ModelRule>();
  for (const rule of models) {
    if (!rules.has(rule.name) && isSendable(rule)) rules.set(rule.name, rule);
  }
  return [...rules.values()];
}

/** A rule with a target left out would be another rule: it is sent whole or not at all. */
function isSendable({ name, targets }: ModelRule): boolean {
  const isNameGood = name === null || isSendableName(name);
  const areTargetsGood = targets.every(
    ({ name, weight }) =>
      isSendableName(name) && Number.isInteger(weight) && weight >= 0 && weight <= WEIGHT_MAX,
  );
  return isNameGood && areTargetsGood && targets.length <= TARGETS_MAX;
}

function unsendable({ models, objectives }: ModelPolicy, served: readonly string[]): string[] {
  const rules = models.filter((rule) => !isSendable(rule)).map(({ name }) => name ?? "*");
  const names = objectives
    .map(({ name }) => name)
    .filter((name) => !isSendableName(name, OBJECTIVE_CHARS_MAX));
  return [
    ...leftOutFor(`a name, a weight or more than ${TARGETS_MAX} targets`, "Models", rules),
    ...leftOutFor("a name", "Objectives", names),
    ...leftOutFor("a name", "Served models", served),
  ];
}

function leftOutFor(why: string, what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const shown = names
    .slice(0, NAMES_SHOWN_MAX)
    .map((name) => JSON.stringify(name.slice(0, NAME_SHOWN_CHARS_MAX)));
  const rest = names.length - shown.length;
  const more = rest > 0 ? ` and ${rest} more` : "";
  return [`${what} left out for ${why} that the filter cannot take: ${shown.join(", ")}${more}.`];
}

function shortages(leftOut: LeftOut): string[] {
  const kinds: [keyof LeftOut, string][] = [
    ["rules", "Models"],
    ["objectives", "Objectives"],
    ["adapters", "LoRA adapters"],
    ["served", "Names of served models"],
    ["list", "Models of the answer to GET /v1/models"],
  ];
  return kinds
    .filter(([key]) => leftOut[key] > 0)
    .map(
      ([key, what]) =>
        `${what} left out, as the filter takes 256 of a kind and 64 KiB in all: ${leftOut[key]}.`,
    );
}

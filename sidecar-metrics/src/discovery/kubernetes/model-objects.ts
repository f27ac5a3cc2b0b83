// From InferenceModel, InferenceModelRewrite and InferenceObjective to what a pool says of models.
import type {
  Criticality,
  ModelPolicy,
  ModelRule,
  ModelTarget,
  Objective,
} from "../../models/model-policy.js";
import { describe } from "./inference-pool.js";
import { asList, asObject, byAge, type Custom } from "./objects.js";

const WEIGHT_MAX = 1_000_000;

/** `Default` is what the first releases of v1alpha1 called Standard. */
const CRITICALITIES = new Map<unknown, Criticality>([
  ["Critical", "Critical"],
  ["Standard", "Standard"],
  ["Default", "Standard"],
  [undefined, "Standard"],
  ["Sheddable", "Sheddable"],
]);

export interface ModelObjects {
  models: readonly Custom[];
  rewrites: readonly Custom[];
  objectives: readonly Custom[];
}

export interface Policy {
  policy: ModelPolicy;
  problems: string[];
}

/** `objects`: those that refer to one pool. */
export function buildPolicy(objects: ModelObjects): Policy {
  const problems: string[] = [];
  const rules = readModels(objects.models, problems);
  applyRewrites(objects.rewrites, rules, problems);
  const models = [...rules.values()].map(({ rule }) => rule);
  const objectives = [...objects.objectives].sort(byAge).map(readObjective);
  return { policy: { isClosed: objects.models.length > 0, models, objectives }, problems };
}

interface Sourced {
  rule: ModelRule;
  from: Custom;
}

type Rules = Map<string | null, Sourced>;

function readModels(models: readonly Custom[], problems: string[]): Rules {
  const rules: Rules = new Map();
  for (const from of [...models].sort(byAge)) {
    const spec = asObject(from.spec);
    const name = spec["modelName"];
    if (typeof name !== "string" || name === "") {
      problems.push(`${describe(from)}: spec.modelName is missing`);
      continue;
    }
    const other = rules.get(name);
    if (other !== undefined) {
      const winner = `${describe(other.from)}, which is older, has it too`;
      problems.push(`${describe(from)}: the name ${JSON.stringify(name)} is not used: ${winner}`);
      continue;
    }
    const criticality = CRITICALITIES.get(spec["criticality"]) ?? "Standard";
    if (!CRITICALITIES.has(spec["criticality"])) {
      const shown = JSON.stringify(spec["criticality"]);
      const allowed = "it must be one of Critical, Standard, Sheddable; Standard is used";
      problems.push(`${describe(from)}: spec.criticality: ${shown} is not allowed; ${allowed}`);
    }
    const targets = readTargets(from, spec["targetModels"], "name", problems);
    rules.set(name, { rule: { name, criticality, targets }, from });
  }
  return rules;
}

/** The oldest rewrite of a name counts, and in it the first rule; a model's criticality stays. */
function applyRewrites(rewrites: readonly Custom[], rules: Rules, problems: string[]): void {
  const rewritten: Rules = new Map();
  for (const from of [...rewrites].sort(byAge)) {
    for (const raw of asList(asObject(from.spec)["rules"])) {
      const targets = readTargets(from, asObject(raw)["targets"], "modelRewrite", problems);
      for (const name of matchedNames(asObject(raw)["matches"])) {
        const earlier = rewritten.get(name);
        if (earlier !== undefined) {
          if (earlier.from !== from) problems.push(overruled(from, earlier.from, name));
          continue;
        }
        const model = rules.get(name);
        if (model !== undefined && model.rule.targets.length > 0) {
          problems.push(overruled(model.from, from, name));
        }
        const criticality = model?.rule.criticality ?? "Standard";
        rewritten.set(name, { rule: { name, criticality, targets }, from });
      }
    }
  }
  for (const [name, sourced] of rewritten) rules.set(name, sourced);
}

function overruled(loser: Custom, winner: Custom, name: string | null): string {
  const what = name === null ? "its rule for all names" : `its rule for ${JSON.stringify(name)}`;
  return `${describe(loser)}: ${what} is not used: ${describe(winner)} has one that counts`;
}

/** A rule without matches is for every name that no other rule has. */
function matchedNames(raw: unknown): (string | null)[] {
  const matches = asList(raw);
  if (matches.length === 0) return [null];
  return matches
    .map((match) => asObject(asObject(match)["model"])["value"])
    .filter((value): value is string => typeof value === "string" && value !== "");
}

/** Weights are given for all targets or for none, and then they are equal. */
function readTargets(
  from: Custom,
  raw: unknown,
  key: "name" | "modelRewrite",
  problems: string[],
): ModelTarget[] {
  const targets: ModelTarget[] = [];
  const entries = asList(raw).map(asObject);
  const weighted = entries.filter(({ weight }) => weight !== undefined).length;
  if (weighted > 0 && weighted < entries.length) {
    problems.push(`${describe(from)}: some targets have no weight: 1 is used for them`);
  }
  for (const { [key]: name, weight = 1 } of entries) {
    const isGood =
      typeof weight === "number" && Number.isInteger(weight) && weight >= 0 && weight <= WEIGHT_MAX;
    if (typeof name !== "string" || name === "") {
      problems.push(`${describe(from)}: a target without ${key} is left out`);
    } else if (!isGood) {
      const shown = JSON.stringify(weight);
      const allowed = `it must be a whole number from 0 to ${WEIGHT_MAX}`;
      problems.push(`${describe(from)}: weight of ${name}: ${shown} is not allowed; ${allowed}`);
    } else {
      targets.push({ name, weight });
    }
  }
  return targets;
}

function readObjective({ metadata, spec }: Custom): Objective {
  const { priority } = asObject(spec);
  const value = typeof priority === "number" ? priority : 0;
  const criticality = value > 0 ? "Critical" : value < 0 ? "Sheddable" : "Standard";
  return { name: metadata.name, criticality };
}

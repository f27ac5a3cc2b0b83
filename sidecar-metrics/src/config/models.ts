// The models and objectives of a pool as the configuration writes them down.
import { z } from "zod";
import {
  CRITICALITIES,
  criticalityOf,
  isSendableName,
  type ModelPolicy,
  MODELS_MAX,
  NAME_ALLOWED,
  NAME_CHARS_MAX,
  OBJECTIVE_CHARS_MAX,
  OBJECTIVES_MAX,
  TARGETS_MAX,
  WEIGHT_MAX,
} from "../models/model-policy.js";
import { choice, section, wholeNumber } from "./fields.js";

/** Stands for every name that no other entry has. */
const ANY_NAME = "*";
const PRIORITY_MAX = 2 ** 31 - 1;

function name(charsMax: number) {
  const allowed = `1 to ${charsMax} ${NAME_ALLOWED}`;
  return z
    .string(allowed)
    .refine((text) => isSendableName(text, charsMax), allowed)
    .meta({ allowed });
}

function list<T extends z.ZodType<{ name: string }>>(entry: T, countMax: number, what: string) {
  const allowed = `a list of at most ${countMax} ${what}`;
  return z
    .array(entry, allowed)
    .max(countMax, allowed)
    .superRefine((entries, context) => {
      const seen = new Set<string>();
      entries.forEach((one, index) => {
        if (seen.has(one.name)) {
          const message = "a name that is listed once";
          context.addIssue({ code: "custom", path: [index, "name"], message });
        }
        seen.add(one.name);
      });
    });
}

const target = section({
  name: name(NAME_CHARS_MAX).describe("a model that the pods serve: the body's `model` becomes it"),
  weight: wholeNumber(0, WEIGHT_MAX)
    .default(1)
    .describe("its share of the conversations is this of the sum of all weights"),
});

const TARGETS_ALLOWED = `a list of 1 to ${TARGETS_MAX} targets, one with a weight above 0`;

const model = section({
  name: name(NAME_CHARS_MAX).describe("what clients ask for; `*`: every name not listed here"),
  criticality: choice(CRITICALITIES)
    .default("Standard")
    .describe("a saturated pool refuses Sheddable first, then Standard, always takes Critical"),
  targets: list(target, TARGETS_MAX, "targets")
    .refine((targets) => targets.some(({ weight }) => weight > 0), TARGETS_ALLOWED)
    .optional(),
});

const objective = section({
  name: name(OBJECTIVE_CHARS_MAX).describe("what a request's objective header says"),
  priority: wholeNumber(-PRIORITY_MAX - 1, PRIORITY_MAX)
    .default(0)
    .describe("below 0: Sheddable, 0: Standard, above 0: Critical"),
});

export const models = list(model, MODELS_MAX, "models");
export const objectives = list(objective, OBJECTIVES_MAX, "objectives");

export interface ModelSettings {
  models: z.output<typeof models>;
  objectives: z.output<typeof objectives>;
  closed?: boolean | undefined;
}

export function policyOf(settings: ModelSettings): ModelPolicy {
  return {
    isClosed: settings.closed ?? settings.models.length > 0,
    models: settings.models.map(({ name, criticality, targets }) => ({
      name: name === ANY_NAME ? null : name,
      criticality,
      targets: targets ?? [],
    })),
    objectives: settings.objectives.map(({ name, priority }) => ({
      name,
      criticality: criticalityOf(priority),
    })),
  };
}

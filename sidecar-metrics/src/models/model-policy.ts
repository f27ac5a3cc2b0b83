// What a pool says of its models: names and their targets, criticality, objectives.

export const CRITICALITIES = ["Critical", "Standard", "Sheddable"] as const;
/** Whom a saturated pool answers with 429 first (Sheddable), then (Standard), and always takes. */
export type Criticality = (typeof CRITICALITIES)[number];

/** What the table's models section can hold (docs/table-format.md). */
export const MODELS_MAX = 256;
export const OBJECTIVES_MAX = 256;
export const TARGETS_MAX = 16;
export const WEIGHT_MAX = 1_000_000;
export const NAME_CHARS_MAX = 256;
/** Longer than any name of a Kubernetes object. */
export const OBJECTIVE_CHARS_MAX = 253;
/** The filter compares names with what stands between a JSON string's quotes, never decoded. */
export const NAME_ALLOWED = "printable ASCII characters, no space, quote or backslash";

/** A model that the pods serve, and its share of the requests for the rule's name. */
export interface ModelTarget {
  name: string;
  /** 0 to 1,000,000: the share is this one of the sum over the rule's targets. */
  weight: number;
}

export interface ModelRule {
  /** Null: every name that no other rule has. */
  name: string | null;
  criticality: Criticality;
  /** Empty: the name itself. */
  targets: ModelTarget[];
}

/** A criticality that a request asks for by name, with the objective header. */
export interface Objective {
  name: string;
  criticality: Criticality;
}

export interface ModelPolicy {
  /** The pool declares its models: a name that neither it nor a pod knows is refused. */
  isClosed: boolean;
  models: ModelRule[];
  objectives: Objective[];
}

/** Nothing declared: every name goes to the pods as it is. */
export const OPEN_POLICY: ModelPolicy = { isClosed: false, models: [], objectives: [] };

/** InferenceObjective's rule: below 0 sheddable, above 0 critical. */
export function criticalityOf(priority: number): Criticality {
  if (priority === 0) return "Standard";
  return priority < 0 ? "Sheddable" : "Critical";
}

export function isSendableName(name: string, charsMax: number = NAME_CHARS_MAX): boolean {
  return name.length <= charsMax && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name);
}

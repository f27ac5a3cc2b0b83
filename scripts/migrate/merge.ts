// Merges the policies that a user has with ours: theirs wins, but for what the filter needs.
import { asList, asObject, text, type Json, type KubeObject } from "./kube-object.js";

type Path = readonly string[];

/** Which parts of a policy say what it is for, and are never merged. */
const TARGETS = ["targetRef", "targetRefs", "targetSelectors", "mergeType"];

/** Without these the filter's choice has no effect, or a client can make it. */
const NEEDED: readonly Path[] = [["loadBalancer"]];
const UNITED: readonly Path[] = [["headers", "earlyRequestHeaders", "remove"]];
/** Below ours a held body would be answered with 413. */
const AT_LEAST: readonly Path[] = [
  ["connection", "bufferLimit"],
  ["http2", "initialStreamWindowSize"],
  ["http2", "initialConnectionWindowSize"],
];

/** What was changed against the user's will, for a warning: `spec.loadBalancer`. */
export type Overruled = string[];

/** Puts into the user's policy what it does not say itself. */
export function fill(theirs: KubeObject, ours: KubeObject): Overruled {
  const overruled: Overruled = [];
  const isClient = theirs.kind === "ClientTrafficPolicy";
  walk(specOf(ours), [], (path, value) => {
    const there: unknown = theirs.get(["spec", ...path]);
    const wanted = there === undefined ? value : settle(path, there, value, isClient);
    if (wanted === there) return;
    if (there !== undefined) overruled.push(["spec", ...path].join("."));
    theirs.set(["spec", ...path], wanted);
  });
  return overruled;
}

/** Puts what the user's wider policy says into ours, which takes its place on the listener. */
export function overlay(ours: KubeObject, theirs: KubeObject): Overruled {
  const overruled: Overruled = [];
  walk(specOf(theirs), [], (path, value) => {
    if (NEEDED.some((needed) => startsWith(path, needed))) {
      const name = ["spec", ...path].join(".");
      if (!isEqual(ours.get(["spec", ...path]), value)) overruled.push(name);
      return;
    }
    ours.set(["spec", ...path], value);
  });
  return overruled;
}

function specOf(policy: KubeObject): Json {
  const spec = asObject(policy.value["spec"]);
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !TARGETS.includes(key)));
}

/** Calls `visit` with each leaf: a scalar, a list, or one of the parts taken as a whole. */
function walk(value: unknown, path: Path, visit: (path: Path, value: unknown) => void): void {
  const isWhole = NEEDED.some((needed) => startsWith(path, needed));
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap || isWhole) {
    visit(path, value);
    return;
  }
  for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key], visit);
}

/** What stands in the end, where both say something. */
function settle(path: Path, theirs: unknown, ours: unknown, isClient: boolean): unknown {
  if (NEEDED.some((needed) => startsWith(path, needed))) {
    return isEqual(theirs, ours) ? theirs : ours;
  }
  if (UNITED.some((united) => startsWith(path, united))) {
    const missing = asList(ours).filter((entry) => !asList(theirs).includes(entry));
    return missing.length === 0 ? theirs : [...asList(theirs), ...missing];
  }
  const hasFloor = isClient && AT_LEAST.some((floor) => startsWith(path, floor));
  return hasFloor && toBytes(theirs) < toBytes(ours) ? ours : theirs;
}

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function startsWith(path: Path, start: Path): boolean {
  return start.every((key, index) => path[index] === key);
}

const DECIMAL = { k: 1e3, M: 1e6, G: 1e9 };
const BINARY = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };
const UNIT_BYTES: Record<string, number> = { "": 1, ...DECIMAL, ...BINARY };

/** A Kubernetes quantity in bytes; one that cannot be read counts as enough. */
function toBytes(quantity: unknown): number {
  const match = /^(\d+(?:\.\d+)?)(k|M|G|Ki|Mi|Gi)?$/.exec(text(quantity));
  if (match === null) return Number.POSITIVE_INFINITY;
  return Number(match[1]) * (UNIT_BYTES[match[2] ?? ""] ?? 1);
}

// Reads an InferencePool of any version: whom it selects, on which ports.
import { asList, asObject, type Custom, fullName } from "./objects.js";

/** InferencePool v1 allows as many. */
const PORTS_MAX = 8;

export interface PoolSpec {
  /** Labels that a pod must all have; none: no pod is selected. */
  selector: Record<string, string>;
  ports: number[];
}

export type SpecReading = { ok: true; spec: PoolSpec } | { ok: false; problem: string };

/** `extensionRef` and `endpointPickerRef` name a picker that the filter replaces: not read. */
export function readPoolSpec(pool: Custom): SpecReading {
  const spec = asObject(pool.spec);
  const selector = readSelector(spec["selector"]);
  if (selector === null) {
    return refuse(pool, "spec.selector", "labels with texts, directly or in matchLabels");
  }
  const ports = readPorts(spec);
  if (ports === null) {
    return refuse(pool, "spec.targetPorts", `1 to ${PORTS_MAX} port numbers from 1 to 65535`);
  }
  return { ok: true, spec: { selector, ports } };
}

function refuse(pool: Custom, key: string, allowed: string): SpecReading {
  return { ok: false, problem: `${describe(pool)}: ${key} must be ${allowed}` };
}

/** `InferencePool default/name (inference.networking.k8s.io/v1)` */
export function describe(object: Custom): string {
  return `${object.kind} ${fullName(object)} (${object.apiVersion})`;
}

/** v1 has `matchLabels`, the versions before it the labels themselves. */
function readSelector(raw: unknown): Record<string, string> | null {
  const outer = asObject(raw);
  const { matchLabels } = outer;
  const labels = typeof matchLabels === "object" && matchLabels !== null ? matchLabels : outer;
  const entries = Object.entries(labels);
  if (entries.length === 0) return null;
  if (entries.some(([, value]) => typeof value !== "string")) return null;
  return Object.fromEntries(entries);
}

function readPorts(spec: Record<string, unknown>): number[] | null {
  const listed = asList(spec["targetPorts"]).map((entry) => asObject(entry)["number"]);
  const ports = listed.length > 0 ? listed : [spec["targetPortNumber"]];
  const isGood = (port: unknown): port is number =>
    typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535;
  return ports.length <= PORTS_MAX && ports.every(isGood) ? [...new Set(ports)] : null;
}

// The parts of Kubernetes objects that are read here, and what is kept of each.

export interface Metadata {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** RFC 3339 in UTC with whole seconds: sorts as text. */
  creationTimestamp: string;
  /** Present: the object is going away. */
  deletionTimestamp: string | null;
}

export interface Pod {
  metadata: Metadata;
  phase: string;
  /** The main one first. */
  ips: string[];
  isReady: boolean;
}

/** An object of one of the inference kinds; its spec is checked where it is used. */
export interface Custom {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec: unknown;
}

type Raw = Record<string, unknown>;

/** The largest annotation, and a copy of the whole object at that. */
const APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** A pod of some 8 KB becomes some hundred bytes; thousands of them are held. */
export function slimPod(raw: unknown): Pod {
  const { metadata, status: rawStatus } = asObject(raw);
  const status = asObject(rawStatus);
  const ips = asList(status["podIPs"])
    .map((entry) => asText(asObject(entry)["ip"]))
    .filter((ip) => ip !== "");
  const single = asText(status["podIP"]);
  const ready = asList(status["conditions"]).find((one) => asObject(one)["type"] === "Ready");
  return {
    metadata: slimMetadata(metadata, (name) => name.startsWith("prometheus.io/")),
    phase: asText(status["phase"]),
    ips: ips.length > 0 || single === "" ? ips : [single],
    isReady: asObject(ready)["status"] === "True",
  };
}

/** The list of a kind does not repeat the kind in each item, hence the two arguments. */
export function slimCustom(raw: unknown, apiVersion: string, kind: string): Custom {
  const { metadata, spec } = asObject(raw);
  return { apiVersion, kind, metadata: slimMetadata(metadata, (name) => name !== APPLIED), spec };
}

function slimMetadata(raw: unknown, isKept: (annotation: string) => boolean): Metadata {
  const metadata = asObject(raw);
  const deletedAt = asText(metadata["deletionTimestamp"]);
  return {
    name: asText(metadata["name"]),
    namespace: asText(metadata["namespace"]),
    uid: asText(metadata["uid"]),
    resourceVersion: asText(metadata["resourceVersion"]),
    labels: asTexts(metadata["labels"], () => true),
    annotations: asTexts(metadata["annotations"], isKept),
    creationTimestamp: asText(metadata["creationTimestamp"]),
    deletionTimestamp: deletedAt === "" ? null : deletedAt,
  };
}

/** `default/name`, for people. */
export function fullName({ metadata }: { metadata: Metadata }): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** Oldest first; of two of the same second the first by name. */
export function byAge(a: { metadata: Metadata }, b: { metadata: Metadata }): number {
  return (
    compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
    compare(a.metadata.name, b.metadata.name)
  );
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function asObject(value: unknown): Raw {
  return typeof value === "object" && value !== null ? (value as Raw) : {};
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function asTexts(value: unknown, isKept: (name: string) => boolean): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, text] of Object.entries(asObject(value))) {
    if (typeof text === "string" && isKept(name)) texts[name] = text;
  }
  return texts;
}

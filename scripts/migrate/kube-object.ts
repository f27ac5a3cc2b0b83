// One Kubernetes object as it was given: its YAML with the user's comments, and its identity.
import { Document, isCollection, isMap, isNode, type LineCounter } from "yaml";
import type { Place } from "./finding.js";

export type Json = { [key: string]: unknown };

/** Kinds without a namespace; `metadata.namespace` is never written into them. */
const CLUSTER_KINDS = new Set([
  ...["GatewayClass", "Namespace", "PersistentVolume", "StorageClass", "PriorityClass", "Node"],
  ...["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "RuntimeClass"],
]);

/** API groups whose other kinds have a namespace; of further groups nothing is known. */
const KNOWN_GROUPS = new Set([
  ...["", "apps", "batch", "autoscaling", "policy", "networking.k8s.io"],
  ...["rbac.authorization.k8s.io", "gateway.networking.k8s.io", "gateway.envoyproxy.io"],
  ...["inference.networking.k8s.io", "inference.networking.x-k8s.io"],
  ...["leaderworkerset.x-k8s.io", "monitoring.coreos.com"],
]);

/** Our comments begin so; a later run takes them for ours and not for the user's. */
export const COMMENT_MARK = " warmroute: ";

export class KubeObject {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  /** The one that it will be in; "" where the kind has none. */
  readonly namespace: string;

  constructor(
    readonly document: Document,
    private readonly at: { file: string; counter: LineCounter } | null,
    defaultNamespace: string,
  ) {
    const value = this.value;
    const apiVersion = text(value["apiVersion"]);
    this.group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
    this.kind = text(value["kind"]);
    const metadata = asObject(value["metadata"]);
    this.name = text(metadata["name"]);
    const given = text(metadata["namespace"]);
    this.namespace = CLUSTER_KINDS.has(this.kind) ? "" : given === "" ? defaultNamespace : given;
  }

  /** The object as JSON, as it is now. */
  get value(): Json {
    return asObject(this.document.toJS());
  }

  get id(): string {
    return [this.group, this.kind, this.namespace, this.name].join("|");
  }

  get label(): string {
    const name = this.namespace === "" ? this.name : `${this.namespace}/${this.name}`;
    return `${this.kind} ${name}`;
  }

  /** Whether kubectl would put it into a namespace, as far as is known. */
  get isKnown(): boolean {
    return KNOWN_GROUPS.has(this.group) || CLUSTER_KINDS.has(this.kind);
  }

  /** The line of the deepest part of `path` that was given. */
  place(...path: (string | number)[]): Place {
    const label = this.label;
    if (this.at === null) return { file: "manifests", line: 1, label };
    const { file, counter } = this.at;
    let node: unknown = this.document.contents;
    let line = lineOf(node, counter) ?? 1;
    for (const key of path) {
      const pair = isMap(node) ? node.items.find((item) => text(item.key) === String(key)) : null;
      node = isCollection(node) ? node.get(key, true) : null;
      line = lineOf(pair?.key, counter) ?? lineOf(node, counter) ?? line;
    }
    return { file, line, label };
  }

  /** What stands at `path`, as JSON. */
  get(path: readonly (string | number)[]): unknown {
    return path.reduce<unknown>(
      (at, key) => (typeof at === "object" && at !== null ? (at as Json)[key] : undefined),
      this.value,
    );
  }

  /** Sets a value, in new maps where `path` leads through none. */
  set(path: readonly (string | number)[], value: unknown): void {
    let length = path.length - 1;
    while (length > 0 && !isCollection(this.document.getIn(path.slice(0, length), true))) length--;
    const rest = path.slice(length + 1).reverse();
    const whole = rest.reduce<unknown>((inner, key) => ({ [key]: inner }), value);
    this.document.setIn(path.slice(0, length + 1), this.document.createNode(whole));
  }

  /** Says above the object what became of it, in place of what an earlier run said. */
  comment(...lines: string[]): void {
    const map = this.document.contents;
    if (map === null) return;
    const old = (map.commentBefore ?? "").split("\n").filter((line) => line !== "");
    const theirs = old.filter((line) => !line.startsWith(COMMENT_MARK));
    map.commentBefore = [...theirs, ...lines.map((line) => COMMENT_MARK + line)].join("\n");
  }

  /** Whether an earlier run of the migration made or changed this object. */
  get isMigrated(): boolean {
    return (this.document.contents?.commentBefore ?? "").includes(COMMENT_MARK);
  }
}

function lineOf(node: unknown, counter: LineCounter): number | null {
  const range = isNode(node) ? node.range : null;
  return range === null || range === undefined ? null : counter.linePos(range[0]).line;
}

/** An object of our own making. */
export function makeObject(value: Json, defaultNamespace: string): KubeObject {
  return new KubeObject(new Document(value, { version: "1.1" }), null, defaultNamespace);
}

export function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Json)
    : {};
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** The text of a scalar, "" for anything else. */
export function text(value: unknown): string {
  const plain = isNode(value) ? (value.toJSON() as unknown) : value;
  return typeof plain === "string" || typeof plain === "number" ? String(plain) : "";
}

// Finds which pool is served on which listener: by an HTTPRoute, or by the pool's annotation.
import { readAttachTo } from "../../sidecar-metrics/src/discovery/kubernetes/annotations.js";
import type { Findings } from "./finding.js";
import type { KubeObject } from "./kube-object.js";
import {
  isPoolGroup,
  type Gateway,
  type Given,
  type Pool,
  type Route,
  type Typed,
} from "./shapes.js";

const ATTACH_TO = "inference.networking.x-k8s.io/attach-to";
/** Written into an HTTPRoute that led to a pool, so that a later run knows what it was. */
export const POOL_MARK = "warmroute/pool";

export interface Listener {
  gateway: Typed<Gateway>;
  name: string;
  port: number;
}

export interface Attachment {
  listener: Listener;
  pool: Typed<Pool>;
  /** The route that led to the pool; null where the annotation alone did. */
  route: Typed<Route> | null;
}

/** All of them, in the order of the pools and routes given. */
export function findAttachments(given: Given, findings: Findings): Attachment[] {
  const byRoute = given.routes.flatMap((route) =>
    poolsOfRoute(route, given, findings).flatMap((pool) =>
      listenersOfRoute(route, given, findings).map((listener) => ({ listener, pool, route })),
    ),
  );
  const byAnnotation = given.pools.flatMap((pool) => {
    const listener = attachedTo(pool, given, findings);
    // A route of an earlier run stands for the annotation already.
    const isThere = byRoute.some(
      (one) => one.pool === pool && one.listener.name === listener?.name,
    );
    return listener === null || isThere ? [] : [{ listener, pool, route: null }];
  });
  for (const pool of given.pools) {
    if ([...byRoute, ...byAnnotation].some((one) => one.pool === pool)) continue;
    const text = `no HTTPRoute leads to it and it has no ${ATTACH_TO}: kept, but nothing serves it`;
    findings.add("warning", pool.object.place(), text);
  }
  return [...byRoute, ...byAnnotation];
}

function poolsOfRoute(route: Typed<Route>, given: Given, findings: Findings): Typed<Pool>[] {
  const { object, shape } = route;
  const wanted = new Map<string, (string | number)[]>();
  shape.spec.rules?.forEach((rule, index) => {
    rule.backendRefs?.forEach((ref, backend) => {
      if (!isPoolGroup(ref.group ?? "") || ref.kind !== "InferencePool") return;
      const id = `${ref.namespace ?? object.namespace}/${ref.name}`;
      if (!wanted.has(id)) wanted.set(id, ["spec", "rules", index, "backendRefs", backend, "name"]);
    });
  });
  const mark = annotation(object, POOL_MARK);
  for (const id of mark?.split(",") ?? []) {
    wanted.set(id, ["metadata", "annotations", POOL_MARK]);
  }
  return [...wanted].flatMap(([id, path]) => {
    const pool = given.pools.find(({ object: o }) => `${o.namespace}/${o.name}` === id);
    if (pool !== undefined) return [pool];
    const text = `its InferencePool ${id} is not in the files; give the file that has it`;
    findings.add("error", object.place(...path), text);
    return [];
  });
}

/** The listeners that a route with a pool is on. */
function listenersOfRoute(route: Typed<Route>, given: Given, findings: Findings): Listener[] {
  const { object, shape } = route;
  const refs = shape.spec.parentRefs ?? [];
  if (refs.length === 0) findings.add("error", object.place("spec"), "it has no spec.parentRefs");
  return refs.flatMap((ref, index) => {
    const place = object.place("spec", "parentRefs", index, "name");
    const namespace = ref.namespace ?? object.namespace;
    const gateway = findGateway(given, namespace, ref.name);
    if (gateway === undefined) {
      const text = `its Gateway ${namespace}/${ref.name} is not in the files; give the file`;
      findings.add("error", place, text);
      return [];
    }
    const listeners = listenersOf(gateway).filter(
      (one) =>
        (ref.sectionName === undefined || ref.sectionName === one.name) &&
        (ref.port === undefined || ref.port === one.port),
    );
    if (listeners.length === 0) {
      const names = listenersOf(gateway).map((one) => `${one.name} (${one.port})`);
      const text = `the Gateway has no such listener; it has ${names.join(", ")}`;
      findings.add("error", place, text);
    }
    return listeners;
  });
}

function attachedTo(pool: Typed<Pool>, given: Given, findings: Findings): Listener | null {
  const { object } = pool;
  const read = readAttachTo(pool.shape.annotations);
  const place = object.place("metadata", "annotations", ATTACH_TO);
  const refuse = (text: string): null => {
    findings.add("error", place, text);
    return null;
  };
  if (!read.ok) return refuse(read.problem);
  if (read.value === null) return null;
  const { name, port, namespace = object.namespace } = read.value;
  const gateway = findGateway(given, namespace, name);
  if (gateway === undefined) {
    return refuse(`attach-to: Gateway ${namespace}/${name} is not in the files; give the file`);
  }
  const listeners = listenersOf(gateway);
  const ports = listeners.map((one) => one.port).join(", ");
  return (
    listeners.find((one) => one.port === port) ??
    refuse(`attach-to: Gateway ${name} has no listener on port ${port}; it has ${ports}`)
  );
}

const LISTENERS = new WeakMap<Typed<Gateway>, Listener[]>();

/** Always the same values for one Gateway, so that listeners can be compared. */
function listenersOf(gateway: Typed<Gateway>): Listener[] {
  const known = LISTENERS.get(gateway);
  if (known !== undefined) return known;
  const listeners = gateway.shape.spec.listeners.map(({ name, port }) => ({ gateway, name, port }));
  LISTENERS.set(gateway, listeners);
  return listeners;
}

function findGateway(given: Given, namespace: string, name: string): Typed<Gateway> | undefined {
  return given.gateways.find(({ object: o }) => o.namespace === namespace && o.name === name);
}

/** What the filter's `pool` can be. */
const POOL_NAME_MAX = 63;

/** One sidecar serves one Gateway, and knows one port of it by `attach-to`. */
export function checkAttachments(attachments: readonly Attachment[], findings: Findings): void {
  const gateways = new Set(attachments.map((one) => one.listener.gateway.object));
  for (const gateway of [...gateways].slice(1)) {
    const text = "a second Gateway with an InferencePool; migrate each with a run of its own";
    findings.add("error", gateway.place(), text);
  }
  const attached = attachments.filter(({ pool }) => attachTo(pool) !== null);
  const first = attached[0]?.listener;
  for (const { listener, pool } of attached) {
    if (listener.gateway !== first?.gateway || listener.port === first.port) continue;
    const text =
      `attached to port ${listener.port}, another pool to ${first.port}, but the sidecar knows ` +
      "one port of a Gateway; take attach-to off all but one, and give an HTTPRoute for each other";
    findings.add("error", pool.object.place("metadata", "annotations", ATTACH_TO), text);
  }
  for (const { pool } of attachments) {
    const name = poolName(pool);
    if (name.length <= POOL_NAME_MAX) continue;
    const text = `${name} has ${name.length} characters; the filter takes ${POOL_NAME_MAX} at most`;
    findings.add("error", pool.object.place("metadata", "name"), text);
  }
}

/** The port that the sidecar goes by: of the attached pools, else of the first listener. */
export function portOf(attachments: readonly Attachment[]): number {
  const one = attachments.find(({ pool }) => attachTo(pool) !== null) ?? attachments[0];
  if (one === undefined) throw new Error("no pool is attached");
  return one.listener.port;
}

function attachTo(pool: Typed<Pool>): object | null {
  const read = readAttachTo(pool.shape.annotations);
  return read.ok ? read.value : null;
}

/** The name that filter and sidecar have for a pool. */
export function poolName({ object }: Typed<Pool>): string {
  return `${object.namespace}/${object.name}`;
}

/** The annotation's value, null where there is none. */
export function annotation(object: KubeObject, key: string): string | null {
  const value: unknown = object.get(["metadata", "annotations", key]);
  return typeof value === "string" ? value : null;
}

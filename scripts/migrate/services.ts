// The Service whose endpoints are a pool's pods: one that was given, or a new one.
import { asList, asObject, makeObject, text, type KubeObject } from "./kube-object.js";
import { podTemplates, selects } from "./pod-templates.js";
import type { Given, Pool, Service, Typed } from "./shapes.js";

/** Stands on what the migration made; a later run leaves these out and makes them anew. */
export const MADE_BY = { "app.kubernetes.io/managed-by": "warmroute-migrate" };

export interface PoolService {
  name: string;
  namespace: string;
  /** The Service's own ports, one for each of the pool's. */
  ports: number[];
  /** Null where one of the given objects serves. */
  made: KubeObject | null;
}

export function serviceOf(pool: Typed<Pool>, given: Given): PoolService {
  const { object, shape } = pool;
  const { selector, ports: poolPorts } = shape;
  const { namespace } = object;
  for (const service of given.services.filter((one) => one.object.namespace === namespace)) {
    const ports = portsFor(service, poolPorts, given);
    if (ports === null || !isSame(service.shape.spec.selector ?? {}, selector)) continue;
    return { name: service.object.name, namespace, ports, made: null };
  }
  const isTaken = given.services.some(
    (one) => one.object.namespace === namespace && one.object.name === object.name,
  );
  const name = isTaken ? `${object.name}-pods` : object.name;
  return { name, namespace, ports: poolPorts, made: makeService(name, pool) };
}

function makeService(name: string, pool: Typed<Pool>): KubeObject {
  const { namespace } = pool.object;
  const ports = pool.shape.ports.map((port) => ({
    name: `http-${port}`,
    port,
    targetPort: port,
    protocol: "TCP",
  }));
  const object = makeObject(
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace, labels: MADE_BY },
      spec: { selector: pool.shape.selector, ports },
    },
    namespace,
  );
  const reason = "Envoy Gateway takes a Service in an HTTPRoute, and no InferencePool";
  object.comment(`added: the pods of InferencePool ${pool.object.name}. ${reason}`);
  return object;
}

/** The Service's ports that lead to the pool's, null if one has none. */
function portsFor(
  service: Typed<Service>,
  poolPorts: readonly number[],
  given: Given,
): number[] | null {
  const ports = poolPorts.flatMap((wanted) => {
    const found = (service.shape.spec.ports ?? []).find(({ port, targetPort = port }) =>
      typeof targetPort === "number"
        ? targetPort === wanted
        : namedPort(targetPort, service, given) === wanted,
    );
    return found === undefined ? [] : [found.port];
  });
  return ports.length === poolPorts.length ? ports : null;
}

/** A named port as the given pod templates number it. */
function namedPort(name: string, service: Typed<Service>, given: Given): number | null {
  const { selector = {} } = service.shape.spec;
  for (const template of podTemplates(given.all)) {
    if (template.object.namespace !== service.object.namespace) continue;
    if (!selects(selector, template.labels)) continue;
    for (const port of template.containers.flatMap((one) => asList(one["ports"]).map(asObject))) {
      if (text(port["name"]) === name) return Number(text(port["containerPort"]));
    }
  }
  return null;
}

function isSame(one: Record<string, string>, other: Record<string, string>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}

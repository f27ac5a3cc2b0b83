// The HTTPRoutes for pools that the annotation attach-to puts on a listener.
import { POOL_MARK, poolName, type Attachment } from "./attachments.js";
import type { Base } from "./base.js";
import { MODEL_HEADER } from "./filter-objects.js";
import type { Findings } from "./finding.js";
import type { Json, KubeObject } from "./kube-object.js";
import type { ServicesByPool } from "./routes.js";
import type { Given } from "./shapes.js";

/**
 * Of several pools on one listener the first takes every request, the others those for their own
 * models: the filter runs on the route that matches before it has set the model's header.
 */
export function attachRoutes(
  attachments: readonly Attachment[],
  services: ServicesByPool,
  given: Given,
  base: Base,
  findings: Findings,
): KubeObject[] {
  const served = new Set(
    attachments.filter((one) => one.route !== null).map((one) => one.listener),
  );
  return attachments.flatMap((one) => {
    const service = services.get(poolName(one.pool));
    if (one.route !== null || service === undefined) return [];
    const route = base.takeOfListener("HTTPRoute");
    name(route, one);
    const refs = service.ports.map((port) => ({ name: service.name, port }));
    route.set(["spec", "rules", 0, "backendRefs"], refs);
    if (served.has(one.listener)) {
      const matches = modelMatches(one, given);
      if (matches.length === 0) {
        const text = "another pool has the listener, and no InferenceModel here leads to this one";
        findings.add("error", one.pool.object.place(), text);
      }
      route.set(["spec", "rules", 0, "matches"], matches);
    }
    served.add(one.listener);
    return [route];
  });
}

function name(route: KubeObject, { listener, pool }: Attachment): void {
  const gateway = listener.gateway.object;
  const { namespace } = pool.object;
  route.set(["metadata", "name"], `${pool.object.name}-${listener.name}`);
  route.set(["metadata", "namespace"], namespace);
  route.set(["metadata", "annotations"], { [POOL_MARK]: poolName(pool) });
  route.set(
    ["spec", "parentRefs"],
    [
      {
        name: gateway.name,
        ...(gateway.namespace === namespace ? {} : { namespace: gateway.namespace }),
        sectionName: listener.name,
      },
    ],
  );
  const where = `listener ${listener.name} (port ${listener.port}) of Gateway ${gateway.name}`;
  route.comment(`added for attach-to of InferencePool ${pool.object.name}: ${where}`);
}

function modelMatches({ pool }: Attachment, given: Given): Json[] {
  return given.models.flatMap(({ object, shape }) => {
    const { modelName, poolRef } = shape.spec;
    const isIts = poolRef.name === pool.object.name && object.namespace === pool.object.namespace;
    return isIts ? [{ headers: [{ name: MODEL_HEADER, value: modelName }] }] : [];
  });
}

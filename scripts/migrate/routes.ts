// Turns the HTTPRoutes: from an InferencePool to its Service, and one for each attached pool.
import { POOL_MARK } from "./attachments.js";
import type { Findings } from "./finding.js";
import { asObject, type Json } from "./kube-object.js";
import type { PoolService } from "./services.js";
import { isPoolGroup, type BackendRef, type Given, type Route, type Typed } from "./shapes.js";

/** By `namespace/name` of the InferencePool. */
export type ServicesByPool = ReadonlyMap<string, PoolService>;

/** Points the backendRefs of a route at the Services of its pools. */
export function convertRoute(
  route: Typed<Route>,
  services: ServicesByPool,
  findings: Findings,
): void {
  const { object, shape } = route;
  const became: string[] = [];
  const pools: string[] = [];
  shape.spec.rules?.forEach((rule, index) => {
    const refs = rule.backendRefs ?? [];
    const path = ["spec", "rules", index, "backendRefs"];
    if (!refs.some(isPoolRef)) return;
    if (new Set(refs.map((ref) => `${ref.kind ?? "Service"}/${ref.name}`)).size > 1) {
      const text =
        "several backends in one rule: warmroute picks the pool by the request's model, so the " +
        "weights between them do not hold; use targetModels of an InferenceModel instead";
      findings.add("warning", object.place(...path), text);
    }
    const converted = refs.flatMap((ref) => {
      if (!isPoolRef(ref)) return [ref];
      const id = `${ref.namespace ?? object.namespace}/${ref.name}`;
      const service = services.get(id);
      if (service === undefined) return [];
      pools.push(id);
      became.push(`InferencePool ${ref.name} became Service ${service.name}`);
      if (service.namespace !== object.namespace) {
        const { namespace, name } = service;
        const text = `a ReferenceGrant in ${namespace} must allow it Service ${name}`;
        findings.add("warning", object.place(...path), text);
      }
      return service.ports.map((port) => serviceRef(ref, service, port, object.namespace));
    });
    object.set(path, converted);
  });
  if (became.length === 0) return;
  const mark = [...new Set(pools)].join(",");
  object.set(["metadata", "annotations"], {
    ...asObject(object.get(["metadata", "annotations"])),
    [POOL_MARK]: mark,
  });
  object.comment(...new Set(became), "the filter picks the pod, the sidecar reads the pool");
}

function isPoolRef(ref: BackendRef): boolean {
  return isPoolGroup(ref.group ?? "") && ref.kind === "InferencePool";
}

function serviceRef(ref: BackendRef, service: PoolService, port: number, from: string): Json {
  return {
    group: "",
    kind: "Service",
    name: service.name,
    ...(service.namespace === from ? {} : { namespace: service.namespace }),
    port,
    ...(ref.weight === undefined ? {} : { weight: ref.weight }),
    ...("filters" in ref ? { filters: ref["filters"] } : {}),
  };
}

/** Renames the Services that `--service OLD=NEW` names, and points out those that are missing. */
export function checkServices(
  given: Given,
  renamed: ReadonlyMap<string, string>,
  services: ServicesByPool,
  findings: Findings,
): void {
  const known = new Set(given.services.map(({ object: o }) => `${o.namespace}/${o.name}`));
  for (const service of services.values()) known.add(`${service.namespace}/${service.name}`);
  const used = new Set<string>();
  for (const { object, shape } of given.routes) {
    shape.spec.rules?.forEach((rule, index) => {
      rule.backendRefs?.forEach((ref, backend) => {
        if ((ref.group ?? "") !== "" || (ref.kind ?? "Service") !== "Service") return;
        const path = ["spec", "rules", index, "backendRefs", backend, "name"];
        const other = renamed.get(ref.name);
        if (other !== undefined) {
          used.add(ref.name);
          object.set(path, other);
          object.comment(`Service ${ref.name} became ${other}, as --service asked for`);
        }
        const id = `${ref.namespace ?? object.namespace}/${other ?? ref.name}`;
        if (known.has(id)) return;
        const text = `Service ${id} is not in the files; without it Envoy answers 500`;
        findings.add("warning", object.place(...path), text + suggestion(ref.name, services));
      });
    });
  }
  for (const name of renamed.keys()) {
    if (used.has(name)) continue;
    const place = given.all[0]?.place() ?? { file: "-", line: 1, label: "" };
    findings.add("error", { ...place, label: "" }, `--service: no HTTPRoute leads to ${name}`);
  }
}

/** What the user probably meant: the Service of the only pool. */
function suggestion(name: string, services: ServicesByPool): string {
  const [only, ...others] = [...services.values()];
  if (only === undefined || others.length > 0 || only.name === name) return "";
  return ` (--service ${name}=${only.name} names the one with the pool's pods)`;
}

// The parts of the given objects that the migration looks at, read with their mistakes named.
import { z } from "zod";
import { readStrategy } from "../../sidecar-metrics/src/discovery/kubernetes/annotations.js";
import {
  readPoolSpec,
  type PoolSpec,
} from "../../sidecar-metrics/src/discovery/kubernetes/inference-pool.js";
import { slimCustom } from "../../sidecar-metrics/src/discovery/kubernetes/objects.js";
import type { Findings } from "./finding.js";
import type { KubeObject } from "./kube-object.js";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";
export const ENVOY_GROUP = "gateway.envoyproxy.io";
const POOL_GROUPS = new Set(["inference.networking.k8s.io", "inference.networking.x-k8s.io"]);

const name = z.string().min(1);
const port = z.int().min(1).max(65535);

const gatewayShape = z.looseObject({
  spec: z.looseObject({
    gatewayClassName: name,
    infrastructure: z.looseObject({ parametersRef: z.looseObject({ name }).optional() }).optional(),
    listeners: z.array(z.looseObject({ name, port, protocol: z.string() })).min(1),
  }),
});

const parentRef = z.looseObject({
  group: z.string().optional(),
  kind: z.string().optional(),
  name,
  namespace: z.string().optional(),
  sectionName: z.string().optional(),
  port: port.optional(),
});

const backendRef = z.looseObject({
  group: z.string().optional(),
  kind: z.string().optional(),
  name,
  namespace: z.string().optional(),
  port: port.optional(),
  weight: z.int().optional(),
});

const routeShape = z.looseObject({
  spec: z.looseObject({
    parentRefs: z.array(parentRef).optional(),
    rules: z.array(z.looseObject({ backendRefs: z.array(backendRef).optional() })).optional(),
  }),
});

const labels = z.record(z.string(), z.string());

const serviceShape = z.looseObject({
  spec: z.looseObject({
    selector: labels.optional(),
    ports: z
      .array(z.looseObject({ port, targetPort: z.union([port, name]).optional() }))
      .optional(),
  }),
});

const targetRef = z.looseObject({
  group: z.string().optional(),
  kind: name,
  name,
  sectionName: z.string().optional(),
});

const policyShape = z.looseObject({
  spec: z.looseObject({
    targetRef: targetRef.optional(),
    targetRefs: z.array(targetRef).optional(),
    targetSelectors: z.array(z.unknown()).optional(),
  }),
});

const modelShape = z.looseObject({
  spec: z.looseObject({
    modelName: name,
    poolRef: z.looseObject({ name }),
    targetModels: z.array(z.looseObject({ name })).optional(),
  }),
});

export type Gateway = z.infer<typeof gatewayShape>;
export type Route = z.infer<typeof routeShape>;
export type Service = z.infer<typeof serviceShape>;
export type Policy = z.infer<typeof policyShape>;
export type TargetRef = z.infer<typeof targetRef>;
export type BackendRef = z.infer<typeof backendRef>;
export type Model = z.infer<typeof modelShape>;

/** An object together with what was read from it. */
export interface Typed<T> {
  object: KubeObject;
  shape: T;
}

/** What an InferencePool of any version selects, as the sidecar reads it. */
export interface Pool extends PoolSpec {
  annotations: Record<string, string>;
}

export interface Given {
  all: KubeObject[];
  gateways: Typed<Gateway>[];
  routes: Typed<Route>[];
  pools: Typed<Pool>[];
  services: Typed<Service>[];
  models: Typed<Model>[];
  /** BackendTrafficPolicy, ClientTrafficPolicy and EnvoyExtensionPolicy. */
  policies: Typed<Policy>[];
}

/** Sorts the objects by kind; what does not have the shape of its kind is an error. */
export function sortGiven(objects: readonly KubeObject[], findings: Findings): Given {
  const select = <T>(shape: z.ZodType<T>, isIt: (object: KubeObject) => boolean): Typed<T>[] =>
    objects.filter(isIt).flatMap((object) => {
      const read = shape.safeParse(object.value);
      if (read.success) return [{ object, shape: read.data }];
      for (const issue of read.error.issues) {
        const path = issue.path.filter((key) => typeof key !== "symbol");
        findings.add("error", object.place(...path), `${path.join(".")}: ${describe(issue)}`);
      }
      return [];
    });
  const policyKinds = /^(BackendTrafficPolicy|ClientTrafficPolicy|EnvoyExtensionPolicy)$/;
  return {
    all: [...objects],
    gateways: select(gatewayShape, (o) => o.group === GATEWAY_GROUP && o.kind === "Gateway"),
    routes: select(routeShape, (o) => o.group === GATEWAY_GROUP && o.kind === "HTTPRoute"),
    pools: objects.flatMap((object) => readPool(object, findings)),
    services: select(serviceShape, (o) => o.group === "" && o.kind === "Service"),
    models: select(modelShape, (o) => isPoolGroup(o.group) && o.kind === "InferenceModel"),
    policies: select(policyShape, (o) => o.group === ENVOY_GROUP && policyKinds.test(o.kind)),
  };
}

/** By the sidecar's own reader, so that both agree on what a pool is. */
function readPool(object: KubeObject, findings: Findings): Typed<Pool>[] {
  if (!isPoolGroup(object.group) || object.kind !== "InferencePool") return [];
  const { value } = object;
  const custom = slimCustom(value, String(value["apiVersion"]), object.kind);
  const read = readPoolSpec(custom);
  if (!read.ok) {
    const text = read.problem.replace(/^InferencePool \S+ \(\S+\): /, "");
    findings.add("error", object.place("spec", text.includes("selector") ? "selector" : ""), text);
    return [];
  }
  const { annotations } = custom.metadata;
  const strategy = readStrategy(annotations);
  if (!strategy.ok)
    findings.add("warning", object.place("metadata", "annotations"), strategy.problem);
  return [{ object, shape: { ...read.spec, annotations } }];
}

export function isPoolGroup(group: string): boolean {
  return POOL_GROUPS.has(group);
}

function describe(issue: z.core.$ZodIssue): string {
  const isMissing = issue.code === "invalid_type" && issue.message.includes("received undefined");
  return isMissing ? "it is missing" : issue.message;
}

export function targetsOf(policy: Policy): TargetRef[] {
  const { targetRef, targetRefs } = policy.spec;
  return [...(targetRef === undefined ? [] : [targetRef]), ...(targetRefs ?? [])];
}

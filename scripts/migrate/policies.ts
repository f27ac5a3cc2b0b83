// Brings the user's traffic policies and ours together: Envoy Gateway applies one to each target.
import type { Attachment, Listener } from "./attachments.js";
import type { Base } from "./base.js";
import type { Findings } from "./finding.js";
import type { KubeObject } from "./kube-object.js";
import { fill, overlay, type Overruled } from "./merge.js";
import { namesFor } from "./names.js";
import { targetsOf, type Given, type Policy, type TargetRef, type Typed } from "./shapes.js";
import { markMade } from "./sidecar-objects.js";

/** What a policy means for a listener with the filter. */
type Reach =
  /** It names the listener, or a route on it: ours must go into it, or it would replace ours. */
  | "same"
  /** It names the Gateway: ours, for the listener, takes its place there. */
  | "wider"
  | "none";

/** The policies to add; the user's own are changed in place where both have one target. */
export function mergePolicies(
  given: Given,
  attachments: readonly Attachment[],
  listeners: readonly Listener[],
  base: Base,
  findings: Findings,
): KubeObject[] {
  const added: KubeObject[] = [];
  const gateway = listeners[0]?.gateway.object;
  if (gateway === undefined) return added;
  const backend = given.policies.filter(({ object }) => object.kind === "BackendTrafficPolicy");
  const client = given.policies.filter(({ object }) => object.kind === "ClientTrafficPolicy");
  added.push(...clientPolicy(client, gateway, listeners, base, findings));
  for (const listener of listeners) {
    added.push(...backendPolicy(backend, attachments, listener, base, findings));
  }
  for (const { object, shape } of given.policies) {
    if (shape.spec.targetSelectors !== undefined) {
      const text = "targetSelectors are not looked at: see that it does not select what ours does";
      findings.add("warning", object.place("spec", "targetSelectors"), text);
    }
    if (object.kind !== "EnvoyExtensionPolicy") continue;
    for (const listener of listeners) {
      const policy = { object, shape };
      warnOfExtension(policy, reachOf(policy, attachments, listener), listener, findings);
    }
  }
  for (const object of added) markMade(object);
  return added;
}

function backendPolicy(
  policies: readonly Typed<Policy>[],
  attachments: readonly Attachment[],
  listener: Listener,
  base: Base,
  findings: Findings,
): KubeObject[] {
  const ours = base.takeOfListener("BackendTrafficPolicy");
  const { object: gateway } = listener.gateway;
  const name = namesFor(gateway).ofListener(listener.name);
  target(ours, name, gateway);
  ours.set(["spec", "targetRefs", 0, "sectionName"], listener.name);
  let isNeeded = true;
  for (const policy of policies) {
    const { object, shape } = policy;
    const reach = reachOf(policy, attachments, listener);
    if (reach === "same") {
      report(object, fill(object, base.takeOfListener("BackendTrafficPolicy")), findings);
      object.comment("kept, with warmroute's endpointOverride, retries and limits put into it");
      if (targetsOf(shape).some((one) => isListener(one, listener))) isNeeded = false;
    } else if (reach === "wider") {
      report(object, overlay(ours, object), findings);
      object.comment(`kept; on listener ${listener.name} ${name} stands for it, with its values`);
    }
  }
  return isNeeded ? [ours] : [];
}

function clientPolicy(
  policies: readonly Typed<Policy>[],
  gateway: KubeObject,
  listeners: readonly Listener[],
  base: Base,
  findings: Findings,
): KubeObject[] {
  let isNeeded = true;
  for (const { object, shape } of policies) {
    if (object.namespace !== gateway.namespace) continue;
    const targets = targetsOf(shape);
    const isWide = targets.some((one) => isWhole(one, gateway));
    const isSame = targets.some((one) => listeners.some((each) => isListener(one, each)));
    if (!isWide && !isSame) continue;
    report(object, fill(object, base.take("ClientTrafficPolicy")), findings);
    object.comment("kept, with warmroute's header removal and buffer limits put into it");
    if (isWide) isNeeded = false;
  }
  const ours = base.take("ClientTrafficPolicy");
  target(ours, namesFor(gateway).gateway, gateway);
  return isNeeded ? [ours] : [];
}

function target(policy: KubeObject, name: string, gateway: KubeObject): void {
  policy.set(["metadata", "name"], name);
  policy.set(["metadata", "namespace"], gateway.namespace);
  policy.set(["spec", "targetRefs", 0, "name"], gateway.name);
}

/** A policy's targets are always in its own namespace. */
function reachOf(
  { object, shape }: Typed<Policy>,
  attachments: readonly Attachment[],
  listener: Listener,
): Reach {
  const targets = targetsOf(shape);
  const gateway = listener.gateway.object;
  const isNear = object.namespace === gateway.namespace;
  const routes = attachments.flatMap(({ listener: its, route }) =>
    its === listener && route?.object.namespace === object.namespace ? [route.object.name] : [],
  );
  const isOnRoute = targets.some(({ kind, name }) => kind === "HTTPRoute" && routes.includes(name));
  if (isOnRoute || (isNear && targets.some((one) => isListener(one, listener)))) return "same";
  return isNear && targets.some((one) => isWhole(one, gateway)) ? "wider" : "none";
}

function isWhole(target: TargetRef, gateway: KubeObject): boolean {
  return (
    target.kind === "Gateway" && target.name === gateway.name && target.sectionName === undefined
  );
}

function isListener(target: TargetRef, { gateway, name }: Listener): boolean {
  return (
    target.kind === "Gateway" && target.name === gateway.object.name && target.sectionName === name
  );
}

function report(object: KubeObject, overruled: Overruled, findings: Findings): void {
  for (const path of overruled) {
    const text = `${path} is replaced by warmroute's, which the filter needs`;
    findings.add("warning", object.place(...path.split(".")), text);
  }
}

function warnOfExtension(
  { object }: Typed<Policy>,
  reach: Reach,
  listener: Listener,
  findings: Findings,
): void {
  const place = object.place("spec");
  if (reach === "same") {
    const text =
      `it and warmroute's filter would replace each other on listener ${listener.name}: ` +
      "move what it does to another kind of policy or to another listener";
    findings.add("error", place, text);
  } else if (reach === "wider") {
    const text = `it has no effect on listener ${listener.name} any more: warmroute's is nearer`;
    findings.add("warning", place, text);
  }
}

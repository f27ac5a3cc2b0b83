// Turns the ACK extension's objects into warmroute's, and keeps everything that needs no change.
import {
  checkAttachments,
  findAttachments,
  poolName,
  portOf,
  type Attachment,
  type Listener,
} from "./attachments.js";
import { Base } from "./base.js";
import { filterObjects, hasPlaceholderDigest, type FilterImage } from "./filter-objects.js";
import { Findings } from "./finding.js";
import { hintAtServers } from "./hints.js";
import { asObject, text, type KubeObject } from "./kube-object.js";
import { namesFor } from "./names.js";
import { mergePolicies } from "./policies.js";
import { attachRoutes } from "./attach-routes.js";
import { printObjects } from "./print.js";
import { readObjects, type InputFile } from "./read.js";
import { checkServices, convertRoute } from "./routes.js";
import { MADE_BY, serviceOf, type PoolService } from "./services.js";
import { takeOffServerFields } from "./server-fields.js";
import { sortGiven, type Given } from "./shapes.js";
import { markMade, sidecarObjects } from "./sidecar-objects.js";

export interface MigrateOptions {
  /** Of the objects that do not name theirs. */
  namespace: string;
  /** Services by their old names, for HTTPRoutes that name a wrong one. */
  services: ReadonlyMap<string, string>;
  /** Null: the base's own images. */
  filterImage: FilterImage | null;
  sidecarImage: string | null;
  /** Where Envoy Gateway runs. */
  controllerNamespace: string;
}

export interface Migration {
  /** YAML for `kubectl apply -f -`; null where something is wrong. */
  yaml: string | null;
  findings: Findings;
}

export function migrate(files: readonly InputFile[], options: MigrateOptions): Migration {
  const findings = new Findings();
  const objects = readObjects(files, options.namespace, findings).filter(isTheirs);
  for (const object of objects) takeOffServerFields(object);
  const given = sortGiven(objects, findings);
  const attachments = findings.hasErrors ? [] : findAttachments(given, findings);
  checkAttachments(attachments, findings);
  if (findings.hasErrors) return { yaml: null, findings };
  const base = new Base();
  const added = convert(given, attachments, base, options, findings);
  for (const object of given.all) explainKept(object, findings);
  hintAtServers(given, findings);
  if (findings.hasErrors) return { yaml: null, findings };
  return { yaml: printObjects(inOrder(given.all, added)), findings };
}

/** What an earlier run made is made anew. */
function isTheirs(object: KubeObject): boolean {
  const labels = asObject(object.get(["metadata", "labels"]));
  return Object.entries(MADE_BY).some(([key, value]) => labels[key] !== value);
}

interface Added {
  /** Named by what follows. */
  before: KubeObject[];
  after: KubeObject[];
}

function convert(
  given: Given,
  attachments: readonly Attachment[],
  base: Base,
  options: MigrateOptions,
  findings: Findings,
): Added {
  const services = new Map<string, PoolService>();
  for (const { pool } of attachments) {
    const name = poolName(pool);
    if (!services.has(name)) services.set(name, serviceOf(pool, given));
  }
  checkServices(given, options.services, services, findings);
  for (const route of given.routes) convertRoute(route, services, findings);
  const made = [...services.values()].flatMap(({ made: service }) => service ?? []);
  const [first] = attachments;
  if (first === undefined) {
    const place = given.all[0]?.place() ?? { file: "-", line: 1, label: "" };
    const what = "no InferencePool is served by a Gateway here, so there is nothing to migrate";
    findings.add("warning", { ...place, label: "" }, what);
    return { before: [], after: [] };
  }
  const gateway = first.listener.gateway.object;
  useEnvoyProxy(gateway, given, findings);
  const { filterImage, sidecarImage: image, controllerNamespace } = options;
  if (filterImage === null && hasPlaceholderDigest(base)) {
    const what = "the filter's image has no digest yet; name one by --filter-image";
    findings.add("warning", gateway.place(), what);
  }
  const listeners = [...new Set(attachments.map((one) => one.listener))];
  const after = attachRoutes(attachments, services, given, base, findings);
  for (const route of after) markMade(route);
  after.push(...mergePolicies(given, attachments, listeners, base, findings));
  for (const listener of listeners) {
    after.push(...filterObjects(base, listener, poolsOf(attachments, listener), filterImage));
  }
  const pools = poolsOf(attachments, null);
  const port = portOf(attachments);
  const sidecar = sidecarObjects({ base, gateway, pools, port, image, controllerNamespace });
  return { before: [...made, ...sidecar], after };
}

/** `namespace/name` of the pools on a listener; null: on any. */
function poolsOf(attachments: readonly Attachment[], listener: Listener | null): string[] {
  const names = attachments
    .filter((one) => listener === null || one.listener === listener)
    .map(({ pool }) => poolName(pool));
  return [...new Set(names)];
}

/** Lets the Gateway's Envoy pods have the sidecar. */
function useEnvoyProxy(gateway: KubeObject, given: Given, findings: Findings): void {
  const name = namesFor(gateway).gateway;
  const path = ["spec", "infrastructure", "parametersRef"];
  const theirs = text(gateway.get([...path, "name"]));
  if (theirs !== "" && theirs !== name) {
    const what =
      `it uses EnvoyProxy ${theirs} already; put what that says into manifests/base/` +
      "20-envoy-proxy.yaml by hand, and leave spec.infrastructure.parametersRef out";
    findings.add("error", gateway.place(...path), what);
    return;
  }
  const className = text(gateway.get(["spec", "gatewayClassName"]));
  const its = given.all.find((one) => one.kind === "GatewayClass" && one.name === className);
  if (its !== undefined && its.get(["spec", "parametersRef"]) !== undefined) {
    const what = `EnvoyProxy ${name} stands for the class's own on Gateway ${gateway.name}`;
    findings.add("warning", its.place("spec", "parametersRef"), what);
  }
  gateway.set(path, { group: "gateway.envoyproxy.io", kind: "EnvoyProxy", name });
  gateway.comment("kept; infrastructure.parametersRef gives its Envoy pods the sidecar");
}

const LEGACY_GROUP = "inference.networking.x-k8s.io";

/** Says what is kept as it is and why, where one could wonder. */
function explainKept(object: KubeObject, findings: Findings): void {
  if (object.namespace !== "" && object.isKnown) {
    object.set(["metadata", "namespace"], object.namespace);
  }
  if (!object.isKnown) {
    findings.add("hint", object.place("kind"), "this kind is not known here; printed as it is");
  }
  if (object.kind === "InferencePool") {
    const refs = ["extensionRef", "endpointPickerRef"].filter(
      (key) => object.get(["spec", key]) !== undefined,
    );
    const unused = refs.length > 0 ? `; ${refs.join(", ")} is not used any more` : "";
    object.comment(`kept; the sidecar reads it${unused}`);
  } else if (object.group === LEGACY_GROUP) object.comment("kept; the sidecar reads it");
  if (object.kind === "GatewayClass") object.comment("kept");
}

/** Namespaces and kinds first, then what others name, then the user's in their order. */
function inOrder(theirs: readonly KubeObject[], added: Added): KubeObject[] {
  const isFirst = (object: KubeObject): boolean =>
    object.kind === "Namespace" || object.kind === "CustomResourceDefinition";
  const first = theirs.filter(isFirst);
  const rest = theirs.filter((object) => !isFirst(object));
  return [...first, ...added.before, ...rest, ...added.after];
}

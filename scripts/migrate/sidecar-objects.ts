// The sidecar of a Gateway's Envoy pods: what it runs as, reads, and may be asked by.
import { parseDocument } from "yaml";
import type { Base } from "./base.js";
import { asList, asObject, text, type KubeObject } from "./kube-object.js";
import { namesFor } from "./names.js";
import { MADE_BY } from "./services.js";

const CONFIG_PATH = ["data", "sidecar.yaml"];
const DEPLOYMENT_PATH = ["spec", "provider", "kubernetes", "envoyDeployment"];
const POD_PATH = [...DEPLOYMENT_PATH, "patch", "value", "spec", "template", "spec"];

/** The element's index follows. */
const NAMESPACE_VARIABLE = "WARMROUTE_KUBERNETES_NAMESPACES_";

export interface SidecarNeeds {
  base: Base;
  gateway: KubeObject;
  /** `namespace/name` of each InferencePool that a listener of the Gateway serves. */
  pools: string[];
  /** Of the listener; a pool that is attached to another one is not for this sidecar. */
  port: number;
  /** Null: the base's image. */
  image: string | null;
  /** Where Envoy Gateway runs, and makes the Envoy pods. */
  controllerNamespace: string;
}

/** In the order of applying: what is named by others comes first. */
export function sidecarObjects(needs: SidecarNeeds): KubeObject[] {
  const objects = [
    configMap(needs),
    ...namespacesOf(needs).flatMap((namespace) => rights(needs, namespace)),
    networkPolicy(needs),
    envoyProxy(needs),
  ];
  for (const object of objects) markMade(object);
  return objects;
}

/** A later run leaves out what carries these labels, and makes it anew. */
export function markMade(object: KubeObject): void {
  const labels = asObject(object.get(["metadata", "labels"]));
  object.set(["metadata", "labels"], { ...labels, ...MADE_BY });
}

function configMap({ base, gateway, port, controllerNamespace }: SidecarNeeds): KubeObject {
  const object = base.take("ConfigMap");
  object.set(["metadata", "namespace"], controllerNamespace);
  object.set(["metadata", "name"], namesFor(gateway).shared);
  const config = parseDocument(text(object.get(CONFIG_PATH)));
  config.setIn(["kubernetes", "port"], port);
  object.set(CONFIG_PATH, config.toString({ lineWidth: 0 }));
  return object;
}

function rights(needs: SidecarNeeds, namespace: string): KubeObject[] {
  const { base, gateway, controllerNamespace } = needs;
  const { shared } = namesFor(gateway);
  const role = base.take("Role");
  const binding = base.take("RoleBinding");
  for (const object of [role, binding]) {
    object.set(["metadata", "name"], shared);
    object.set(["metadata", "namespace"], namespace);
  }
  binding.set(["roleRef", "name"], shared);
  binding.set(["subjects", 0, "name"], shared);
  binding.set(["subjects", 0, "namespace"], controllerNamespace);
  return [role, binding];
}

function networkPolicy({ base, gateway, controllerNamespace }: SidecarNeeds): KubeObject {
  const object = base.take("NetworkPolicy");
  object.set(["metadata", "namespace"], controllerNamespace);
  const labels = ["spec", "podSelector", "matchLabels"];
  const owner = "gateway.envoyproxy.io/owning-gateway";
  object.set(["metadata", "name"], namesFor(gateway).shared);
  object.set([...labels, `${owner}-name`], gateway.name);
  object.set([...labels, `${owner}-namespace`], gateway.namespace);
  return object;
}

function envoyProxy(needs: SidecarNeeds): KubeObject {
  const { base, gateway, image } = needs;
  const object = base.take("EnvoyProxy");
  const names = namesFor(gateway);
  object.set(["metadata", "name"], names.gateway);
  object.set(["metadata", "namespace"], gateway.namespace);
  object.set(["spec", "provider", "kubernetes", "envoyServiceAccount", "name"], names.shared);
  const volume = named(object, [...POD_PATH, "volumes"], "warmroute-config");
  object.set([...volume, "configMap", "name"], names.shared);
  const sidecar = named(object, [...POD_PATH, "initContainers"], "sidecar");
  if (image !== null) object.set([...sidecar, "image"], image);
  const env = [...sidecar, "env"];
  const gatewayName = `${gateway.namespace}/${gateway.name}`;
  object.set([...named(object, env, "WARMROUTE_KUBERNETES_GATEWAY"), "value"], gatewayName);
  const namespaces = namespacesOf(needs);
  object.set([...named(object, env, NAMESPACE_VARIABLE + "0"), "value"], namespaces[0]);
  namespaces.slice(1).forEach((value, index) => {
    const end = asList(object.get(env)).length;
    object.set([...env, end], { name: `${NAMESPACE_VARIABLE}${index + 1}`, value });
  });
  return object;
}

function namespacesOf({ pools }: SidecarNeeds): string[] {
  return [...new Set(pools.map((pool) => pool.split("/")[0] ?? ""))];
}

/** The path of the list's entry that has this name. */
function named(object: KubeObject, path: (string | number)[], name: string): (string | number)[] {
  const index = asList(object.get(path)).findIndex((entry) => asObject(entry)["name"] === name);
  if (index >= 0) return [...path, index];
  throw new Error(`manifests/base: ${object.kind} has no ${name} in ${path.join(".")}`);
}

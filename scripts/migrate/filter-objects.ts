// The filter on one listener: the policy that loads it, and the patch for what that cannot say.
import type { Base } from "./base.js";
import { asList, type KubeObject } from "./kube-object.js";
import type { Listener } from "./attachments.js";
import { namesFor } from "./names.js";
import { markMade } from "./sidecar-objects.js";

/** Set by the filter to the request's model, for HTTPRoutes; clients cannot send it. */
export const MODEL_HEADER = "x-gateway-model-name";

/** An image of the filter, pinned: Envoy Gateway refuses another content under the name. */
export interface FilterImage {
  url: string;
  /** 64 hexadecimal digits. */
  sha256: string;
}

/** `pools` are `namespace/name`; the first serves a request whose model none of them has. */
export function filterObjects(
  base: Base,
  listener: Listener,
  pools: readonly string[],
  image: FilterImage | null,
): KubeObject[] {
  const objects = [
    extensionPolicy(base, listener, pools, image),
    patchPolicy(base, listener, image),
  ];
  for (const object of objects) markMade(object);
  return objects;
}

function extensionPolicy(
  base: Base,
  listener: Listener,
  [pool, ...others]: readonly string[],
  image: FilterImage | null,
): KubeObject {
  const object = base.take("EnvoyExtensionPolicy");
  rename(object, listener);
  object.set(["spec", "targetRefs", 0, "name"], listener.gateway.object.name);
  object.set(["spec", "targetRefs", 0, "sectionName"], listener.name);
  object.set(["spec", "wasm", 0, "config", "pool"], pool);
  if (others.length > 0) {
    object.set(["spec", "wasm", 0, "config", "pools"], others);
    object.set(["spec", "wasm", 0, "config", "modelHeader"], MODEL_HEADER);
  }
  if (image !== null) {
    const path = ["spec", "wasm", 0, "code", "image"];
    object.set([...path, "url"], image.url);
    object.set([...path, "sha256"], image.sha256);
  }
  return object;
}

function patchPolicy(base: Base, listener: Listener, image: FilterImage | null): KubeObject {
  const object = base.take("EnvoyPatchPolicy");
  const gateway = listener.gateway.object;
  const filter = base.take("EnvoyExtensionPolicy");
  const oldName = `/${filter.namespace}/${filter.name}/wasm/`;
  const newName = `/${gateway.namespace}/${nameOf(listener)}/wasm/`;
  rename(object, listener);
  object.set(["spec", "targetRef", "name"], gateway.name);
  asList(object.get(["spec", "jsonPatches"])).forEach((_, index) => {
    const patch = ["spec", "jsonPatches", index];
    object.set([...patch, "name"], [gateway.namespace, gateway.name, listener.name].join("/"));
    const path = [...patch, "operation", "jsonPath"];
    const jsonPath = String(object.get(path));
    object.set(path, jsonPath.replaceAll(oldName, newName));
    if (image !== null && jsonPath.endsWith(".vm_id")) {
      object.set([...patch, "operation", "value"], `warmroute-${image.sha256}`);
    }
  });
  return object;
}

function nameOf(listener: Listener): string {
  return namesFor(listener.gateway.object).ofListener(listener.name);
}

function rename(object: KubeObject, listener: Listener): void {
  object.set(["metadata", "name"], nameOf(listener));
  object.set(["metadata", "namespace"], listener.gateway.object.namespace);
}

/** Whether the base still has the digest that no image has: it was never released. */
export function hasPlaceholderDigest(base: Base): boolean {
  const path = ["spec", "wasm", 0, "code", "image", "sha256"];
  return /^0+$/.test(String(base.take("EnvoyExtensionPolicy").get(path)));
}

// Kustomize overlays on the shipped manifests, made as manifests/overlays/example shows.
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { FilterImage } from "./filter-image.js";
import { ROOT } from "./tools.js";

export interface JsonPatch {
  target: { kind: string; name: string };
  operations: { op: "add" | "replace" | "remove" | "test"; path: string; value?: unknown }[];
}

export interface Overlay {
  filter: FilterImage;
  /** Values of the settings besides the images. */
  settings?: Record<string, string>;
  /** Folders below manifests/components besides `settings`. */
  components?: string[];
  /** What a test needs to differ; none for what is to be tested as it is shipped. */
  patches?: JsonPatch[];
}

/** The settings that leave manifests/base as it is. */
const SETTINGS = {
  name: "inference-gateway",
  namespace: "default",
  pool: "vllm-pool",
  service: "vllm",
  servicePort: "8000",
  sidecarImage: "ghcr.io/warmroute/sidecar:0.1.0",
  controllerNamespace: "envoy-gateway-system",
};

/** For what is applied without the settings: an example, as it is shipped but for its image. */
export function imagePatches(filter: FilterImage): JsonPatch[] {
  const image = "/spec/wasm/0/code/image";
  return [
    {
      target: { kind: "EnvoyExtensionPolicy", name: "warmroute" },
      operations: [
        { op: "replace", path: `${image}/url`, value: filter.url },
        { op: "replace", path: `${image}/sha256`, value: filter.sha256 },
      ],
    },
    {
      target: { kind: "EnvoyPatchPolicy", name: "warmroute" },
      operations: [
        {
          op: "replace",
          path: "/spec/jsonPatches/0/operation/value",
          value: `warmroute-${filter.sha256}`,
        },
      ],
    },
  ];
}

/** Writes an overlay on folders of the repository that only changes the filter's image. */
export function writeImageOverlay(
  folder: string,
  resources: string[],
  filter: FilterImage,
): string {
  mkdirSync(folder, { recursive: true });
  write(folder, "kustomization.yaml", {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    sortOptions: { order: "fifo" },
    resources: resources.map((one) => relative(folder, join(ROOT, one))),
    patches: written(imagePatches(filter)),
  });
  return folder;
}

/** Writes the overlay into a new folder and returns it, for `kubectl apply -k`. */
export function writeOverlay(folder: string, overlay: Overlay): string {
  mkdirSync(folder, { recursive: true });
  const { filter, settings = {}, components = [], patches = [] } = overlay;
  const manifests = relative(folder, join(ROOT, "manifests"));
  write(folder, "kustomization.yaml", {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    sortOptions: { order: "fifo" },
    resources: [`${manifests}/base`, "settings.yaml"],
    components: [...components, "settings"].map((name) => `${manifests}/components/${name}`),
    patches: written(patches),
  });
  write(folder, "settings.yaml", {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: "warmroute-settings",
      annotations: { "config.kubernetes.io/local-config": "true" },
    },
    data: {
      ...SETTINGS,
      filterImage: filter.url,
      filterDigest: filter.sha256,
      ...settings,
    },
  });
  return folder;
}

function written(patches: JsonPatch[]): object[] {
  return patches.map(({ target, operations }) => ({
    target,
    patch: JSON.stringify(operations),
  }));
}

/** JSON is YAML. */
function write(folder: string, name: string, content: object): void {
  writeFileSync(join(folder, name), JSON.stringify(content, null, 1));
}

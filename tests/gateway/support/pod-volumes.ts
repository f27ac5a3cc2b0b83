// Writes a pod's volumes as a kubelet does: secrets, config maps, tokens, empty folders.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { KubeError, type KubeApi, type KubeObject } from "./kube-api.js";
import { fieldOf, type Pod, type ProjectedSource, type Volume } from "./pod-spec.js";

/** How long a real kubelet asks a token for, when the pod does not say. */
const TOKEN_SECONDS = 3600;

interface DataObject extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

/** The cluster as a volume needs it. */
export interface VolumeSource {
  api: KubeApi;
  /** The API server's certificate authority, PEM. */
  ca: string;
}

/** Makes the folders of all volumes below `folder`; their paths by the volume's name. */
export async function writeVolumes(
  from: VolumeSource,
  pod: Pod,
  address: string,
  folder: string,
): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const volume of pod.spec.volumes ?? []) {
    const path = join(folder, volume.name);
    mkdirSync(path, { recursive: true });
    paths.set(volume.name, path);
    await fill(from, pod, address, volume, path);
  }
  return paths;
}

/** The config map that a cluster puts into every namespace; the part that does so is not here. */
const ROOT_CA = "kube-root-ca.crt";

/** One key of a Secret of the pod's namespace; null when the Secret or the key is not there. */
export async function secretValue(
  api: KubeApi,
  pod: Pod,
  name: string,
  key: string,
): Promise<string | null> {
  const data = await dataOf(api, pod, "secrets", { name, optional: true });
  return data[key]?.toString("utf8") ?? null;
}

async function fill(
  from: VolumeSource,
  pod: Pod,
  address: string,
  volume: Volume,
  path: string,
): Promise<void> {
  const { secret, configMap, projected } = volume;
  if (secret !== undefined) {
    await project(from, pod, address, { secret: { ...secret, name: secret.secretName } }, path);
  } else if (configMap !== undefined) {
    await project(from, pod, address, { configMap }, path);
  } else if (projected !== undefined) {
    for (const source of projected.sources) await project(from, pod, address, source, path);
  } else if (volume.emptyDir === undefined) {
    const kinds = Object.keys(volume).join(", ");
    throw new Error(`${volume.name}: the rig knows no such volume: ${kinds}`);
  }
}

async function project(
  from: VolumeSource,
  pod: Pod,
  address: string,
  source: ProjectedSource,
  path: string,
): Promise<void> {
  const { serviceAccountToken, configMap, secret, downwardAPI } = source;
  if (serviceAccountToken !== undefined) {
    const { audience, expirationSeconds } = serviceAccountToken;
    const token = await newToken(from.api, pod, audience, expirationSeconds);
    write(path, serviceAccountToken.path, token);
  }
  for (const item of downwardAPI?.items ?? []) {
    write(path, item.path, fieldOf(pod, item.fieldRef.fieldPath, address));
  }
  if (configMap !== undefined) {
    const data =
      configMap.name === ROOT_CA
        ? { "ca.crt": Buffer.from(from.ca) }
        : await dataOf(from.api, pod, "configmaps", configMap);
    writeItems(path, data, configMap.items);
  }
  if (secret !== undefined) {
    writeItems(path, await dataOf(from.api, pod, "secrets", secret), secret.items);
  }
}

/** A real token of the pod's service account, bound to the pod, by the TokenRequest API. */
async function newToken(
  api: KubeApi,
  pod: Pod,
  audience: string | undefined,
  expirationSeconds = TOKEN_SECONDS,
): Promise<string> {
  const { name, namespace, uid } = pod.metadata;
  const account = pod.spec.serviceAccountName ?? "default";
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const spec = {
    audiences: audience === undefined ? [] : [audience],
    expirationSeconds,
    boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
  };
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
  const answer = await api.create<{ status: { token: string } }>(path, body);
  return answer.status.token;
}

async function dataOf(
  api: KubeApi,
  pod: Pod,
  kind: "configmaps" | "secrets",
  source: { name: string; optional?: boolean },
): Promise<Record<string, Buffer>> {
  const path = `/api/v1/namespaces/${pod.metadata.namespace}/${kind}/${source.name}`;
  let object: DataObject;
  try {
    object = await api.get<DataObject>(path);
  } catch (error) {
    if (source.optional === true && error instanceof KubeError && error.status === 404) return {};
    throw error;
  }
  const encoding = kind === "secrets" ? "base64" : "utf8";
  const data: Record<string, Buffer> = {};
  for (const [key, value] of Object.entries(object.data ?? {})) {
    data[key] = Buffer.from(value, encoding);
  }
  for (const [key, value] of Object.entries(object.binaryData ?? {})) {
    data[key] = Buffer.from(value, "base64");
  }
  return data;
}

function writeItems(
  folder: string,
  data: Record<string, Buffer>,
  items: { key: string; path: string }[] | undefined,
): void {
  for (const { key, path } of items ?? Object.keys(data).map((key) => ({ key, path: key }))) {
    const value = data[key];
    if (value === undefined) throw new Error(`${folder}: there is no key ${key}`);
    write(folder, path, value);
  }
}

function write(folder: string, path: string, data: Buffer | string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, data);
}

// What the kubelet stand-in reads of a Pod, and what it makes of a container: one command to run.
import type { KubeObject } from "./kube-api.js";

export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: { podIP?: string; phase?: string };
}

export interface PodSpec {
  nodeName?: string;
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  initContainers?: Container[];
  containers: Container[];
  volumes?: Volume[];
  terminationGracePeriodSeconds?: number;
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  restartPolicy?: string;
  env?: EnvVar[];
  volumeMounts?: { name: string; mountPath: string; subPath?: string }[];
  ports?: { name?: string; containerPort: number }[];
  startupProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop?: Probe & { exec?: { command: string[] } } };
}

export interface Probe {
  httpGet?: { path?: string; port: number | string };
}

interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: {
    fieldRef?: { fieldPath: string };
    secretKeyRef?: { name: string; key: string; optional?: boolean };
  };
}

interface Item {
  key: string;
  path: string;
}

export interface Volume {
  name: string;
  emptyDir?: object;
  secret?: { secretName: string; items?: Item[]; optional?: boolean };
  configMap?: { name: string; items?: Item[]; optional?: boolean };
  projected?: { sources: ProjectedSource[] };
}

export interface ProjectedSource {
  serviceAccountToken?: { path: string; audience?: string; expirationSeconds?: number };
  configMap?: { name: string; items?: Item[] };
  secret?: { name: string; items?: Item[] };
  downwardAPI?: { items: { path: string; fieldRef: { fieldPath: string } }[] };
}

/** One container as it is started. */
export interface Plan {
  container: Container;
  command: string[];
  env: Record<string, string>;
}

/** What stands for the image of a container: the program that its entry point or command names. */
export type Images = (image: string, program: string) => string[];

/** The value of a fieldRef; the pod's address is not in its status yet when it starts. */
export function fieldOf(pod: Pod, path: string, address: string): string {
  if (path === "status.podIP" || path === "status.hostIP") return address;
  if (path === "spec.nodeName") return NODE_NAME;
  if (path === "spec.serviceAccountName") return pod.spec.serviceAccountName ?? "default";
  const keyed = /^metadata\.(annotations|labels)\['(.*)'\]$/.exec(path);
  if (keyed !== null) {
    return pod.metadata[keyed[1] as "labels" | "annotations"]?.[keyed[2] as string] ?? "";
  }
  const plain = /^metadata\.(name|namespace|uid)$/.exec(path)?.[1];
  if (plain === undefined) throw new Error(`the rig knows no fieldRef ${path}`);
  return pod.metadata[plain as "name" | "namespace" | "uid"] ?? "";
}

export const NODE_NAME = "node-0";

/** What a plan needs beside the pod. */
export interface PlanSource {
  images: Images;
  /** The pod's own. */
  address: string;
  /** Variables that every container of the cluster has. */
  env: Record<string, string>;
  /** The value of a key of a Secret of the pod's namespace; null when there is none. */
  secret: (name: string, key: string) => Promise<string | null>;
}

/** The command line of a container as a kubelet would make it: $(NAME) and the image's program. */
export async function planOf(pod: Pod, container: Container, from: PlanSource): Promise<Plan> {
  const env: Record<string, string> = { ...from.env };
  for (const entry of container.env ?? []) {
    const value = await valueOf(pod, entry, from);
    if (value !== null) env[entry.name] = value;
  }
  const substitute = (text: string): string =>
    text.replace(/\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (all, name: string) => env[name] ?? all);
  const [program = "", ...rest] = (container.command ?? []).map(substitute);
  const start = from.images(container.image, program);
  return {
    container,
    command: [...start, ...rest, ...(container.args ?? []).map(substitute)],
    env,
  };
}

/** Null leaves the variable out. */
async function valueOf(pod: Pod, entry: EnvVar, from: PlanSource): Promise<string | null> {
  const { fieldRef, secretKeyRef } = entry.valueFrom ?? {};
  if (entry.valueFrom === undefined) return entry.value ?? "";
  if (fieldRef !== undefined) return fieldOf(pod, fieldRef.fieldPath, from.address);
  if (secretKeyRef !== undefined) {
    const { name, key, optional } = secretKeyRef;
    const value = await from.secret(name, key);
    if (value === null && optional !== true) throw new Error(`there is no key ${key} in ${name}`);
    return value;
  }
  const kinds = Object.keys(entry.valueFrom).join(", ");
  throw new Error(`the rig knows no source of the variable ${entry.name}: ${kinds}`);
}

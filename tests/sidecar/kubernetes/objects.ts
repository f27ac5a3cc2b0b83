// Objects as the API server sends them, with what a test says in place of the usual.
import {
  type Custom,
  type Pod,
  slimCustom,
  slimPod,
} from "../../../sidecar-metrics/src/discovery/kubernetes/objects.js";

export const V1 = "inference.networking.k8s.io/v1";
export const ALPHA2 = "inference.networking.x-k8s.io/v1alpha2";

export interface PodParts {
  name?: string;
  ips?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ready?: "True" | "False" | "Unknown";
  phase?: string;
  created?: string;
  isLeaving?: boolean;
}

export function rawPod(parts: PodParts = {}) {
  const { name = "a", ips = ["10.0.0.1"], labels = { app: "p" }, annotations = {} } = parts;
  const leaving = parts.isLeaving === true ? { deletionTimestamp: "2026-01-02T00:00:00Z" } : {};
  return {
    metadata: {
      name,
      namespace: "default",
      uid: `uid-${name}`,
      resourceVersion: "7",
      creationTimestamp: parts.created ?? "2026-01-01T00:00:00Z",
      labels,
      annotations,
      managedFields: [{ manager: "kubelet" }],
      ...leaving,
    },
    spec: { containers: [{ name: "vllm" }] },
    status: {
      phase: parts.phase ?? "Running",
      ...(ips.length > 0 ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : {}),
      conditions: [
        { type: "PodScheduled", status: "True" },
        { type: "Ready", status: parts.ready ?? "True" },
      ],
    },
  };
}

export function pod(parts: PodParts = {}): Pod {
  return slimPod(rawPod(parts));
}

export interface CustomParts {
  name?: string;
  created?: string;
  uid?: string;
  annotations?: Record<string, string>;
  version?: string;
}

export function custom(kind: string, spec: object, parts: CustomParts = {}): Custom {
  const { name = "p", created = "2026-01-01T00:00:00Z", uid = "u", annotations = {} } = parts;
  const metadata = { name, namespace: "default", uid, creationTimestamp: created, annotations };
  return slimCustom({ metadata, spec }, parts.version ?? ALPHA2, kind);
}

export const POOL_SPEC = {
  selector: { matchLabels: { app: "p" } },
  targetPorts: [{ number: 8000 }],
};

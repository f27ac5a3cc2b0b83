// The component `tls-pods`: Envoy and the sidecar speak TLS to the pods, and check who they are.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { prose, send, type Answer } from "../../e2e/support/rig.js";
import { GATEWAY_NAMESPACE } from "../support/addresses.js";
import { makeCertificate } from "../support/certificate.js";
import type { Condition, KubeObject } from "../support/kube-api.js";
import { CHAT, createModelPod, shortChat } from "../support/world.js";
import { until } from "./client.js";
import { get } from "./the-world.js";

/** The name in the component's 53-backend-tls.yaml. */
const HOST = "vllm.example";
const POD = "tls-1";
const POOL = "tls-pool";
const SERVICE = "vllm-tls";
const POLICIES = "/apis/gateway.networking.k8s.io/v1/namespaces/default/backendtlspolicies";

interface Policy extends KubeObject {
  status?: { ancestors?: { conditions: Condition[] }[] };
}

const objects = (ca: string): object[] => [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: SERVICE, namespace: "default" },
    spec: { selector: { app: SERVICE }, ports: [{ port: 8000, targetPort: 8000 }] },
  },
  {
    apiVersion: "inference.networking.k8s.io/v1",
    kind: "InferencePool",
    metadata: { name: POOL, namespace: "default" },
    spec: {
      selector: { matchLabels: { app: SERVICE } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: "unused", port: { number: 9002 } },
    },
  },
  ...["default", GATEWAY_NAMESPACE].map((namespace) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "vllm-ca", namespace },
    data: { "ca.crt": ca },
  })),
];

const ask = (): Promise<Answer> => send(get().llm + CHAT, shortChat(prose("by TLS", 2000)));

describe("pods that speak TLS", () => {
  before(async () => {
    const { rig } = get();
    const { ca, cert, key } = await makeCertificate(join(rig.folder, "tls"), HOST);
    rig.modelTls = { cert, key };
    const annotations = { "test/tls": "true" };
    await createModelPod(rig, POD, { labels: { app: SERVICE }, annotations });
    const list = { apiVersion: "v1", kind: "List", items: objects(ca) };
    await rig.kubectl(["apply", "-f", "-"], JSON.stringify(list));
    const old = rig.envoy;
    await get().apply({ components: ["tls-pods"], settings: { pool: POOL, service: SERVICE } });
    await until("an Envoy pod with the authority is ready", () => rig.envoy !== old);
  });
  after(async () => {
    const { api } = get().rig;
    await api.remove(`${POLICIES}/vllm`);
    // The next theme's manifests lead elsewhere; the pods' own objects go now.
    const gone = ["pods/tls-1", `services/${SERVICE}`, "configmaps/vllm-ca"];
    for (const path of gone) await api.remove(`/api/v1/namespaces/default/${path}`);
    const pools = "/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools";
    await api.remove(`${pools}/${POOL}`);
  });

  test("are answered through the filter, by a certificate for their name", async () => {
    await until("a request is answered", async () => (await ask()).status === 200);
    assert.equal((await ask()).pod, POD);
  });

  test("the policy is accepted", async () => {
    await until("the status is written", async () => {
      const { status } = await get().rig.api.get<Policy>(`${POLICIES}/vllm`);
      const conditions = (status?.ancestors ?? []).flatMap((one) => one.conditions);
      return conditions.length > 0 && conditions.every((one) => one.status === "True");
    });
  });

  test("the sidecar scrapes them by TLS, with the same authority and name", async () => {
    await until("the pod's load is known", async () => {
      const { pods } = await get().pool(`default/${POOL}`);
      return pods.length === 1 && pods[0]?.state === "ok" && pods[0].mayBePicked;
    });
  });
});

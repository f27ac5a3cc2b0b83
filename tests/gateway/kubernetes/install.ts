// What the API server, the gateway and the account of the sidecar say after `kubectl apply -k`.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GATEWAY_NAMESPACE } from "../support/addresses.js";
import type { Condition, KubeObject } from "../support/kube-api.js";
import type { Pod } from "../support/pod-spec.js";
import { tryKubectl } from "../support/kubectl.js";
import { POOL, type World } from "../support/world.js";
import { until } from "./client.js";
import { get } from "./the-world.js";

interface WithStatus extends KubeObject {
  status?: {
    conditions?: Condition[];
    parents?: { conditions: Condition[] }[];
    ancestors?: { conditions: Condition[] }[];
    listeners?: { conditions: Condition[] }[];
  };
}

const GATEWAY_API = "apis/gateway.networking.k8s.io/v1";
const ENVOY_API = "apis/gateway.envoyproxy.io/v1alpha1";
/** By kind: the condition types that must all be there, and be True. */
const STATUSES: [path: string, types: string[]][] = [
  [`${GATEWAY_API}/gatewayclasses`, ["Accepted"]],
  [`${GATEWAY_API}/gateways`, ["Accepted", "Programmed", "ResolvedRefs"]],
  [`${GATEWAY_API}/httproutes`, ["Accepted", "ResolvedRefs"]],
  [`${ENVOY_API}/clienttrafficpolicies`, ["Accepted"]],
  [`${ENVOY_API}/backendtrafficpolicies`, ["Accepted"]],
  [`${ENVOY_API}/envoyextensionpolicies`, ["Accepted"]],
  [`${ENVOY_API}/envoypatchpolicies`, ["Accepted", "Programmed"]],
];
const ACCOUNT = `system:serviceaccount:${GATEWAY_NAMESPACE}:`;

describe("installing", () => {
  for (const [path, types] of STATUSES) {
    test(`all ${path.split("/").pop()} are ${types.join(", ")}`, async () => {
      await until("the statuses are written", async () => (await untrue(get(), path)) === "");
      const objects = await get().rig.api.items<WithStatus>(`/${path}`);
      assert.ok(objects.length > 0);
      const seen = new Set(objects.flatMap(conditionsOf).map(({ type }) => type));
      for (const type of types) assert.ok(seen.has(type), `${type} of ${[...seen].join(", ")}`);
    });
  }

  test("the gateway's own pod holds the sidecar beside Envoy", async () => {
    const pods = await get().rig.api.items<Pod>(`/api/v1/namespaces/${GATEWAY_NAMESPACE}/pods`);
    assert.equal(pods.length, 1);
    const { initContainers = [], containers } = (pods[0] as Pod).spec;
    const names = [...initContainers, ...containers].map(({ name }) => name);
    assert.deepEqual(names.sort(), ["envoy", "shutdown-manager", "sidecar"]);
  });

  test("the sidecar lists the pool's pods, read with the shipped rights", async () => {
    const { pods } = await get().pool();
    assert.deepEqual(pods.map(({ address }) => address).sort(), [
      "10.77.0.11:8000",
      "10.77.0.12:8000",
      "10.77.0.13:8000",
    ]);
  });

  test("the sidecar's account may read pods of the pool's namespace, and no more", async () => {
    const [pod] = await get().rig.api.items<Pod>(`/api/v1/namespaces/${GATEWAY_NAMESPACE}/pods`);
    const account = ACCOUNT + (pod as Pod).spec.serviceAccountName;
    const [namespace = ""] = POOL.split("/");
    const asked: [string[], boolean][] = [
      [["list", "pods", "-n", namespace], true],
      [["watch", "inferencepools.inference.networking.k8s.io", "-n", namespace], true],
      [["delete", "pods", "-n", namespace], false],
      [["get", "secrets", "-n", namespace], false],
      [["get", "secrets", "-n", GATEWAY_NAMESPACE], false],
      [["list", "pods", "-n", "kube-system"], false],
      [["list", "nodes"], false],
    ];
    for (const [what, isAllowed] of asked) {
      const args = ["auth", "can-i", ...what, "--as", account];
      const { stdout } = await tryKubectl(get().rig.server.kubeconfigPath, args);
      assert.equal(stdout.trim(), isAllowed ? "yes" : "no", what.join(" "));
    }
  });

  test("from kubectl apply to a routed request, as measured", () => {
    console.log(`figure: kubectl apply -k to a routed request: ${seconds(get().firstAnswerMs)}`);
  });
});
function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function conditionsOf({ status }: WithStatus): Condition[] {
  const { conditions = [], parents = [], ancestors = [], listeners = [] } = status ?? {};
  const below = [...parents, ...ancestors, ...listeners].flatMap((one) => one.conditions);
  return [...conditions, ...below];
}

/** The conditions that are not True, and objects without any; "" when all is well. */
async function untrue(world: World, path: string): Promise<string> {
  const objects = await world.rig.api.items<WithStatus>(`/${path}`);
  return objects
    .flatMap((object) => {
      const conditions = conditionsOf(object);
      if (conditions.length === 0) return [`${object.metadata.name}: no condition`];
      return conditions
        .filter(({ status }) => status !== "True")
        .map(({ type, message }) => `${object.metadata.name}: ${type}: ${message}`);
    })
    .join("\n");
}

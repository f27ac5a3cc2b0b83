// Other layouts than the articles': several listeners, several pools, lists, unknown kinds.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json } from "../../scripts/migrate/kube-object.js";
import { at, migrateText, printed } from "./support/run.js";

describe("two listeners of one Gateway, in a List", () => {
  const POOL_AND_MORE = `# The team's own comment.
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: llm}
- apiVersion: gateway.networking.k8s.io/v1
  kind: Gateway
  metadata: {name: gw}
  spec:
    gatewayClassName: gw
    listeners:
    - {name: a, protocol: HTTP, port: 8081}
    - {name: b, protocol: HTTP, port: 8082} # for batches
- apiVersion: inference.networking.k8s.io/v1
  kind: InferencePool
  metadata:
    name: one
    annotations: {inference.networking.k8s.io/attach-to: "{name: gw, port: 8081}"}
  spec: {selector: {matchLabels: {app: one}}, targetPorts: [{number: 8000}, {number: 8001}]}
- apiVersion: inference.networking.k8s.io/v1
  kind: InferencePool
  metadata:
    name: two
  spec: {selector: {matchLabels: {app: two}}, targetPorts: [{number: 8000}]}
- apiVersion: gateway.networking.k8s.io/v1
  kind: HTTPRoute
  metadata: {name: two-b}
  spec:
    parentRefs: [{name: gw, port: 8082}]
    rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: two}]}]
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: two}
  spec:
    template:
      metadata: {labels: {app: two, extra: "1"}}
      spec: {containers: [{name: vllm, ports: [{name: api, containerPort: 8000}]}]}
- apiVersion: v1
  kind: Service
  metadata: {name: two-svc}
  spec: {selector: {app: two}, ports: [{port: 80, targetPort: api}]}
- apiVersion: example.com/v1
  kind: Thing
  metadata: {name: thing}
`;
  const migration = migrateText(POOL_AND_MORE, { namespace: "llm" });
  const objects = printed(migration);

  test("comments stay, and namespaces come first", () => {
    assert.match(migration.yaml ?? "", /^# The team's own comment\.\n/);
    assert.match(migration.yaml ?? "", /# for batches/);
    assert.equal([...objects.keys()][0], "Namespace llm");
  });

  test("a kind that is not known is printed as it is, with a hint", () => {
    assert.deepEqual(objects.get("Thing thing"), {
      apiVersion: "example.com/v1",
      kind: "Thing",
      metadata: { name: "thing" },
    });
    assert.match(migration.findings.lines().join("\n"), /Thing llm\/thing: this kind is not known/);
  });

  test("each listener has a filter with its own pool", () => {
    for (const [listener, pool] of [
      ["a", "llm/one"],
      ["b", "llm/two"],
    ]) {
      const policy = objects.get(`EnvoyExtensionPolicy llm/warmroute-gw-${listener}`);
      assert.equal(at(policy, "spec.targetRefs.0.sectionName"), listener);
      assert.equal(at(policy, "spec.wasm.0.config.pool"), pool);
      assert.ok(objects.has(`EnvoyPatchPolicy llm/warmroute-gw-${listener}`));
    }
  });

  test("a pool with two ports leads to both ports of its Service", () => {
    assert.deepEqual(at(objects.get("HTTPRoute llm/one-a"), "spec.rules.0.backendRefs"), [
      { name: "one", port: 8000 },
      { name: "one", port: 8001 },
    ]);
  });

  test("a Service with a named target port is found by the pods' own names", () => {
    assert.deepEqual(at(objects.get("HTTPRoute llm/two-b"), "spec.rules.0.backendRefs"), [
      { group: "", kind: "Service", name: "two-svc", port: 80 },
    ]);
    assert.ok(!objects.has("Service llm/two"));
  });
});

describe("objects as the API server gives them", () => {
  const SERVED = `apiVersion: v1
kind: List
items:
- apiVersion: gateway.networking.k8s.io/v1
  kind: Gateway
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"kind": "Gateway"}
    creationTimestamp: "2026-01-02T03:04:05Z"
    generation: 3
    name: gw
    namespace: llm
    resourceVersion: "77"
    uid: 0b0f6f5e
  spec:
    gatewayClassName: gw
    listeners: [{name: http, protocol: HTTP, port: 8080}]
  status: {conditions: []}
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    annotations: {mine: "1", kubectl.kubernetes.io/last-applied-configuration: "{}"}
    name: vllm
    namespace: llm
  spec: {template: {metadata: {creationTimestamp: null}}}
metadata: {resourceVersion: ""}
`;

  test("lose what only the server writes, and nothing else", () => {
    const objects = printed(migrateText(SERVED));
    assert.deepEqual(objects.get("Gateway llm/gw"), {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "gw", namespace: "llm" },
      spec: {
        gatewayClassName: "gw",
        listeners: [{ name: "http", protocol: "HTTP", port: 8080 }],
      },
    });
    assert.deepEqual(objects.get("Deployment llm/vllm"), {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { annotations: { mine: "1" }, name: "vllm", namespace: "llm" },
      spec: { template: { metadata: { creationTimestamp: null } } },
    });
  });
});

describe("two pools on one port", () => {
  const attach = 'inference.networking.x-k8s.io/attach-to: "{name: gw, port: 8081}"';
  const pool = (name: string): string => `---
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: InferencePool
metadata: {name: ${name}, annotations: {${attach}}}
spec: {selector: {app: ${name}}, targetPortNumber: 8000}
`;
  const model = (name: string, its: string): string => `---
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: InferenceModel
metadata: {name: ${name}}
spec: {modelName: ${name}, poolRef: {name: ${its}}, criticality: Standard}
`;
  const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: gw
  listeners: [{name: a, protocol: HTTP, port: 8081}, {name: b, protocol: HTTP, port: 8082}]
`;

  test("the model decides: the second pool's route asks for its models' header", () => {
    const yaml = gateway + pool("one") + pool("two") + model("m1", "one") + model("m2", "two");
    const objects = printed(migrateText(yaml));
    assert.deepEqual(at(objects.get("HTTPRoute default/one-a"), "spec.rules.0.matches"), [
      { path: { type: "PathPrefix", value: "/" } },
    ]);
    assert.deepEqual(at(objects.get("HTTPRoute default/two-a"), "spec.rules.0.matches"), [
      { headers: [{ name: "x-gateway-model-name", value: "m2" }] },
    ]);
    const config = at(
      objects.get("EnvoyExtensionPolicy default/warmroute-gw-a"),
      "spec.wasm.0.config",
    ) as Json;
    assert.equal(config["pool"], "default/one");
    assert.deepEqual(config["pools"], ["default/two"]);
    assert.equal(config["modelHeader"], "x-gateway-model-name");
  });

  test("pools in two namespaces: the sidecar reads both, with rights in each", () => {
    const there = pool("two").replace("name: two,", "name: two, namespace: other,");
    const objects = printed(
      migrateText(
        gateway +
          pool("one") +
          there.replace("{name: gw,", "{name: gw, namespace: default,") +
          model("m2", "two").replace("{name: m2}", "{name: m2, namespace: other}"),
      ),
    );
    const sidecar = at(
      objects.get("EnvoyProxy default/warmroute-gw"),
      "spec.provider.kubernetes.envoyDeployment.patch.value.spec.template.spec.initContainers.0",
    ) as Json;
    const env = sidecar["env"] as Json[];
    const read = env.filter(({ name }) => String(name).includes("NAMESPACES"));
    assert.deepEqual(
      read.map(({ name, value }) => [name, value]),
      [
        ["WARMROUTE_KUBERNETES_NAMESPACES_0", "default"],
        ["WARMROUTE_KUBERNETES_NAMESPACES_1", "other"],
      ],
    );
    for (const namespace of ["default", "other"]) {
      assert.ok(objects.has(`Role ${namespace}/warmroute-default-gw`));
      assert.ok(objects.has(`RoleBinding ${namespace}/warmroute-default-gw`));
    }
    assert.deepEqual(at(objects.get("HTTPRoute other/two-a"), "spec.parentRefs"), [
      { name: "gw", namespace: "default", sectionName: "a" },
    ]);
  });

  test("a second pool without models is an error: nothing could lead to it", () => {
    const { yaml, findings } = migrateText(gateway + pool("one") + pool("two"));
    assert.equal(yaml, null);
    assert.match(findings.lines().join("\n"), /in\.yaml:13: InferencePool default\/two: another/);
  });

  test("pools attached to two ports are an error: the sidecar knows one", () => {
    const other = pool("two").replace("8081", "8082");
    const { yaml, findings } = migrateText(gateway + pool("one") + other);
    assert.equal(yaml, null);
    assert.match(findings.lines().join("\n"), /default\/two: attached to port 8082, another pool/);
  });

  test("a pool whose name the filter cannot take is an error", () => {
    const { findings } = migrateText(gateway + pool("p".repeat(60)));
    assert.match(findings.lines().join("\n"), /has 68 characters; the filter takes 63 at most/);
  });
});

// Both sets of the articles as warmroute's objects, one by one against what a person expects.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { projectPath } from "../../scripts/config/project.js";
import type { Json } from "../../scripts/migrate/kube-object.js";
import { migrate } from "../../scripts/migrate/migrate.js";
import { at, byLabel, DIGEST, OPTIONS, printed, QWEN, QWQ } from "./support/run.js";

const MADE = { "app.kubernetes.io/managed-by": "warmroute-migrate" };
const GATEWAY_GROUP = "gateway.networking.k8s.io";

/** What the migration leaves alone, apart from writing the namespace out. */
function expectKept(objects: Map<string, Json>, given: Map<string, Json>, labels: string[]): void {
  for (const label of labels) {
    const [kind = "", full = ""] = label.split(" ");
    const name = full.split("/")[1] ?? "";
    const source = given.get(`${kind} ${name}`) ?? given.get(label);
    assert.ok(source !== undefined, label);
    const metadata = { ...(source["metadata"] as Json), namespace: "default" };
    assert.deepEqual(objects.get(label), { ...source, metadata }, label);
  }
}

function base(file: string): Json {
  return parse(readFileSync(projectPath("manifests", "base", file), "utf8")) as Json;
}

function givenOf(files: { text: string }[]): Map<string, Json> {
  return new Map(files.flatMap((file) => [...byLabel(file.text)]));
}

describe("QwQ-32B: a pool attached by annotation, to port 8081", () => {
  const objects = printed(migrate(QWQ, OPTIONS));
  const given = givenOf(QWQ);

  test("these objects, what others name first", () => {
    assert.deepEqual(
      [...objects.keys()],
      [
        "ConfigMap envoy-gateway-system/warmroute-default-inference-gateway",
        "Role default/warmroute-default-inference-gateway",
        "RoleBinding default/warmroute-default-inference-gateway",
        "NetworkPolicy envoy-gateway-system/warmroute-default-inference-gateway",
        "EnvoyProxy default/warmroute-inference-gateway",
        "Deployment default/qwq-32b",
        "Service default/qwq-32b-v1",
        "GatewayClass inference-gateway",
        "Gateway default/inference-gateway",
        "HTTPRoute default/backend",
        "InferencePool default/reasoning-pool",
        "InferenceModel default/inferencemodel-sample",
        "Deployment default/vllm-benchmark",
        "HTTPRoute default/reasoning-pool-llm-gw",
        "ClientTrafficPolicy default/warmroute-inference-gateway",
        "BackendTrafficPolicy default/warmroute-inference-gateway-llm-gw",
        "EnvoyExtensionPolicy default/warmroute-inference-gateway-llm-gw",
        "EnvoyPatchPolicy default/warmroute-inference-gateway-llm-gw",
      ],
    );
  });

  test("Deployments, Service, route of 8080, pool and model are as given", () => {
    expectKept(objects, given, [
      "Deployment default/qwq-32b",
      "Service default/qwq-32b-v1",
      "HTTPRoute default/backend",
      "InferencePool default/reasoning-pool",
      "InferenceModel default/inferencemodel-sample",
      "Deployment default/vllm-benchmark",
    ]);
    const label = "GatewayClass inference-gateway";
    assert.deepEqual(objects.get(label), given.get(label));
  });

  test("the Gateway keeps its name and listeners and gets our EnvoyProxy", () => {
    assert.deepEqual(objects.get("Gateway default/inference-gateway"), {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "inference-gateway", namespace: "default" },
      spec: {
        gatewayClassName: "inference-gateway",
        listeners: [
          { name: "http", protocol: "HTTP", port: 8080 },
          { name: "llm-gw", protocol: "HTTP", port: 8081 },
        ],
        infrastructure: {
          parametersRef: {
            group: "gateway.envoyproxy.io",
            kind: "EnvoyProxy",
            name: "warmroute-inference-gateway",
          },
        },
      },
    });
  });

  test("the annotation attach-to becomes a route from 8081 to the Service with the pods", () => {
    assert.deepEqual(objects.get("HTTPRoute default/reasoning-pool-llm-gw"), {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: {
        name: "reasoning-pool-llm-gw",
        namespace: "default",
        annotations: { "warmroute/pool": "default/reasoning-pool" },
        labels: MADE,
      },
      spec: {
        parentRefs: [{ name: "inference-gateway", sectionName: "llm-gw" }],
        rules: [
          {
            matches: [{ path: { type: "PathPrefix", value: "/" } }],
            backendRefs: [{ name: "qwq-32b-v1", port: 8000 }],
          },
        ],
      },
    });
  });

  test("the filter is on llm-gw alone, with the pool and the image asked for", () => {
    const policy = objects.get("EnvoyExtensionPolicy default/warmroute-inference-gateway-llm-gw");
    const expected = base("60-filter.yaml");
    const spec = expected["spec"] as { targetRefs: unknown; wasm: [Json] };
    spec.targetRefs = [
      { group: GATEWAY_GROUP, kind: "Gateway", name: "inference-gateway", sectionName: "llm-gw" },
    ];
    spec.wasm[0]["code"] = {
      type: "Image",
      image: { url: "registry.example/filter:1", sha256: DIGEST },
    };
    (spec.wasm[0]["config"] as Json)["pool"] = "default/reasoning-pool";
    assert.deepEqual(policy?.["spec"], spec);
  });

  test("the patch finds this filter on this listener, and has a vm_id of its own", () => {
    const policy = objects.get("EnvoyPatchPolicy default/warmroute-inference-gateway-llm-gw");
    const patches = at(policy, "spec.jsonPatches") as { name: string; operation: Json }[];
    const wanted = (base("61-filter-patch.yaml")["spec"] as { jsonPatches: unknown[] }).jsonPatches;
    assert.equal(patches.length, wanted.length);
    for (const { name, operation } of patches) {
      assert.equal(name, "default/inference-gateway/llm-gw");
      const filter =
        "'^envoy.filters.http.wasm/.*/default/warmroute-inference-gateway-llm-gw/wasm/0$'";
      assert.ok(String(operation["jsonPath"]).includes(`[?(@.name =~ ${filter})]`));
    }
    assert.equal(patches[0]?.operation["value"], `warmroute-${DIGEST}`);
  });

  test("the sidecar serves this Gateway's port, with rights for the pool's namespace", () => {
    const name = "warmroute-default-inference-gateway";
    const config = objects.get(`ConfigMap envoy-gateway-system/${name}`);
    const data = at(config, "data") as Record<string, string>;
    assert.deepEqual(parse(data["sidecar.yaml"] ?? ""), {
      listen: { host: "0.0.0.0", port: 9110 },
      kubernetes: { port: 8081 },
    });
    const binding = objects.get(`RoleBinding default/${name}`);
    assert.deepEqual(at(binding, "subjects"), [
      { kind: "ServiceAccount", name, namespace: "envoy-gateway-system" },
    ]);
    assert.equal(at(binding, "roleRef.name"), name);
    const proxy = objects.get("EnvoyProxy default/warmroute-inference-gateway");
    const kubernetes = at(proxy, "spec.provider.kubernetes") as Json;
    assert.equal(at(kubernetes, "envoyServiceAccount.name"), name);
    const pod = at(kubernetes, "envoyDeployment.patch.value.spec.template.spec") as Json;
    assert.deepEqual(at(pod, "volumes.0"), { name: "warmroute-config", configMap: { name } });
    const env = at(pod, "initContainers.0.env") as Json[];
    assert.deepEqual(env.slice(-2), [
      { name: "WARMROUTE_KUBERNETES_NAMESPACES_0", value: "default" },
      { name: "WARMROUTE_KUBERNETES_GATEWAY", value: "default/inference-gateway" },
    ]);
  });
});

describe("DeepSeek-R1-Distill-Qwen-7B: a route that leads to a pool", () => {
  const objects = printed(migrate(QWEN, OPTIONS));
  const given = givenOf(QWEN);

  test("the pods of the pool get a Service, because no file has one", () => {
    assert.deepEqual(objects.get("Service default/vllm-qwen-pool"), {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "vllm-qwen-pool", namespace: "default", labels: MADE },
      spec: {
        selector: { app: "qwen" },
        ports: [{ name: "http-8000", port: 8000, targetPort: 8000, protocol: "TCP" }],
      },
    });
  });

  test("the route of 8081 leads to that Service", () => {
    assert.deepEqual(objects.get("HTTPRoute default/qwen-backend"), {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: {
        name: "qwen-backend",
        namespace: "default",
        annotations: { "warmroute/pool": "default/vllm-qwen-pool" },
      },
      spec: {
        parentRefs: [{ name: "qwen-inference-gateway", sectionName: "llm-gw" }],
        rules: [
          {
            backendRefs: [{ group: "", kind: "Service", name: "vllm-qwen-pool", port: 8000 }],
            matches: [{ path: { type: "PathPrefix", value: "/" } }],
          },
        ],
      },
    });
  });

  test("what else was given is kept, the pool with its extensionRef too", () => {
    expectKept(objects, given, [
      "InferencePool default/vllm-qwen-pool",
      "InferenceModel default/inferencemodel-qwen",
      "HTTPRoute default/qwen-backend-no-inference",
      "BackendTrafficPolicy default/backend-timeout",
      "Deployment default/vllm-benchmark",
    ]);
  });

  test("on llm-gw our policy stands for the Gateway's, with its timeout of 1 h", () => {
    const policy = objects.get(
      "BackendTrafficPolicy default/warmroute-qwen-inference-gateway-llm-gw",
    );
    assert.deepEqual(at(policy, "spec.targetRefs"), [
      {
        group: GATEWAY_GROUP,
        kind: "Gateway",
        name: "qwen-inference-gateway",
        sectionName: "llm-gw",
      },
    ]);
    assert.equal(at(policy, "spec.timeout.http.requestTimeout"), "1h");
    assert.deepEqual(at(policy, "spec.loadBalancer"), {
      type: "LeastRequest",
      endpointOverride: { extractFrom: [{ header: "x-gateway-destination-endpoint" }] },
    });
  });

  test("our names follow the Gateway's, so that both sets fit into one cluster", () => {
    const qwq = printed(migrate(QWQ, OPTIONS));
    const shared = [...objects.keys()].filter((label) => qwq.has(label));
    assert.deepEqual(shared, ["Deployment default/vllm-benchmark"]);
  });
});

describe("every migration", () => {
  for (const [name, files] of Object.entries({ QWQ, QWEN })) {
    test(`${name}: migrating the result changes nothing`, () => {
      const once = migrate(files, OPTIONS).yaml ?? "";
      assert.equal(migrate([{ name: "once.yaml", text: once }], OPTIONS).yaml, once);
    });
  }

  test("pasted commands are read as the files that they hold", () => {
    const paste = QWQ.map(({ text }) => `$ kubectl apply -f- <<EOF\n${text}EOF\n\nThen wait.\n`);
    const text = `# Step 2\n\n${paste.join("\n")}`;
    const { yaml } = migrate([{ name: "paste.txt", text }], OPTIONS);
    assert.deepEqual(byLabel(yaml ?? ""), printed(migrate(QWQ, OPTIONS)));
  });

  test("--service leads the wrong route of the QwQ article to the Service that it deploys", () => {
    const services = new Map([["vllm-llama2-7b-pool", "qwq-32b-v1"]]);
    const migration = migrate(QWQ, { ...OPTIONS, services });
    assert.deepEqual(
      at(printed(migration).get("HTTPRoute default/backend"), "spec.rules.0.backendRefs"),
      [{ group: "", kind: "Service", name: "qwq-32b-v1", port: 8000 }],
    );
    assert.ok(!migration.findings.lines().some((line) => line.includes("is not in the files")));
  });
});

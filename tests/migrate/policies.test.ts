// Where a user's policies and ours meet: whose value stands in the end, and in which object.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { migrate } from "../../scripts/migrate/migrate.js";
import { at, OPTIONS, printed, QWEN } from "./support/run.js";

const BACKEND = "BackendTrafficPolicy";
const OURS = "default/warmroute-qwen-inference-gateway-llm-gw";
const HEADER = "x-gateway-destination-endpoint";

/** The Qwen set with another policy in place of its own. */
function withPolicy(kind: string, targetRefs: string, spec: string): ReturnType<typeof migrate> {
  const files = QWEN.map((file) => ({
    ...file,
    text: file.text.replace(/---\napiVersion: gateway\.envoyproxy\.io\/v1alpha1[^]*$/, ""),
  }));
  const policy = `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ${kind}
metadata: {name: mine}
spec:
  targetRefs: [${targetRefs}]
${spec.replaceAll(/^/gm, "  ")}
`;
  return migrate([...files, { name: "policy.yaml", text: policy }], OPTIONS);
}

const GATEWAY = "{group: gateway.networking.k8s.io, kind: Gateway, name: qwen-inference-gateway}";
const LISTENER = GATEWAY.replace("}", ", sectionName: llm-gw}");
const ROUTE = "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: qwen-backend}";

describe("BackendTrafficPolicy", () => {
  test("of the Gateway: it stays as it is, and ours for llm-gw has its values", () => {
    const spec = "timeout:\n  http:\n    requestTimeout: 30m\nretry: {numRetries: 5}";
    const objects = printed(withPolicy(BACKEND, GATEWAY, spec));
    assert.deepEqual(at(objects.get(`${BACKEND} default/mine`), "spec.retry"), { numRetries: 5 });
    const ours = objects.get(`${BACKEND} ${OURS}`);
    assert.equal(at(ours, "spec.timeout.http.requestTimeout"), "30m");
    assert.equal(at(ours, "spec.timeout.tcp.connectTimeout"), "2s");
    assert.equal(at(ours, "spec.retry.numRetries"), 5);
    assert.equal(at(ours, "spec.loadBalancer.endpointOverride.extractFrom.0.header"), HEADER);
  });

  for (const [what, target, isOursThere] of [
    ["the listener", LISTENER, false],
    ["the route", ROUTE, true],
  ] as const) {
    test(`of ${what}: ours is put into it, for Envoy Gateway applies one to each target`, () => {
      const spec = "loadBalancer: {type: Random}\ntimeout: {http: {requestTimeout: 30m}}";
      const migration = withPolicy(BACKEND, target, spec);
      const objects = printed(migration);
      const mine = objects.get(`${BACKEND} default/mine`);
      assert.equal(at(mine, "spec.loadBalancer.endpointOverride.extractFrom.0.header"), HEADER);
      assert.equal(at(mine, "spec.loadBalancer.type"), "LeastRequest");
      assert.equal(at(mine, "spec.timeout.http.requestTimeout"), "30m");
      assert.equal(at(mine, "spec.retry.numRetries"), 2);
      assert.equal(objects.has(`${BACKEND} ${OURS}`), isOursThere);
      assert.match(
        migration.findings.lines().join("\n"),
        /policy\.yaml:6: BackendTrafficPolicy default\/mine: spec\.loadBalancer is replaced/,
      );
    });
  }

  test("of another route: left alone", () => {
    const other = ROUTE.replace("qwen-backend", "qwen-backend-no-inference");
    const objects = printed(withPolicy(BACKEND, other, "loadBalancer: {type: Random}"));
    assert.deepEqual(at(objects.get(`${BACKEND} default/mine`), "spec.loadBalancer"), {
      type: "Random",
    });
    assert.ok(objects.has(`${BACKEND} ${OURS}`));
  });
});

describe("ClientTrafficPolicy", () => {
  test("of the Gateway: ours is put into it, and a limit below ours is raised", () => {
    const spec = `connection: {bufferLimit: 1Mi}
http2: {initialConnectionWindowSize: 1Gi}
headers: {earlyRequestHeaders: {remove: [x-mine]}}
timeout: {http: {idleTimeout: 10m}}`;
    const migration = withPolicy("ClientTrafficPolicy", GATEWAY, spec);
    const objects = printed(migration);
    const mine = objects.get("ClientTrafficPolicy default/mine");
    assert.equal(at(mine, "spec.connection.bufferLimit"), "32Mi");
    assert.equal(at(mine, "spec.http2.initialConnectionWindowSize"), "1Gi");
    assert.equal(at(mine, "spec.http2.initialStreamWindowSize"), "32Mi");
    assert.equal(at(mine, "spec.timeout.http.idleTimeout"), "10m");
    assert.deepEqual(at(mine, "spec.headers.earlyRequestHeaders.remove"), [
      "x-mine",
      HEADER,
      "x-gateway-model-name",
    ]);
    assert.equal([...objects.keys()].filter((label) => /^ClientTraffic/.test(label)).length, 1);
    assert.match(
      migration.findings.lines().join("\n"),
      /spec\.connection\.bufferLimit is replaced/,
    );
  });
});

describe("EnvoyExtensionPolicy", () => {
  test("of the listener: refused, since only one of the two would run", () => {
    const { yaml, findings } = withPolicy("EnvoyExtensionPolicy", LISTENER, "lua: []");
    assert.equal(yaml, null);
    assert.match(findings.lines().join("\n"), /warmroute's filter would replace each other/);
  });

  test("of the Gateway: it is said that ours is nearer", () => {
    const { findings } = withPolicy("EnvoyExtensionPolicy", GATEWAY, "lua: []");
    assert.match(findings.lines().join("\n"), /it has no effect on listener llm-gw any more/);
  });
});

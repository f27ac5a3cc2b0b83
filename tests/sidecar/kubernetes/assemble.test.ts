// From all objects to pools: versions, attachment, memory of good values, references, names.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assemble,
  type Assembly,
  type NamespaceObjects,
} from "../../../sidecar-metrics/src/discovery/kubernetes/assemble.js";
import { readPoolSpec } from "../../../sidecar-metrics/src/discovery/kubernetes/inference-pool.js";
import { ALPHA2, custom, type CustomParts, pod, POOL_SPEC, V1 } from "./objects.js";

const SETTINGS = {
  own: { name: "g", namespace: null, port: 8081 },
  defaults: { scheme: "http", metricsPath: "/metrics" },
  configured: new Set<string>(),
} as const;
const ATTACH = "inference.networking.x-k8s.io/attach-to";
const STRATEGY = "inference.networking.x-k8s.io/routing-strategy";

const pool = (parts: CustomParts = {}, spec: object = POOL_SPEC) =>
  custom("InferencePool", spec, { version: V1, ...parts });

function run(
  objects: Partial<NamespaceObjects>,
  before: Assembly["memory"] = new Map(),
  settings: Parameters<typeof assemble>[1] = SETTINGS,
): Assembly {
  const none = { namespace: "default", pods: [pod()], pools: [], models: [], rewrites: [] };
  return assemble([{ ...none, objectives: [], ...objects }], settings, before);
}

const listOf = ({ pools }: Assembly, name = "default/p") => pools.get(name)?.list;

test("a pool with its pods, by the name of namespace and object", () => {
  const result = run({ pools: [[pool()], []] });
  assert.deepEqual([...result.pools.keys()], ["default/p"]);
  assert.deepEqual(
    listOf(result)?.pods.map(({ address }) => address),
    ["10.0.0.1:8000"],
  );
  assert.deepEqual([result.problems, result.notes], [[], []]);
});

test("selectors and ports of all versions", () => {
  const read = (spec: object) => readPoolSpec(pool({}, spec));
  const expected = { ok: true, spec: { selector: { app: "p" }, ports: [8000] } };
  assert.deepEqual(read(POOL_SPEC), expected);
  const flat = { selector: { app: "p" }, targetPortNumber: 8000, extensionRef: { name: "x" } };
  assert.deepEqual(read(flat), expected);
  const several = { ...POOL_SPEC, targetPorts: [{ number: 1 }, { number: 2 }, { number: 1 }] };
  assert.deepEqual(read(several), { ok: true, spec: { selector: { app: "p" }, ports: [1, 2] } });
  const bad: [object, RegExp][] = [
    [{ ...POOL_SPEC, selector: {} }, /^InferencePool default\/p .*: spec\.selector must be/],
    [{ ...POOL_SPEC, selector: { matchLabels: { app: 7 } } }, /spec\.selector/],
    [{ ...POOL_SPEC, selector: { matchLabels: {} } }, /spec\.selector/],
    [{ selector: { app: "p" } }, /spec\.targetPorts must be 1 to 8 port numbers/],
    [{ ...POOL_SPEC, targetPorts: [{ number: 0 }] }, /spec\.targetPorts/],
    [{ selector: { app: "p" }, targetPortNumber: "8000" }, /spec\.targetPorts/],
  ];
  for (const [spec, problem] of bad) {
    const reading = read(spec);
    assert.match(reading.ok ? "" : reading.problem, problem);
  }
});

test("a spec that cannot be read: a pool without pods, and its problem", () => {
  const result = run({ pools: [[pool({}, { selector: {} })]] });
  assert.deepEqual(listOf(result)?.pods, []);
  assert.match(result.pools.get("default/p")?.problems[0] ?? "", /no pod is taken\.$/);
});

test("pods that are not known yet are not an empty list", () => {
  const result = run({ pools: [[pool()]], pods: null });
  assert.equal(result.pools.has("default/p"), true);
  assert.equal(listOf(result), null);
});

test("in both groups the stable one counts", () => {
  const old = pool({ version: ALPHA2 }, { selector: { app: "q" }, targetPortNumber: 1 });
  const result = run({ pools: [[pool()], [old]] });
  assert.equal(listOf(result)?.pods[0]?.address, "10.0.0.1:8000");
  assert.equal(result.notes.length, 1);
});

test("a bad annotation keeps the last good value of the same object", () => {
  const good = pool({
    annotations: { [STRATEGY]: "DEFAULT", [ATTACH]: "{name: g, port: 8081}" },
  });
  const bad = { [STRATEGY]: "FAST", [ATTACH]: "{name: g}" };
  const first = run({ pools: [[good]] });
  assert.equal(listOf(first)?.strategy, "DEFAULT");
  const second = run({ pools: [[pool({ annotations: bad })]] }, first.memory);
  assert.equal(listOf(second)?.strategy, "DEFAULT");
  assert.equal(second.pools.get("default/p")?.problems.length, 2);
  const third = run({ pools: [[pool({ annotations: bad })]] }, second.memory);
  assert.equal(listOf(third)?.strategy, "DEFAULT");
  const other = run({ pools: [[pool({ annotations: bad, uid: "other" })]] }, third.memory);
  assert.equal(other.pools.size, 0);
  assert.match(other.problems[0] ?? "", /the pool is not attached until that is put right\.$/);
});

test("attached elsewhere is a note and no problem, and its models are none either", () => {
  const annotations = { [ATTACH]: "{name: other, port: 8081}" };
  const models = [custom("InferenceModel", { modelName: "m", poolRef: { name: "p" } })];
  const result = run({ pools: [[pool({ annotations })]], models });
  assert.deepEqual([result.pools.size, result.problems, result.notes.length], [0, [], 1]);
});

test("references to no pool are named", () => {
  const refer = (poolRef: object) => custom("InferenceObjective", { poolRef }, { name: "o" });
  const cases: [object, RegExp | null][] = [
    [{ name: "p" }, null],
    [{ name: "p", kind: "InferencePool", group: "inference.networking.x-k8s.io" }, null],
    [{ name: "q" }, /there is no InferencePool default\/q\.$/],
    [{ name: "p", kind: "Service" }, /spec\.poolRef names no InferencePool\.$/],
    [{}, /spec\.poolRef names no InferencePool\.$/],
  ];
  for (const [poolRef, problem] of cases) {
    const { problems, pools } = run({ pools: [[pool()]], objectives: [refer(poolRef)] });
    if (problem === null) assert.deepEqual(problems, []);
    else assert.match(problems[0] ?? "", problem);
    const count = pools.get("default/p")?.list?.models?.objectives.length;
    assert.equal(count, problem === null ? 1 : 0);
  }
});

test("names that cannot be served, or are taken, are named", () => {
  const long = "x".repeat(63 - "default/".length);
  assert.equal(run({ pools: [[pool({ name: long })]] }).problems.length, 0);
  const longer = run({ pools: [[pool({ name: `${long}x` })]] });
  assert.match(longer.problems[0] ?? "", /NAMESPACE\/NAME has 64 characters, at most 63/);
  const settings = { ...SETTINGS, configured: new Set(["default/p"]) };
  const taken = run({ pools: [[pool()]] }, new Map(), settings);
  assert.match(taken.problems[0] ?? "", /the configuration lists a pool default\/p/);
});

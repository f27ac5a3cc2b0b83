// From model objects to a pool's policy: precedence by age, weights, criticality, what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildPolicy } from "../../../sidecar-metrics/src/discovery/kubernetes/model-objects.js";
import { custom, type CustomParts } from "./objects.js";

const [OLDER, YOUNGER] = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"];

const model = (spec: object, parts: CustomParts = {}) => custom("InferenceModel", spec, parts);
const rewrite = (rules: object[], parts: CustomParts = {}) =>
  custom("InferenceModelRewrite", { rules }, parts);
const objective = (name: string, spec: object) => custom("InferenceObjective", spec, { name });
const exact = (value: string) => ({ model: { type: "Exact", value } });

function build(objects: Partial<Parameters<typeof buildPolicy>[0]>) {
  return buildPolicy({ models: [], rewrites: [], objectives: [], ...objects });
}

test("nothing declared: an open pool without rules", () => {
  assert.deepEqual(build({}), {
    policy: { isClosed: false, models: [], objectives: [] },
    problems: [],
  });
});

test("the seeds' model: one target of all the weight closes the pool", () => {
  const targetModels = [{ name: "/model/qwen", weight: 100 }];
  const spec = { modelName: "/model/qwen", criticality: "Critical", targetModels };
  const { policy, problems } = build({ models: [model(spec)] });
  assert.deepEqual(policy.models, [
    { name: "/model/qwen", criticality: "Critical", targets: targetModels },
  ]);
  assert.equal(policy.isClosed, true);
  assert.deepEqual(problems, []);
});

const CRITICALITIES: [unknown, string, number][] = [
  ["Critical", "Critical", 0],
  ["Standard", "Standard", 0],
  ["Sheddable", "Sheddable", 0],
  [undefined, "Standard", 0],
  // What the first releases of v1alpha1 called Standard.
  ["Default", "Standard", 0],
  ["Urgent", "Standard", 1],
];

for (const [criticality, expected, problemCount] of CRITICALITIES) {
  test(`criticality ${String(criticality)} is ${expected}`, () => {
    const { policy, problems } = build({ models: [model({ modelName: "m", criticality })] });
    assert.equal(policy.models[0]?.criticality, expected);
    assert.equal(problems.length, problemCount);
  });
}

test("of models with one name the oldest counts, the others are named", () => {
  const young = model({ modelName: "m", criticality: "Critical" }, { name: "a", created: YOUNGER });
  const old = model({ modelName: "m", criticality: "Sheddable" }, { name: "b", created: OLDER });
  const { policy, problems } = build({ models: [young, old] });
  assert.deepEqual(
    policy.models.map(({ criticality }) => criticality),
    ["Sheddable"],
  );
  assert.match(
    problems[0] ?? "",
    /^InferenceModel default\/a .* InferenceModel default\/b .*older/,
  );
});

test("weights: given, all absent, some absent, out of range", () => {
  const of = (...weights: (number | undefined)[]) => {
    const targetModels = weights.map((weight, index) => ({ name: `t${index}`, weight }));
    // As JSON has it: a weight that is absent is no key.
    const spec = JSON.parse(JSON.stringify({ modelName: "m", targetModels })) as object;
    const { policy, problems } = build({ models: [model(spec)] });
    return [policy.models[0]?.targets.map(({ weight }) => weight), problems.length];
  };
  assert.deepEqual(of(90, 10), [[90, 10], 0]);
  assert.deepEqual(of(undefined, undefined), [[1, 1], 0]);
  assert.deepEqual(of(0, 1_000_000), [[0, 1_000_000], 0]);
  assert.deepEqual(of(5, undefined), [[5, 1], 1]);
  assert.deepEqual(of(-1, 2, 1_000_001, 1.5), [[2], 3]);
});

test("rewrites: the oldest object and its first rule count; without matches is the rest", () => {
  const young = rewrite(
    [
      { matches: [exact("m")], targets: [{ modelRewrite: "young" }] },
      { targets: [{ modelRewrite: "rest" }] },
    ],
    { name: "young", created: YOUNGER },
  );
  const old = rewrite(
    [
      { matches: [exact("m"), exact("n")], targets: [{ modelRewrite: "old", weight: 3 }] },
      { matches: [exact("m")], targets: [{ modelRewrite: "second" }] },
    ],
    { name: "old", created: OLDER },
  );
  const { policy, problems } = build({ rewrites: [young, old] });
  assert.equal(policy.isClosed, false);
  assert.deepEqual(
    policy.models.map(({ name, targets }) => [name, targets[0]?.name, targets[0]?.weight]),
    [
      ["m", "old", 3],
      ["n", "old", 3],
      [null, "rest", 1],
    ],
  );
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /default\/young .*"m" is not used.*default\/old/);
});

test("a rewrite of a model's name has its targets and the model's criticality", () => {
  const models = [
    model({ modelName: "m", criticality: "Critical", targetModels: [{ name: "t" }] }),
  ];
  const rewrites = [
    rewrite([{ matches: [exact("m")], targets: [{ modelRewrite: "r" }] }], { name: "r" }),
  ];
  const { policy, problems } = build({ models, rewrites });
  assert.deepEqual(policy.models, [
    { name: "m", criticality: "Critical", targets: [{ name: "r", weight: 1 }] },
  ]);
  assert.match(problems[0] ?? "", /^InferenceModel default\/p .*"m" is not used/);
});

test("objectives: the sign of the priority", () => {
  const objectives = [
    objective("a", { priority: 10 }),
    objective("b", { priority: -1 }),
    objective("c", { priority: 0 }),
    objective("d", {}),
  ];
  const { policy } = build({ objectives });
  assert.deepEqual(
    policy.objectives.map(({ criticality }) => criticality),
    ["Critical", "Sheddable", "Standard", "Standard"],
  );
});

test("specs that no schema has checked do no harm", () => {
  const odd = [null, 7, "x", [], { modelName: 7 }, { modelName: "" }, {}];
  const models = odd.map((spec) => model(spec as object));
  const { policy, problems } = build({ models });
  assert.deepEqual(policy.models, []);
  assert.equal(problems.length, odd.length);
  const rules = [null, { matches: "x" }, { matches: [null, { model: 7 }], targets: [null, 7] }];
  const rewrites = [rewrite(rules as object[]), rewrite("x" as never)];
  assert.doesNotThrow(() => build({ rewrites }));
});

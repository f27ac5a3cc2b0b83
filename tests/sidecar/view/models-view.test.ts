// What is shown of models: their rules and shares, who lists them, what is wrong with them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ModelPolicy, OPEN_POLICY } from "../../../sidecar-metrics/src/models/model-policy.js";
import { parseModelList } from "../../../sidecar-metrics/src/models/served-models.js";
import { poolsView } from "../../../sidecar-metrics/src/view/pools-view.js";
import { findProblems } from "../../../sidecar-metrics/src/view/problems.js";
import { statusPage } from "../../../sidecar-metrics/src/view/status-page.js";
import { stateWithPod } from "../support/state.js";

const EVIL = '<script>alert("x")</script>';

type Change = (world: ReturnType<typeof stateWithPod>) => void;

const PROBLEMS: [string, Change, RegExp][] = [
  [
    "a name that the filter cannot take",
    ({ pool }) => setModels(pool, false, ["a b"]),
    /^Models left out for a name, .*: "a b"\.$/,
  ],
  [
    "a target that no pod lists",
    ({ pool, endpoint }) => {
      setModels(pool, false, ["alias"]);
      endpoint.models.takeServed(parseModelList('{"data":[{"id":"m"}]}')!);
    },
    /^Model "alias" leads to "alias", which no pod lists\.$/,
  ],
  [
    "a closed pool whose pods do not tell their models",
    ({ pool, endpoint }) => {
      setModels(pool, true, []);
      endpoint.models.failure = "HTTP status 401";
    },
    /^No pod tells .* \(10\.0\.0\.1:80 first: HTTP status 401\): only the names that/,
  ],
];

function setModels(
  pool: ReturnType<typeof stateWithPod>["pool"],
  isClosed: boolean,
  names: string[],
) {
  const models = names.map((name) => ({ name, criticality: "Standard" as const, targets: [] }));
  pool.catalog.setPolicy({ isClosed, models, objectives: [] });
}

for (const [name, change, text] of PROBLEMS) {
  test(`a problem with models: ${name}`, () => {
    const world = stateWithPod();
    change(world);
    const problems = findProblems(world.state).map((problem) => problem.text);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0] ?? "", text);
  });
}

test("a model that only some pods list is a problem, an adapter is not", () => {
  const { state, pool } = stateWithPod();
  const metrics = {
    scheme: "http",
    metricsPath: "/metrics",
    metricsPort: null,
    uid: null,
    podName: null,
  } as const;
  const addresses = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"];
  const pods = addresses.map((address) => ({ address, isDraining: false, ...metrics }));
  pool.setList({ pods }, 0);
  const lists = ['{"id":"m"},{"id":"x"}', '{"id":"m"},{"id":"a","parent":"m"}'];
  lists.forEach((data, index) => {
    pool.endpoints[index]?.models.takeServed(parseModelList(`{"data":[${data}]}`)!);
  });
  assert.deepEqual(
    findProblems(state).map(({ text }) => text),
    ['Model "x" is listed by 1 of 2 pods only: the others refuse it.'],
  );
});

test("the page and /v1/pools show models, shares, adapters and who lists what", () => {
  const { state, pool, endpoint } = stateWithPod();
  pool.catalog.setPolicy({
    isClosed: true,
    models: [
      {
        name: "canary",
        criticality: "Critical",
        targets: [
          { name: "m", weight: 3 },
          { name: "n", weight: 1 },
        ],
      },
      { name: null, criticality: "Sheddable", targets: [] },
    ],
    objectives: [{ name: "batch", criticality: "Sheddable" }],
  });
  const cards = [{ id: "m" }, { id: "n" }, { id: EVIL, parent: "m" }];
  endpoint.models.takeServed(parseModelList(JSON.stringify({ data: cards }))!);
  endpoint.models.takeLora({ running: ["sql"], waiting: ["code"], limit: 2 }, 1);
  const page = String(statusPage(state).body).replace(/\s+/g, " ");
  for (const text of [
    "m 75 %, n 25 %",
    "every other name",
    // Names without a rule of their own are other names, too.
    '<td class="text">n</td><td class="text">Sheddable</td>',
    "Objectives: batch Sheddable.",
    "1 of 1 pods",
    "an adapter of m",
    "code, sql (2 of 2, all busy)",
  ]) {
    assert.ok(page.includes(text), text);
  }
  assert.ok(!page.includes("<script") && !page.includes("refused"));
  const [view] = poolsView(state).pools;
  assert.deepEqual(view?.models.served[0], { name: "m", parent: null, pods: 1 });
  assert.deepEqual(view?.pods[0]?.adapters, { held: ["code", "sql"], limit: 2, isAtLimit: true });
  assert.deepEqual(view?.pods[0]?.servedModels, ["m", "n", EVIL]);
});

const OTHERS: [string, Partial<ModelPolicy>, RegExp][] = [
  ["closed", { isClosed: true }, /names that are not known here are refused with 404/],
  ["open", {}, /other names go to the pods as they are/],
];

for (const [name, policy, text] of OTHERS) {
  test(`the page says what becomes of other names where the pool is ${name}`, () => {
    const { state, pool } = stateWithPod();
    const objectives = [{ name: "chat", criticality: "Critical" as const }];
    pool.catalog.setPolicy({ ...OPEN_POLICY, objectives, ...policy });
    assert.match(String(statusPage(state).body), text);
  });
}

test("a pool of which nothing is known has no part about models on the page", () => {
  assert.doesNotMatch(String(statusPage(stateWithPod().state).body), /<h3>Models|adapters/);
});

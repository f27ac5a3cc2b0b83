// Models and objectives in the configuration: what they become, and what is refused.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadConfig } from "../../../sidecar-metrics/src/config/load.js";
import { policyOf } from "../../../sidecar-metrics/src/config/models.js";
import { temporaryFolder } from "../support/support.js";

const POOL = "pools:\n  - name: a\n    pods: {static: ['10.0.0.1:80']}\n";

async function load(t: TestContext, yaml: string, variables: Record<string, string> = {}) {
  const file = join(await temporaryFolder(t), "sidecar.yaml");
  await writeFile(file, `${POOL}${yaml}`);
  const [pool] = (await loadConfig(file, variables)).config.pools;
  assert.ok(pool);
  return { ...policyOf(pool), modelsPath: pool.modelsPath };
}

test("a pool that says nothing is open", async (t) => {
  assert.deepEqual(await load(t, ""), {
    isClosed: false,
    models: [],
    objectives: [],
    modelsPath: "/v1/models",
  });
});

const FULL = `    modelsPath: ""
    models:
      - name: canary
        criticality: Critical
        targets:
          - {name: food-1, weight: 90}
          - {name: food-2, weight: 0}
          - {name: food-3}
      - {name: /model/qwen}
      - {name: "*", criticality: Sheddable, targets: [{name: food-1}]}
    objectives:
      - {name: batch, priority: -5}
      - {name: plain}
      - {name: chat, priority: 2}
`;

const POLICY = {
  isClosed: true,
  models: [
    {
      name: "canary",
      criticality: "Critical",
      targets: [
        { name: "food-1", weight: 90 },
        { name: "food-2", weight: 0 },
        { name: "food-3", weight: 1 },
      ],
    },
    { name: "/model/qwen", criticality: "Standard", targets: [] },
    { name: null, criticality: "Sheddable", targets: [{ name: "food-1", weight: 1 }] },
  ],
  objectives: [
    { name: "batch", criticality: "Sheddable" },
    { name: "plain", criticality: "Standard" },
    { name: "chat", criticality: "Critical" },
  ],
  modelsPath: "",
};

test("a pool that declares models is closed, unless it says otherwise", async (t) => {
  assert.deepEqual(await load(t, FULL), POLICY);
  assert.deepEqual(await load(t, `${FULL}    closed: false\n`), { ...POLICY, isClosed: false });
  assert.equal((await load(t, "    closed: true\n")).isClosed, true);
});

test("the same from environment variables", async (t) => {
  const { models, isClosed } = await load(t, "", {
    WARMROUTE_POOLS_0_MODELS_0_NAME: "x",
    WARMROUTE_POOLS_0_MODELS_1_NAME: "alias",
    WARMROUTE_POOLS_0_MODELS_1_TARGETS_0_NAME: "a",
    WARMROUTE_POOLS_0_MODELS_1_TARGETS_1_NAME: "b",
    WARMROUTE_POOLS_0_MODELS_1_TARGETS_1_WEIGHT: "7",
    WARMROUTE_POOLS_0_CLOSED: "false",
  });
  assert.equal(isClosed, false);
  const targets = [
    { name: "a", weight: 1 },
    { name: "b", weight: 7 },
  ];
  assert.deepEqual(models, [
    { name: "x", criticality: "Standard", targets: [] },
    { name: "alias", criticality: "Standard", targets },
  ]);
});

const NAME = "1 to 256 printable ASCII characters, no space, quote or backslash";
const many = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join(", ");

const REFUSED: [string, string, RegExp][] = [
  [
    "a name with a space",
    "    models:\n      - name: a b\n",
    new RegExp(
      `:5: pools\\[0\\]\\.models\\[0\\]\\.name: "a b" is not allowed; it must be ${NAME}$`,
    ),
  ],
  [
    "a name beyond ASCII",
    "    models: [{name: café}]\n",
    /:4: pools\[0\]\.models\[0\]\.name: "café" is not allowed; it must be 1 to 256 printable/,
  ],
  [
    "a name with a quote",
    "    models: [{name: 'a\"b'}]\n",
    /:4: pools\[0\]\.models\[0\]\.name: .* is not allowed; it must be 1 to 256 printable/,
  ],
  [
    "a name that is too long",
    `    models: [{name: ${"x".repeat(257)}}]\n`,
    /:4: pools\[0\]\.models\[0\]\.name: "xxx.* is not allowed; it must be 1 to 256 printable/,
  ],
  [
    "a model twice",
    "    models:\n      - name: a\n      - name: a\n",
    /:6: pools\[0\]\.models\[1\]\.name: "a" is not allowed; it must be a name that is listed once$/,
  ],
  [
    "a target twice",
    "    models:\n      - name: a\n        targets: [{name: b}, {name: b, weight: 3}]\n",
    /:6: pools\[0\]\.models\[0\]\.targets\[1\]\.name: "b" .* a name that is listed once$/,
  ],
  [
    "an objective twice",
    "    objectives: [{name: a}, {name: a, priority: 1}]\n",
    /:4: pools\[0\]\.objectives\[1\]\.name: "a" .* a name that is listed once$/,
  ],
  [
    "a weight out of range",
    "    models:\n      - name: a\n        targets:\n          - {name: b, weight: 1000001}\n",
    /:7: pools\[0\]\.models\[0\]\.targets\[0\]\.weight: 1000001 .* whole number from 0 to 1000000$/,
  ],
  [
    "weights that are all 0",
    "    models: [{name: a, targets: [{name: b, weight: 0}]}]\n",
    /:4: pools\[0\]\.models\[0\]\.targets: .* 1 to 16 targets, one with a weight above 0$/,
  ],
  [
    "too many targets",
    `    models: [{name: a, targets: [${many(17, (i) => `{name: t${i}}`)}]}]\n`,
    /:4: pools\[0\]\.models\[0\]\.targets: .* it must be a list of at most 16 targets$/,
  ],
  [
    "too many models",
    `    models: [${many(257, (i) => `{name: m${i}}`)}]\n`,
    /:4: pools\[0\]\.models: .* it must be a list of at most 256 models$/,
  ],
  [
    "an unknown criticality",
    "    models: [{name: a, criticality: High}]\n",
    /criticality: "High" is not allowed; it must be one of Critical, Standard, Sheddable$/,
  ],
  [
    "an unknown key of a model",
    "    models: [{name: a, weight: 3}]\n",
    /:4: pools\[0\]\.models\[0\]\.weight: there is no such key$/,
  ],
  [
    "a priority that is no number",
    "    objectives: [{name: a, priority: high}]\n",
    /:4: pools\[0\]\.objectives\[0\]\.priority: "high" is not allowed; it must be a whole number/,
  ],
  [
    "a path that begins with no slash",
    "    modelsPath: v1/models\n",
    /modelsPath: "v1\/models" .* it must be a path that begins with \/, or empty: never asked$/,
  ],
];

for (const [name, yaml, text] of REFUSED) {
  test(`refused: ${name}`, (t) => assert.rejects(load(t, yaml), { message: text }));
}

// Which kinds are watched in which version, of what an API server says it has.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiKinds } from "../../../sidecar-metrics/src/discovery/kubernetes/api-kinds.js";
import {
  chooseKinds,
  type ServedKind,
} from "../../../sidecar-metrics/src/discovery/kubernetes/kinds.js";
import { REAL_CLOCK, until } from "../support/support.js";
import { fakeApi, QUICK, sendJson } from "./fake-api.js";

const spell = (kinds: readonly ServedKind[]): string =>
  kinds.map(({ kind, version }) => `${kind.plural}.${kind.group}/${version}`).join(" ");

const GROUP = "inference.networking.x-k8s.io";
const STABLE = "inference.networking.k8s.io";

const CASES: [string, [string, string[]][], string][] = [
  ["nothing", [], ""],
  [
    "all of today's",
    [
      [`${STABLE}/v1`, ["inferencepools", "inferencepools/status"]],
      [`${GROUP}/v1alpha2`, ["inferenceobjectives", "inferencemodelrewrites"]],
    ],
    `inferencepools.${STABLE}/v1 inferenceobjectives.${GROUP}/v1alpha2 ` +
      `inferencemodelrewrites.${GROUP}/v1alpha2`,
  ],
  [
    "an upgraded cluster: the newest version of each",
    [
      [`${GROUP}/v1alpha1`, ["inferencepools", "inferencemodels"]],
      [`${GROUP}/v1alpha2`, ["inferencemodels"]],
    ],
    `inferencepools.${GROUP}/v1alpha1 inferencemodels.${GROUP}/v1alpha2`,
  ],
  ["kinds of others", [[`${STABLE}/v1`, ["inferencepoolimports"]]], ""],
];

for (const [what, served, expected] of CASES) {
  test(`kinds of ${what}`, () => {
    const sets = new Map(served.map(([name, plurals]) => [name, new Set(plurals)]));
    assert.equal(spell(chooseKinds(sets)), expected);
  });
}

test("found late, gone only when gone twice, and tried where asking is refused", async (t) => {
  let plurals: string[] | number = [];
  let looks = 0;
  const { client } = await fakeApi(t, ({ path }, response) => {
    if (path !== `/apis/${GROUP}/v1alpha2`) return sendJson(response, 404, {});
    looks++;
    if (typeof plurals === "number") return sendJson(response, plurals, { message: "no" });
    sendJson(response, 200, { resources: plurals.map((name) => ({ name })) });
  });
  const heard: string[] = [];
  const failures: (number | null | undefined)[] = [];
  const kinds = new ApiKinds(client, QUICK, REAL_CLOCK, {
    kinds: (served) => heard.push(spell(served)),
    failed: (error) => failures.push(error === null ? undefined : error.statusCode),
  });
  t.after(() => kinds.stop());
  kinds.start();
  const model = `inferencemodels.${GROUP}/v1alpha2`;
  await until("none", () => heard.at(-1) === "");
  plurals = ["inferencemodels"];
  await until("models", () => heard.at(-1) === model);
  plurals = 500;
  await until("a failure", () => failures.at(-1) === 500);
  assert.equal(heard.at(-1), model);
  plurals = [];
  const before = looks;
  await until("gone", () => heard.at(-1) === "");
  assert.ok(looks >= before + 2);
  plurals = 403;
  await until("all of the group", () => heard.at(-1)?.split(" ").length === 4);
});

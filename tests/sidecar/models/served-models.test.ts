// One question for a pod's models: what is kept of an answer, and what becomes of the others.
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { type TestContext, test } from "node:test";
import { Agent } from "undici";
import {
  askServedModels,
  parseModelList,
} from "../../../sidecar-metrics/src/models/served-models.js";
import { serve } from "../support/support.js";

/** As vLLM 0.11 answers, with one adapter. */
const VLLM = {
  object: "list",
  data: [
    {
      id: "qwq-32b",
      object: "model",
      created: 1_767_225_600,
      owned_by: "vllm",
      root: "/model/qwq",
      parent: null,
      max_model_len: 32_768,
      permission: [{ id: "modelperm-1", object: "model_permission", organization: "*" }],
    },
    { id: "sql", object: "model", created: 1_767_225_601, owned_by: "vllm", parent: "qwq-32b" },
  ],
};

async function ask(t: TestContext, answer: RequestListener, timeoutMs = 5_000) {
  const dispatcher = new Agent();
  t.after(() => dispatcher.destroy());
  const port = await serve(t, answer);
  const bearerToken = (): string => "secret";
  return askServedModels(`http://127.0.0.1:${port}/v1/models`, {
    dispatcher,
    bearerToken,
    timeoutMs,
  });
}

test("the names, whose adapters they are, and nothing private", async (t) => {
  const answer = await ask(t, (request, response) => {
    const isAsked = request.headers.authorization === "Bearer secret" && request.method === "GET";
    response.writeHead(isAsked ? 200 : 401).end(JSON.stringify(VLLM));
  });
  const [base, adapter] = VLLM.data.map((model): object =>
    Object.fromEntries(Object.entries(model).filter(([key]) => key !== "permission")),
  );
  assert.deepEqual(answer, {
    isKnown: true,
    models: [
      { card: base, isAdapter: false },
      { card: { ...adapter, root: null }, isAdapter: true },
    ],
  });
});

const FAILURES: [string, RequestListener, RegExp][] = [
  ["another status", (_, response) => void response.writeHead(401).end("no"), /^HTTP status 401$/],
  ["no JSON", (_, response) => void response.end("<html>"), /^the answer is no list of models$/],
  ["no list", (_, response) => void response.end('{"data":{}}'), /no list of models/],
  ["a cut connection", (_, response) => void response.destroy(), /./],
  [
    "a list without end",
    (_, response) => void response.end(Buffer.alloc(1024 * 1024 + 1, " ")),
    /^a list of more than 1048576 bytes$/,
  ],
];

for (const [name, listener, detail] of FAILURES) {
  test(`a pod that answers with ${name} tells nothing`, async (t) => {
    const answer = await ask(t, listener);
    assert.ok(!answer.isKnown);
    assert.match(answer.detail, detail);
  });
}

test("a pod that never ends its answer is given up", async (t) => {
  const answer = await ask(t, (_, response) => void response.write("{"), 50);
  assert.deepEqual(answer, { isKnown: false, detail: "no answer in 50 ms" });
});

test("odd entries are left out, odd values are replaced", () => {
  const data = [
    null,
    "x",
    {},
    { id: "" },
    { id: 7 },
    { id: "y".repeat(257) },
    { id: "a", created: "soon", owned_by: 3, root: {}, parent: "", max_model_len: -1 },
    { id: "a", created: 2 },
    { id: "b", created: 1.9, max_model_len: 10 },
  ];
  const card = { object: "model", owned_by: "vllm", root: null, parent: null };
  assert.deepEqual(
    parseModelList(JSON.stringify({ data }))?.map((model) => model.card),
    [
      { id: "a", created: 0, ...card },
      { id: "b", created: 1, ...card, max_model_len: 10 },
    ],
  );
});

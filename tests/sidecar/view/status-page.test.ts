// The status page and /v1/pools: problems in words, strangers' texts as text.
import assert from "node:assert/strict";
import { test } from "node:test";
import { html, table } from "../../../sidecar-metrics/src/view/html.js";
import { findProblems } from "../../../sidecar-metrics/src/view/problems.js";
import { statusPage } from "../../../sidecar-metrics/src/view/status-page.js";
import { READY_WAIT_MS, createReadiness } from "../../../sidecar-metrics/src/view/readiness.js";
import { report } from "../support/support.js";
import { stateWithPod } from "../support/state.js";

const EVIL = '<script>alert("x")</script>';

test("whatever is put into HTML is escaped, pieces of HTML are not escaped twice", () => {
  assert.equal(
    html`<i title="${"\"'"}">${"<&>"}</i>`.text,
    '<i title="&quot;&#39;">&lt;&amp;&gt;</i>',
  );
  assert.equal(
    html`<p>${[html`<b>${1}</b>`, html`<b>${null}</b>`]}</p>`.text,
    "<p><b>1</b><b></b></p>",
  );
  assert.match(table([{ title: EVIL, cell: () => EVIL }], [0], "").text, /^(?!.*<script)/s);
});

test("texts of gateways, pods and query strings reach the page as text only", () => {
  const { state, endpoint, time } = stateWithPod();
  endpoint.record({ result: "bad_status", detail: EVIL, sentAtMs: 0 });
  endpoint.record({ result: "bad_status", detail: EVIL, sentAtMs: 0 });
  endpoint.record({ result: "bad_status", detail: EVIL, sentAtMs: 0 });
  const decisions = [{ reason: EVIL, n: 0 }];
  const said = { incarnation: EVIL, configHash: EVIL, strategy: EVIL, warnings: [EVIL], decisions };
  state.sync.answer("p", report(said));
  state.sync.answer(EVIL, report({}));
  time.nowMs = 1_000;
  const page = String(statusPage(state).body);
  assert.ok(!page.includes("<script"), "no tag got through");
  assert.ok(page.includes("&lt;script&gt;"));
  assert.match(page, /default-src &#39;none&#39;/);
});

test("the page begins with the list of problems, then shows pods and decisions", () => {
  const { state } = stateWithPod();
  state.sync.answer("p", report({ incarnation: "g1", decisions: [{ n: 0, reason: "cold" }] }));
  const page = String(statusPage(state).body);
  const order = ["No problems", "Pool p", "10.0.0.1:80", "g1", "Newest decisions", "cold"];
  const places = order.map((text) => page.indexOf(text));
  assert.ok(
    places.every((place, i) => place > (places[i - 1] ?? 0)),
    `${places.join(" ")}`,
  );
});

type Change = (world: ReturnType<typeof stateWithPod>) => void;

const PROBLEMS: [string, Change, RegExp][] = [
  ["no gateway polls", ({ time }) => (time.nowMs = 20_000), /No gateway polls this pool/],
  [
    "a pod that fails",
    ({ endpoint }) => {
      for (let i = 0; i < 3; i++) {
        endpoint.record({ result: "timeout", detail: "no answer in 500 ms", sentAtMs: 0 });
      }
    },
    /10\.0\.0\.1:80: scrapes fail \(timeout\): no answer in 500 ms/,
  ],
  [
    "prefix caching off",
    ({ endpoint }) => (endpoint.load!.hasPrefixCaching = false),
    /10\.0\.0\.1:80: prefix caching is off/,
  ],
  [
    "a KV cache of unknown size",
    ({ endpoint }) => (endpoint.load!.kvCapacityTokens = 0),
    /\(10\.0\.0\.1:80 first\) do not tell .*: the filter's defaultCapacityTokens is used for/,
  ],
  [
    "odd values",
    ({ endpoint }) => endpoint.load!.oddNames.push("vllm:num_requests_waiting"),
    /no sensible value for vllm:num_requests_waiting/,
  ],
  [
    "gateways with different configurations",
    ({ state }) => {
      state.sync.answer("p", report({ incarnation: "a", configHash: "1111" }));
      state.sync.answer("p", report({ incarnation: "b", configHash: "2222" }));
    },
    /2 different configurations \(1111, 2222\): one has refused/,
  ],
  [
    "requests on pods that are not listed",
    ({ state }) => state.sync.answer("p", report({ incarnation: "a", pods: [{ n: 0 }, { n: 9 }] })),
    /Gateway a holds requests on unlisted pods: #9\./,
  ],
  [
    "a gateway's own warning",
    ({ state }) => state.sync.answer("p", report({ incarnation: "a", warnings: ["stall-guard"] })),
    /^Gateway a: bodies do not come .*: set allow_on_headers_stop_iteration: true in .*\.$/,
  ],
  [
    "workers that differ",
    ({ state }) =>
      state.sync.answer("p", report({ incarnation: "a", warnings: ["config-differs"] })),
    /^Gateway a: its workers have different configurations in force: .*\.$/,
  ],
  [
    "a warning of a newer gateway",
    ({ state }) => state.sync.answer("p", report({ incarnation: "a", warnings: ["new-one"] })),
    /^Gateway a: it warns of "new-one"\.$/,
  ],
  [
    "a strategy that did not arrive",
    ({ state, pool }) => {
      pool.strategy = "DEFAULT";
      state.sync.answer("p", report({ incarnation: "a", strategy: "PREFIX_CACHE" }));
    },
    /Gateway a routes by PREFIX_CACHE instead of DEFAULT/,
  ],
  [
    "a pool that is asked for in vain",
    ({ state }) => state.sync.answer("typo", report({})),
    /pool "typo", which is not configured/,
  ],
  ["no pods", ({ pool }) => pool.setList({ pods: [] }, 0), /The list of pods is empty/],
  [
    "a file's problem",
    ({ pool }) => pool.problems.set("discovery", "pods.yaml: gone"),
    /yaml: gone/,
  ],
];

for (const [name, change, text] of PROBLEMS) {
  test(`a problem: ${name}`, () => {
    const world = stateWithPod();
    assert.deepEqual(findProblems(world.state), []);
    change(world);
    const problems = findProblems(world.state).map((problem) => problem.text);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? "", text);
  });
}

test("an unreachable pod is not picked, and said so; more than half of them are", () => {
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
  const texts = () => findProblems(state).map(({ text }) => text);
  const fail = (index: number) => {
    for (let i = 0; i < 3; i++) {
      pool.endpoints[index]!.record({ result: "unreachable", detail: "refused", sentAtMs: 0 });
    }
  };
  fail(1);
  assert.deepEqual(texts(), [
    "Pod 10.0.0.2:80: scrapes fail (unreachable): refused; not picked until one succeeds.",
  ]);
  assert.match(String(statusPage(state).body), /failing: unreachable, not picked/);
  fail(2);
  assert.deepEqual(texts(), [
    "More than half of the pods (2) are unreachable: the fault is likely on this side, " +
      "so they are still picked.",
    "Pod 10.0.0.2:80: scrapes fail (unreachable): refused.",
    "Pod 10.0.0.3:80: scrapes fail (unreachable): refused.",
  ]);
  assert.doesNotMatch(String(statusPage(state).body), /not picked/);
});

test("ready after the first scrape of every pod, or after a bounded wait, and for good", () => {
  const { state, endpoint, pool, time } = stateWithPod();
  endpoint.hasBeenTried = false;
  const pending = createReadiness(state);
  assert.deepEqual(pending(), ["the first scrapes of p"]);
  endpoint.record({ result: "timeout", detail: "", sentAtMs: 0 });
  assert.deepEqual(pending(), []);
  pool.isListed = false;
  assert.deepEqual(pending(), []);
  const waiting = createReadiness(state);
  assert.deepEqual(waiting(), ["the first scrapes of p"]);
  time.nowMs = READY_WAIT_MS;
  assert.deepEqual(waiting(), []);
});

// /metrics: a valid exposition, with the values of pods and gateways.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createMetrics } from "../../../sidecar-metrics/src/view/own-metrics.js";
import { report, repositoryRoot } from "../support/support.js";
import { stateWithPod } from "../support/state.js";

/** Series by their whole left side. A line of another form than the format's grammar fails. */
function parseStrictly(text: string): Map<string, number> {
  const series = new Map<string, number>();
  const types = new Map<string, string>();
  assert.ok(text.endsWith("\n"));
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (comment !== null) {
      if (comment[1] === "TYPE") types.set(comment[2] ?? "", comment[3] ?? "");
      continue;
    }
    const label = '[a-zA-Z_]\\w*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
    const form = new RegExp(`^(([a-zA-Z_:][\\w:]*)(?:\\{${label}(?:,${label})*\\})?) (\\S+)$`);
    const match = form.exec(line);
    assert.ok(match, `no line of the format: ${line}`);
    const family = (match[2] ?? "").replace(/_(bucket|sum|count)$/, "");
    assert.ok(types.has(match[2] ?? "") || types.has(family), `no TYPE before ${line}`);
    assert.ok(!series.has(match[1] ?? ""), `twice: ${line}`);
    series.set(match[1] ?? "", Number(match[3]));
  }
  return series;
}

async function read(
  state: ReturnType<typeof stateWithPod>["state"],
  metrics = createMetrics(state),
) {
  const { body } = await metrics({ query: new URLSearchParams(), body: Buffer.alloc(0) });
  return parseStrictly(String(body));
}

test("pods, scrapes and gateways", async () => {
  const { state, time, endpoint } = stateWithPod();
  endpoint.record({ result: "timeout", detail: "", sentAtMs: 0 });
  state.sync.answer("p", report({ incarnation: "a", promptTokens: 100, reasons: { prefix: 4 } }));
  state.sync.answer("p", report({ incarnation: "a", promptTokens: 150, reasons: { prefix: 6 } }));
  time.nowMs = 2_500;
  const series = await read(state);
  const expected: [string, number][] = [
    ['warmroute_pod_waiting_requests{pool="p",address="10.0.0.1:80"}', 1],
    ['warmroute_pod_kv_usage_ratio{pool="p",address="10.0.0.1:80"}', 0.25],
    ['warmroute_pod_load_age_seconds{pool="p",address="10.0.0.1:80"}', 2.5],
    ['warmroute_pod_failing{pool="p",address="10.0.0.1:80"}', 0],
    ['warmroute_scrapes_total{pool="p",address="10.0.0.1:80",result="ok"}', 1],
    ['warmroute_scrapes_total{pool="p",address="10.0.0.1:80",result="timeout"}', 1],
    ['warmroute_table_age_seconds{pool="p"}', 2.5],
    ['warmroute_gateways{pool="p"}', 1],
    ['warmroute_syncs_total{pool="p"}', 2],
    ['warmroute_decisions_total{pool="p",reason="prefix"}', 6],
    ['warmroute_prompt_tokens_total{pool="p"}', 150],
    ["warmroute_problems", 0],
    ['warmroute_pod_passed_over{pool="p",address="10.0.0.1:80"}', 0],
    ['warmroute_pod_draining{pool="p",address="10.0.0.1:80"}', 0],
    ['warmroute_pod_ejected{pool="p",address="10.0.0.1:80"}', 0],
    ['warmroute_pool_held_requests{pool="p"}', 0],
    ['warmroute_pods{pool="p"}', 1],
    ['warmroute_pods_ready{pool="p"}', 1],
    ['warmroute_pool_waiting_requests{pool="p"}', 1],
    ['warmroute_pool_running_requests{pool="p"}', 2],
    ['warmroute_pool_kv_usage_ratio{pool="p"}', 0.25],
    ['warmroute_pool_saturation_ratio{pool="p"}', 0.25],
  ];
  for (const [name, value] of expected) assert.equal(series.get(name), value, name);
});

test("reading twice is the same; pods that left and missing figures have no series", async () => {
  const { state, pool, endpoint } = stateWithPod();
  const metrics = createMetrics(state);
  endpoint.load!.waiting = null;
  const own = async (): Promise<[string, number][]> =>
    [...(await read(state, metrics))].filter(([name]) => name.startsWith("warmroute_"));
  const first = await own();
  assert.ok(!first.some(([name]) => name.startsWith("warmroute_pod_waiting")));
  assert.deepEqual(await own(), first);
  pool.setList({ pods: [] }, 0);
  assert.ok(!(await own()).some(([name]) => name.includes("10.0.0.1")));
});

test("a sidecar that is not told to share has no series of the way to others", async () => {
  const { state } = stateWithPod();
  const names = [...(await read(state)).keys()].filter((name) => name.includes("_sharing_"));
  // Each pool counts all the same, and has received nothing.
  for (const name of names) assert.match(name, /^warmroute_sharing_\w+\{pool="p"/);
});

test("names of pools and reasons that gateways invent keep the format valid", async () => {
  const { state } = stateWithPod();
  state.sync.answer("p", report({ incarnation: '"}\n', reasons: { 'x"} 1\nfoo': 3, good: 1 } }));
  const series = await read(state);
  assert.equal(series.get('warmroute_decisions_total{pool="p",reason="good"}'), 1);
});

test("warnings count once a gateway, and configurations once each", async () => {
  const { state, time } = stateWithPod();
  const tell = (incarnation: string, configHash: string, warnings: string[]): void => {
    state.sync.answer("p", report({ incarnation, configHash, warnings }));
  };
  tell("a", "1", ["stall-guard", "config-differs"]);
  tell("b", "2", ["stall-guard", '"}new', "newer still"]);
  const warnings = async (): Promise<Record<string, number | undefined>> => {
    const series = await read(state);
    const of = (warning: string): number | undefined =>
      series.get(`warmroute_gateway_warnings{pool="p",warning="${warning}"}`);
    const configurations = series.get('warmroute_gateway_configurations{pool="p"}');
    return {
      "stall-guard": of("stall-guard"),
      "config-differs": of("config-differs"),
      other: of("other"),
      configurations,
    };
  };
  const said = { "stall-guard": 2, "config-differs": 1, other: 1, configurations: 2 };
  assert.deepEqual(await warnings(), said);
  time.nowMs = 60_000;
  const none = { "stall-guard": 0, "config-differs": 0, other: 0, configurations: 0 };
  assert.deepEqual(await warnings(), none, "gateways that are gone warn of nothing");
});

test("one of three pods that takes no connections is passed over and counted", async () => {
  const { state, pool } = stateWithPod();
  const settings = {
    isDraining: false,
    scheme: "http",
    metricsPath: "/metrics",
    uid: null,
    podName: null,
  } as const;
  const addresses = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"];
  pool.setList(
    { pods: addresses.map((address) => ({ address, metricsPort: null, ...settings })) },
    0,
  );
  for (let i = 0; i < 3; i++) {
    pool.endpoints[1]?.record({ result: "unreachable", detail: "", sentAtMs: 0 });
  }
  const series = await read(state);
  assert.equal(series.get('warmroute_pod_passed_over{pool="p",address="10.0.0.2:80"}'), 1);
  assert.equal(series.get('warmroute_pod_passed_over{pool="p",address="10.0.0.3:80"}'), 0);
  assert.equal(series.get('warmroute_pods_ready{pool="p"}'), 2);
  assert.equal(series.get('warmroute_pods{pool="p"}'), 3);
});

test("what gateways eject and hold is shown, until they are gone", async () => {
  const { state, time } = stateWithPod();
  const none = { inFlight: 0, unprefilled: 0, backlogTokens: 0, kvTokens: 0 };
  for (const [incarnation, ejected, waitingForPod] of [
    ["a", "failing", 2],
    ["b", "hung", 5],
    ["c", undefined, 0],
  ] as const) {
    const pods = [{ n: 0, ...none, ejected }];
    state.sync.answer("p", report({ incarnation, pods, waitingForPod }));
  }
  const shown = async (): Promise<(number | undefined)[]> => {
    const series = await read(state);
    return ['warmroute_pod_ejected{pool="p",address="10.0.0.1:80"}']
      .concat('warmroute_pool_held_requests{pool="p"}')
      .map((name) => series.get(name));
  };
  assert.deepEqual(await shown(), [2, 7]);
  time.nowMs = 60_000;
  assert.deepEqual(await shown(), [0, 0]);
});

test("the document lists every metric, with its kind, and no other", async () => {
  const { state } = stateWithPod();
  const { body } = await createMetrics(state)({
    query: new URLSearchParams(),
    body: Buffer.alloc(0),
  });
  const shown = [...String(body).matchAll(/^# TYPE (warmroute_\w+) (\w+)$/gm)];
  const text = readFileSync(join(repositoryRoot(), "docs", "metrics.md"), "utf8");
  const section = text.slice(text.indexOf("## The sidecar's metrics"));
  const listed = [...section.matchAll(/^\| `(warmroute_\w+)` \| (\w+) \|/gm)];
  const pairs = (matches: RegExpMatchArray[]): string[] =>
    matches.map(([, name, kind]) => `${name} ${kind}`).sort();
  assert.deepEqual(pairs(listed), pairs(shown));
});

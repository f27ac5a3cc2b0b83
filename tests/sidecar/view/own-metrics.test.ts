// /metrics: a valid exposition, with the values of pods and gateways.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics } from "../../../sidecar-metrics/src/view/own-metrics.js";
import { report } from "../support/support.js";
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
    ['warmroute_pod_waiting_requests{pool="p",pod="10.0.0.1:80"}', 1],
    ['warmroute_pod_kv_usage_ratio{pool="p",pod="10.0.0.1:80"}', 0.25],
    ['warmroute_pod_load_age_seconds{pool="p",pod="10.0.0.1:80"}', 2.5],
    ['warmroute_pod_failing{pool="p",pod="10.0.0.1:80"}', 0],
    ['warmroute_scrapes_total{pool="p",pod="10.0.0.1:80",result="ok"}', 1],
    ['warmroute_scrapes_total{pool="p",pod="10.0.0.1:80",result="timeout"}', 1],
    ['warmroute_table_age_seconds{pool="p"}', 2.5],
    ['warmroute_gateways{pool="p"}', 1],
    ['warmroute_syncs_total{pool="p"}', 2],
    ['warmroute_decisions_total{pool="p",reason="prefix"}', 6],
    ['warmroute_prompt_tokens_total{pool="p"}', 150],
    ["warmroute_problems", 0],
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

test("names of pools and reasons that gateways invent keep the format valid", async () => {
  const { state } = stateWithPod();
  state.sync.answer("p", report({ incarnation: '"}\n', reasons: { 'x"} 1\nfoo': 3, good: 1 } }));
  const series = await read(state);
  assert.equal(series.get('warmroute_decisions_total{pool="p",reason="good"}'), 1);
});

// A pod's /metrics: text as Python's client writes it, vLLM's names, the engine's values.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineConfig } from "../../simulator/engine/options.js";
import { pythonFloat } from "../../simulator/pods/exposition.js";
import { startPod } from "../../simulator/pods/pod.js";
import { ManualClock, send, TEN_MS_STEPS, until } from "./pods-harness.js";

// Printed by prometheus_client.utils.floatToGoString.
const PYTHON_FLOATS: [number, string][] = [
  [0, "0.0"],
  [12, "12.0"],
  [0.25, "0.25"],
  [0.000123, "0.000123"],
  [0.00001, "1e-05"],
  [2.5e-5, "2.5e-05"],
  [1e-7, "1e-07"],
  [123456, "123456.0"],
  [999999.5, "999999.5"],
  [1_000_000, "1e+06"],
  [1_234_567.5, "1.2345675e+06"],
  [1_066_496_000, "1.066496e+09"],
  [12_345_143_296, "1.2345143296e+010"],
  [1795260940.5155141, "1.7952609405155141e+09"],
  [Infinity, "+Inf"],
  [NaN, "NaN"],
];

test("numbers are written as Python's client writes them", () => {
  for (const [value, text] of PYTHON_FLOATS) assert.equal(pythonFloat(value), text);
});

interface Page {
  types: Map<string, string>;
  samples: Map<string, number>;
  bytes: number;
}

const SAMPLE = new RegExp(
  /^([a-zA-Z_:][\w:]*(?:\{(?:[a-z_]+="[^"\\]*",?)*\})?)/.source +
    / (NaN|[+-]Inf|-?[\d.]+(?:e[+-]\d+)?)$/.source,
);

/** A parser of its own, which knows only the grammar; throws at a line that does not fit. */
function parsePage(text: string): Page {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  assert.ok(text.endsWith("\n"));
  for (const line of text.slice(0, -1).split("\n")) {
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line);
    if (type) {
      assert.ok(!types.has(type[1]!), `${type[1]} has two types`);
      types.set(type[1]!, type[2]!);
      continue;
    }
    if (/^# HELP [a-zA-Z_:][\w:]* \S/.test(line)) continue;
    const sample = SAMPLE.exec(line);
    assert.ok(sample, `not a sample: ${line}`);
    assert.ok(!samples.has(sample[1]!), `twice: ${sample[1]}`);
    samples.set(sample[1]!, Number(sample[2]));
  }
  return { types, samples, bytes: text.length };
}

/** Two equal chats of 110 prompt tokens and 20 of answer, and a third under way. */
async function usedPage(engine: EngineConfig): Promise<Page> {
  const clock = new ManualClock();
  const pod = await startPod({ engine, clock, model: "qwen" });
  try {
    const wish = { messages: [{ role: "user", content: "y".repeat(400) }], stream: true };
    for (let i = 0; i < 2; i++) {
      const exchange = send(pod.address, "/v1/chat/completions", { ...wish, max_tokens: 20 });
      await exchange.head;
      clock.advance(200);
      await exchange.done;
    }
    const open = send(pod.address, "/v1/chat/completions", { ...wish, max_tokens: 20 });
    await open.head;
    await until(() => pod.stats().running === 1, "the third request");
    const answer = await send(pod.address, "/metrics").done;
    assert.equal(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    open.hangUp();
    return parsePage(answer.body.toString("utf8"));
  } finally {
    await pod.close();
  }
}

function checkHistograms({ types, samples }: Page): void {
  for (const [name, type] of types) {
    if (type !== "histogram") continue;
    const buckets = [...samples].filter(([key]) => key.startsWith(`${name}_bucket{`));
    const counts = buckets.map(([, value]) => value);
    assert.ok(buckets.length >= 2, name);
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
      name,
    );
    assert.match(buckets[buckets.length - 1]![0], /le="\+Inf"/);
    const count = [...samples].find(([key]) => key.startsWith(`${name}_count{`));
    assert.equal(count?.[1], counts[counts.length - 1], name);
  }
}

test("V1's page has vLLM's names, labels and this engine's values", async () => {
  const page = await usedPage(TEN_MS_STEPS);
  const value = (name: string, extra = "") =>
    page.samples.get(`vllm:${name}{engine="0"${extra},model_name="qwen"}`);
  assert.equal(value("num_requests_running"), 1);
  assert.equal(value("num_requests_waiting"), 0);
  assert.equal(value("kv_cache_usage_perc"), 7 / 1000);
  assert.equal(value("prompt_tokens_total"), 220);
  assert.equal(value("generation_tokens_total"), 40);
  assert.equal(value("prefix_cache_queries_total"), 330);
  assert.equal(value("prefix_cache_hits_total"), 96 + 96);
  assert.equal(value("num_preemptions_total"), 0);
  assert.equal(value("request_success_total", ',finished_reason="length"'), 2);
  assert.equal(value("request_success_total", ',finished_reason="stop"'), 0);
  assert.equal(value("time_to_first_token_seconds_count"), 2);
  assert.equal(value("time_to_first_token_seconds_bucket", ',le="0.01"'), 2);
  assert.equal(value("inter_token_latency_seconds_count"), 38);
  assert.ok(Math.abs(value("e2e_request_latency_seconds_sum")! - 0.4) < 1e-9);
  assert.equal(value("request_prompt_tokens_bucket", ',le="100.0"'), 0);
  assert.equal(value("request_prompt_tokens_bucket", ',le="200.0"'), 2);
  assert.equal(value("request_params_max_tokens_bucket", ',le="20.0"'), 2);
  assert.equal(page.samples.get("process_start_time_seconds"), 1_700_000_000);
  const config = [...page.samples.keys()].find((key) => key.startsWith("vllm:cache_config_info{"));
  assert.match(config!, /block_size="16",.*enable_prefix_caching="True",.*num_gpu_blocks="1000"/);
  checkHistograms(page);
  assert.ok(page.bytes > 30_000 && page.bytes < 60_000, `${page.bytes} bytes`);
});

test("V0's page has the older names and no engine label", async () => {
  const page = await usedPage({ ...TEN_MS_STEPS, scheduler: "v0" });
  const value = (name: string) => page.samples.get(`vllm:${name}{model_name="qwen"}`);
  assert.equal(value("num_requests_running"), 1);
  assert.equal(value("num_requests_swapped"), 0);
  assert.equal(value("gpu_cache_usage_perc"), 7 / 1000);
  assert.equal(value("cpu_cache_usage_perc"), 0);
  assert.equal(value("gpu_prefix_cache_hit_rate"), -1);
  assert.equal(value("prompt_tokens_total"), 220);
  for (const name of ["kv_cache_usage_perc", "prefix_cache_queries_total"]) {
    assert.equal(value(name), undefined);
  }
  const names = [...page.samples.keys()].join("\n");
  assert.ok(!names.includes("engine="));
  assert.ok(!names.includes("_created"));
  assert.match(names, /enable_prefix_caching="False"/);
  checkHistograms(page);
});

test("running and waiting adapters are listed where adapters are served", async () => {
  const clock = new ManualClock();
  const engine = { ...TEN_MS_STEPS, maxRunning: 1 };
  const pod = await startPod({ engine, clock, adapters: ["sql", "code"], maxLoras: 8 });
  try {
    for (const model of ["sql", "code"]) {
      const wish = { model, prompt: "x", max_tokens: 9, stream: true };
      await send(pod.address, "/v1/completions", wish).head;
    }
    const page = (await send(pod.address, "/metrics").done).body.toString("utf8");
    const labels = 'max_lora="8",running_lora_adapters="sql",waiting_lora_adapters="code"';
    assert.ok(page.includes(`vllm:lora_requests_info{${labels}} 1.7e+09\n`));
  } finally {
    await pod.close();
  }
});

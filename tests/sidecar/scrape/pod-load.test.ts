// Pages of vLLM to loads: V0, V1 with several engines, releases that counted blocks, odd values.
import assert from "node:assert/strict";
import { test } from "node:test";
import { VLLM } from "../../../sidecar-metrics/src/engines/vllm.js";
import { ExpositionParser } from "../../../sidecar-metrics/src/scrape/exposition.js";
import {
  LoadCollector,
  type LoadReading,
  type PodLoad,
} from "../../../sidecar-metrics/src/scrape/pod-load.js";
import { fixture } from "../support/support.js";

function read(page: string | Buffer, modelName: string | null = null): LoadReading {
  const collector = new LoadCollector(VLLM, modelName);
  const parser = new ExpositionParser(LoadCollector.names(VLLM), collector);
  parser.feed(Buffer.from(page));
  parser.end();
  return collector.finish();
}

function load(page: string | Buffer, modelName: string | null = null): PodLoad {
  const reading = read(page, modelName);
  assert.equal(reading.kind, "load");
  return (reading as { load: PodLoad }).load;
}

test("a V0 page", () => {
  assert.deepEqual(load(fixture("metrics/vllm-v0.txt")), {
    waiting: 4,
    running: 17,
    kvUsage: 0.8125,
    kvCapacityTokens: 84_000,
    promptTokens: 12_345_678,
    generatedTokens: 765_432,
    prefixQueryTokens: null,
    prefixHitTokens: null,
    hasPrefixCaching: false,
    startTimeSeconds: 1_735_123_456.78,
    lora: null,
    oddNames: [],
  });
});

test("a V1 page with two engines: sums, the mean share, old names not counted twice", () => {
  assert.deepEqual(load(fixture("metrics/vllm-v1-data-parallel.txt")), {
    waiting: 3,
    running: 13,
    kvUsage: 0.375,
    kvCapacityTokens: 610_016,
    promptTokens: 1_000_300,
    generatedTokens: 100_000,
    prefixQueryTokens: 1_000_000,
    prefixHitTokens: 700_000,
    hasPrefixCaching: true,
    startTimeSeconds: 1_760_123_456.78,
    lora: null,
    oddNames: [],
  });
});

test("an early V1 page counts blocks, which are turned into tokens", () => {
  const { prefixQueryTokens, prefixHitTokens, kvCapacityTokens } = load(
    fixture("metrics/vllm-v1-blocks.txt"),
  );
  assert.deepEqual([prefixQueryTokens, prefixHitTokens, kvCapacityTokens], [32_000, 8_000, 0]);
});

test("blocks of unknown size are missing", () => {
  const page = fixture("metrics/vllm-v1-blocks.txt").toString().replace('block_size="32",', "");
  assert.equal(load(page).prefixQueryTokens, null);
});

const INFO = "vllm:cache_config_info";
const QUEUE = "vllm:num_requests_waiting 0\n";

const CAPACITIES: [string, string, number][] = [
  [
    "the stated tokens win over the product",
    `{block_size="16",num_gpu_blocks="100",kv_cache_size_tokens="900"}`,
    900,
  ],
  ["blocks not yet known", `{block_size="16",num_gpu_blocks="None"}`, 0],
  ["no labels", "", 0],
  ["more tokens than a table can hold", `{block_size="999999",num_gpu_blocks="999999999"}`, 0],
];

for (const [name, labels, tokens] of CAPACITIES) {
  test(`capacity: ${name}`, () => {
    assert.equal(load(`${QUEUE}${INFO}${labels} 1\n`).kvCapacityTokens, tokens);
  });
}

test("an engine shown twice, before and after it knew its blocks, counts once", () => {
  const twice = ["None", "100"].map(
    (n) => `${INFO}{engine="0",block_size="16",num_gpu_blocks="${n}"} 1`,
  );
  assert.equal(load(`${QUEUE}${twice.join("\n")}\n`).kvCapacityTokens, 1_600);
});

const ODD = ["NaN", "+Inf", "-Inf", "-1", "1e300", "junk", ""];

for (const value of ODD) {
  test(`a queue of "${value}" is missing and said to be odd`, () => {
    const { waiting, running, oddNames } = load(
      `vllm:num_requests_waiting ${value}\nvllm:num_requests_running 1\n`,
    );
    assert.deepEqual([waiting, running], [null, 1]);
    assert.deepEqual(oddNames, ["vllm:num_requests_waiting"]);
  });
}

test("a share just above 1 is rounding, a percentage is no share", () => {
  const usage = (value: string): number | null =>
    load(`${QUEUE}vllm:kv_cache_usage_perc ${value}\n`).kvUsage;
  assert.deepEqual([usage("1.0000001"), usage("73")], [1, null]);
});

const TWO_MODELS =
  'vllm:num_requests_waiting{model_name="a"} 1\nvllm:num_requests_waiting{model_name="b"} 2\n';

test("with a model name only its series count; without, all", () => {
  assert.equal(load(TWO_MODELS, "b").waiting, 2);
  assert.equal(load(TWO_MODELS).waiting, 3);
});

test("a page of other models says which", () => {
  assert.deepEqual(read(TWO_MODELS, "c"), { kind: "no_model", models: ["a", "b"] });
});

test("a page of another program has no load", () => {
  assert.deepEqual(read("go_goroutines 12\nprocess_start_time_seconds 1\n"), {
    kind: "no_metrics",
  });
  assert.deepEqual(read(""), { kind: "no_metrics" });
});

function lora(at: string, running: string, waiting = "", limit = "4"): string {
  const labels = `running_lora_adapters="${running}",waiting_lora_adapters="${waiting}"`;
  return `vllm:lora_requests_info{max_lora="${limit}",${labels}} ${at}`;
}

const LORA_PAGES: [string, string[], PodLoad["lora"]][] = [
  ["no adapters are served", [], null],
  ["one series", [lora("1.7e+09", "sql,code", "x")], lists("sql code", "x")],
  [
    "the newest of those that vLLM leaves on its page, wherever it stands",
    [lora("1.76e+09", "old"), lora("1.7600000012e+09", "new"), lora("1.7600000011e+09", "", "old")],
    lists("new", ""),
  ],
  ["nothing runs", [lora("1.7e+09", "")], lists("", "")],
  ["blanks after commas", [lora("1.7e+09", "a, b ,,c")], lists("a b c", "")],
  ["a value that is no time", [lora("NaN", "bad"), lora("5", "good")], lists("good", "")],
  ["a limit that is no number", [lora("1", "a", "", "None")], lists("a", "", 0)],
  ["V0 without LoRA", [lora("1.7e+09", "", "", "0")], null],
];

function lists(running: string, waiting: string, limit = 4): PodLoad["lora"] {
  const names = (text: string): string[] => (text === "" ? [] : text.split(" "));
  return { running: names(running), waiting: names(waiting), limit };
}

for (const [name, lines, expected] of LORA_PAGES) {
  test(`adapters: ${name}`, () => {
    assert.deepEqual(load(QUEUE + lines.join("\n"), "m").lora, expected);
  });
}

test("adapters: names without end are cut", () => {
  const names = Array.from({ length: 300 }, (_, index) => `n${index}`);
  names[5] = "x".repeat(257);
  const { running } = load(`${QUEUE}${lora("1", names.join(","))}\n`).lora ?? { running: [] };
  assert.deepEqual([running.length, running[5]], [255, "n6"]);
});

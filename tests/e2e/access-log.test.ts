// The access log of docs/traces.md, written by a real Envoy with the filter, becomes a trace that
// the simulator replays: times, lengths and shared prefixes are those of the requests sent.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { projectPath } from "../../scripts/config/project.js";
import { until } from "../../lab/processes.js";
import { profile } from "../../simulator/engine/profiles.js";
import { startPod } from "../../simulator/pods/pod.js";
import type { TraceLine } from "../../simulator/traces/trace-line.js";
import { prose, send, startRig } from "./support/rig.js";

const CHAT = "/v1/chat/completions";
const SYSTEM = prose("system", 8000);
/** Prompts: JSON around the text against a template's tokens. */
const PROMPT_ERROR_MAX = 0.05;
/** Answers: events of the size that is the default. */
const OUTPUT_ERROR_MAX = 0.1;
/** Within a text the filter sees a prefix to 1/16 of its length, the trace to 64 tokens. */
const SHARED_ERROR_MAX = 0.1;
/** Longer than one worker needs to learn what the other one routed. */
const PAUSE_MS = 60;

interface Snippet {
  access_log: [{ typed_config: { path: string; log_format: { json_format: object } } }];
}
interface ProxySnippet {
  spec: { telemetry: { accessLog: { settings: [{ format: { json: object } }] } } };
}

function snippets(): [Snippet, ProxySnippet] {
  const text = readFileSync(projectPath("docs", "traces.md"), "utf8");
  const blocks = [...text.matchAll(/^```yaml\n([^]*?)^```/gm)].map(([, yaml]) => yaml!);
  assert.equal(blocks.length, 2);
  return [parse(blocks[0]!) as Snippet, parse(blocks[1]!) as ProxySnippet];
}

interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  prompt_tokens_details: { cached_tokens: number } | null;
}

/** Eight questions on one system prompt, two prompts of their own; every third is not streamed. */
const BODIES = Array.from({ length: 10 }, (_, i) => {
  const question = { role: "user", content: prose(`question ${i}`, 1600 + 200 * i) };
  const messages = i < 8 ? [{ role: "system", content: SYSTEM }, question] : [question];
  const streamed = { stream: true, stream_options: { include_usage: true } };
  const base = { model: "Qwen/Qwen3-32B", messages, max_tokens: 60 + 10 * i, ignore_eos: true };
  return i % 3 === 2 ? base : { ...base, ...streamed };
});

async function ask(url: string, body: object): Promise<Usage> {
  const session = { "x-session-id": "-" };
  const answer = await send(url + CHAT, JSON.stringify(body), session);
  assert.equal(answer.status, 200);
  const text = answer.body.toString();
  const events = text.split("\n\n").filter((event) => event.includes('"usage":{'));
  const json = text.startsWith("data: ") ? events.at(-1)!.slice("data: ".length) : text;
  return (JSON.parse(json) as { usage: Usage }).usage;
}

function warmroute(...args: string[]) {
  const command = projectPath("build", "js", "scripts", "warmroute.js");
  return spawnSync(process.execPath, [command, ...args], { encoding: "utf8" });
}

/** Of each line the tokens of its leading blocks that an earlier line had in the same place. */
function sharedTokens(lines: readonly TraceLine[]): number[] {
  const seen = new Set<string>();
  return lines.map(({ hashIds, blockTokens }) => {
    const places = hashIds.map((id, index) => `${index} ${id}`);
    const unknown = places.findIndex((place) => !seen.has(place));
    for (const place of places) seen.add(place);
    return (unknown < 0 ? places.length : unknown) * blockTokens;
  });
}

describe("a trace from the access log", () => {
  const folder = mkdtempSync(join(tmpdir(), "warmroute-log-"));
  const log = join(folder, "access.log");
  const usages: Usage[] = [];
  const sentMs: number[] = [];
  let lines: TraceLine[] = [];
  let report = "";

  before(async () => {
    const { timing, ...rest } = profile("qwen3-32b-2xh100-v1");
    // Six times as fast, so that the test is: lengths do not depend on it.
    const engine = { ...rest, timing: { ...timing, stepMs: timing.stepMs / 6 } };
    const options = { engine, model: "Qwen/Qwen3-32B", promptTokensDetails: true };
    const pods = [await startPod(options), await startPod(options)];
    const [{ access_log: accessLog }] = snippets();
    accessLog[0].typed_config.path = log;
    const addresses = pods.map(({ address }) => address);
    const rig = await startRig([{ name: "default", pods: addresses, listener: { accessLog } }]);
    const url = rig.urls[0]!;
    for (const body of BODIES) {
      sentMs.push(Date.now());
      usages.push(await ask(url, body));
      await sleep(PAUSE_MS);
    }
    await send(url + CHAT, JSON.stringify({ model: "no such model", messages: [] }));
    await until("Envoy has written a line for each request", () => {
      const posts = readFileSync(log, "utf8").match(/"method":"POST"/g) ?? [];
      return posts.length === BODIES.length + 1;
    });
    await rig.stop();
    for (const pod of pods) await pod.close();
    writeFileSync(log, `${readFileSync(log, "utf8")}this line is cut {"start_\n`);
    const made = warmroute("trace", log);
    assert.equal(made.status, 0, made.stderr);
    report = made.stderr;
    writeFileSync(join(folder, "trace.jsonl"), made.stdout);
    lines = made.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as TraceLine);
  });
  after(() => rmSync(folder, { recursive: true }));

  test("each answered request is a line; the others are counted", () => {
    assert.equal(lines.length, BODIES.length);
    assert.match(report, /^\d+ lines were no POST to a completions path$/m);
    assert.match(report, /^1 lines were not answered with 200$/m);
    assert.match(report, /^1 lines were no JSON object$/m);
    assert.match(report, /^10 requests; /m);
  });

  test("arrivals are those of the requests, within what a connection takes", () => {
    for (const [index, { atMs }] of lines.entries()) {
      assert.ok(atMs >= sentMs[index]! - 1, `${atMs} is before ${sentMs[index]}`);
      assert.ok(atMs < (sentMs[index + 1] ?? Infinity), `${atMs} is after the next`);
    }
  });

  test("lengths are what the pods counted, within the bounds that are stated", () => {
    for (const [index, { promptTokens, outputTokens, stream }] of lines.entries()) {
      const { prompt_tokens: prompt, completion_tokens: output } = usages[index]!;
      const told = `${index}: ${promptTokens} of ${prompt}, ${outputTokens} of ${output}`;
      assert.ok(Math.abs(promptTokens / prompt - 1) <= PROMPT_ERROR_MAX, told);
      assert.ok(Math.abs(outputTokens / output - 1) <= OUTPUT_ERROR_MAX, told);
      assert.equal(stream, index % 3 !== 2);
    }
  });

  test("means that the pods counted make the sums theirs", () => {
    const mean = (of: (usage: Usage) => number): number =>
      usages.reduce((sum, usage) => sum + of(usage), 0) / usages.length;
    const [prompt, output] = [
      mean((one) => one.prompt_tokens),
      mean((one) => one.completion_tokens),
    ];
    const { stdout } = warmroute(
      ...["trace", log, "--bytes-per-token", "3", "--stream-bytes-per-token", "100"],
      ...["--mean-prompt-tokens", String(prompt), "--mean-output-tokens", String(output)],
    );
    const scaled = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as TraceLine);
    const sum = (of: (line: TraceLine) => number): number =>
      scaled.reduce((total, line) => total + of(line), 0) / scaled.length;
    assert.ok(Math.abs(sum(({ promptTokens }) => promptTokens) - prompt) <= 1);
    assert.ok(Math.abs(sum(({ outputTokens }) => outputTokens) - output) <= 1);
  });

  test("shared prefixes are those that the pods found cached", () => {
    const shared = sharedTokens(lines);
    const cached = usages.map(({ prompt_tokens_details: told }) => told?.cached_tokens ?? 0);
    assert.deepEqual([cached[0], cached[8], cached[9]], [0, 0, 0]);
    for (const [index, tokens] of shared.entries()) {
      const told = `${index}: ${tokens} of ${cached[index]}`;
      assert.ok(Math.abs(tokens - cached[index]!) <= SHARED_ERROR_MAX * 2000, told);
    }
  });

  test("the simulator replays it", () => {
    const file = join(folder, "trace.jsonl");
    const { stdout, stderr, status } = warmroute("simulate", "--trace", file, "--json");
    assert.equal(status, 0, stderr);
    assert.equal(stderr, "");
    for (const line of stdout.trimEnd().split("\n")) assert.match(line, /"errors":0,/);
  });

  test("Envoy Gateway's snippet logs the same keys", () => {
    const [{ access_log: accessLog }, proxy] = snippets();
    const { settings } = proxy.spec.telemetry.accessLog;
    assert.deepEqual(settings[0].format.json, accessLog[0].typed_config.log_format.json_format);
  });
});

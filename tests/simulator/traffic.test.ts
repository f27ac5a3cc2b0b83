// What the workloads are made of, as docs/simulator.md has it, and when their requests come.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { derive, EAGER_PCIE, GRAPHS, A10, H100, QWEN_32B } from "../../simulator/engine/derive.js";
import { profile } from "../../simulator/engine/profiles.js";
import { arrivals } from "../../simulator/run/arrivals.js";
import { chatBody } from "../../simulator/traffic/body.js";
import { TRAFFIC } from "../../simulator/traffic/index.js";
import { promptTokens, type TrafficRequest } from "../../simulator/traffic/traffic.js";

const first = (workload: string, count: number): TrafficRequest[] => {
  const source = TRAFFIC.get(workload)!.source(1);
  return Array.from({ length: count }, (_, conversation) => source.first(conversation));
};
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
function near(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual / expected - 1) <= share, `${actual}, expected ${expected}`);
}

describe("contents", () => {
  test("seed-r1-7b: 10 + U[310, 1,550] tokens in, U[360, 1,800] out", () => {
    const requests = first("seed-r1-7b", 4000);
    const [inputs, outputs] = [requests.map(promptTokens), requests.map((r) => r.outputTokens)];
    assert.deepEqual([Math.min(...inputs), Math.max(...inputs)], [320, 1560]);
    assert.deepEqual([Math.min(...outputs), Math.max(...outputs)], [360, 1800]);
    near(mean(inputs), 940, 0.02);
    near(mean(outputs), 1080, 0.02);
  });

  test("lws: short prompts of at most 1,024 tokens that share nothing", () => {
    const requests = first("lws", 4000);
    assert.ok(requests.every((request) => promptTokens(request) <= 1024));
    near(mean(requests.map(promptTokens)), 218, 0.05);
    assert.equal(new Set(requests.map(({ messages }) => messages[0]!.id)).size, 4000);
  });

  test("agent: contexts grow by calls and results to at most 100,000 tokens", () => {
    const source = TRAFFIC.get("agent")!.source(1);
    const lasts: number[] = [];
    for (let conversation = 0; conversation < 50; conversation++) {
      let request = source.first(conversation);
      for (let turn = 1; ; turn++) {
        const followUp = source.next(request);
        if (followUp === null) {
          assert.equal(turn, 16);
          break;
        }
        const { messages } = followUp.request;
        assert.deepEqual(messages.slice(0, -2), request.messages);
        assert.deepEqual(
          messages.slice(-2).map(({ role }) => role),
          ["call", "tool"],
        );
        request = followUp.request;
      }
      const context = promptTokens(request) + request.outputTokens;
      assert.ok(context <= 100_000);
      lasts.push(context);
    }
    assert.ok(mean(lasts) > 85_000, `mean ${mean(lasts)}`);
  });

  test("an agent's body has tools, calls and their results, each by its id", () => {
    const source = TRAFFIC.get("agent")!.source(1);
    const { request } = source.next(source.first(0))!;
    const body = JSON.parse(chatBody(request)) as {
      tools: { function: { description: string } }[];
      messages: { role: string; tool_calls?: { id: string }[]; tool_call_id?: string }[];
    };
    assert.equal(body.tools[0]!.function.description.length, 24_000);
    assert.deepEqual(
      body.messages.map(({ role }) => role),
      ["system", "user", "assistant", "tool"],
    );
    assert.equal(body.messages[3]!.tool_call_id, body.messages[2]!.tool_calls![0]!.id);
  });

  test("half-streamed: the prompts of zipf, every other answer whole", () => {
    const requests = first("half-streamed", 4000);
    const whole = requests.filter(({ isStreamed }) => isStreamed === false);
    near(whole.length, 2000, 0.05);
    assert.deepEqual(
      requests.map(({ messages }) => messages),
      first("zipf", 4000).map(({ messages }) => messages),
    );
    const body = JSON.parse(chatBody(whole[0]!)) as Record<string, unknown>;
    assert.deepEqual([body["stream"], body["stream_options"]], [false, undefined]);
  });

  test("lora: 24 adapters, in the place of the model's name, with prompts of their own", () => {
    const requests = first("lora", 4000);
    const adapters = new Set(requests.map(({ adapter }) => adapter));
    assert.deepEqual([...adapters].sort(), [...TRAFFIC.get("lora")!.adapters!].sort());
    const owners = new Map<number, string>();
    for (const { messages, adapter } of requests) {
      assert.equal(owners.get(messages[0]!.id) ?? adapter, adapter);
      owners.set(messages[0]!.id, adapter!);
    }
    assert.equal(owners.size, 72);
    const body = JSON.parse(chatBody(requests[0]!)) as Record<string, unknown>;
    assert.equal(body["model"], requests[0]!.adapter);
  });

  test("viral: two thirds of requests 2,400 to 4,799 are about one document", () => {
    const isViral = first("viral", 7200).map(({ messages }) => messages[0]!.tokens === 16_000);
    const count = (from: number, to: number): number =>
      isViral.slice(from, to).filter(Boolean).length;
    assert.deepEqual([count(0, 2400), count(4800, 7200)], [0, 0]);
    near(count(2400, 4800), 1600, 0.05);
  });
});

test("burst: three times the rate for 10 s a minute, the mean over minutes as asked", () => {
  const times = [...arrivals(TRAFFIC.get("burst")!, { ratePerS: 100 }, 24_000, 1)];
  const inBurst = times.filter((atMs) => atMs % 60_000 >= 30_000 && atMs % 60_000 < 40_000);
  near(times.at(-1)!, 240_000, 0.03);
  near(inBurst.length, 12_000, 0.03);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
});

describe("engines", () => {
  test("data sheets come to what was fitted to measurements", () => {
    for (const [name, derived] of [
      ["qwen3-32b-2xh100-v1", derive(QWEN_32B, H100, 2, GRAPHS)],
      ["qwq-32b-4xa10-v0", derive(QWEN_32B, A10, 4, EAGER_PCIE)],
    ] as const) {
      const { kvTokens, timing } = profile(name);
      near(derived.kvTokens, kvTokens, 0.03);
      near(derived.stepMs, timing.stepMs, 0.03);
      near(derived.prefillTokenMs, timing.prefillTokenMs, 0.03);
    }
  });

  test("a 7B on an L20: 15.24 GB at 0.8 of 864 GB/s, 15.24 GFLOP at 0.53 of 119.5 T", () => {
    const { timing } = profile("r1-distill-7b-l20-v0");
    near(timing.stepMs, 22.05, 0.001);
    near(timing.prefillTokenMs, 0.2406, 0.001);
  });
});

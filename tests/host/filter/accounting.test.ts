// What a request weighs on its pod, and that it is given back once, however the request ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DESTINATION_HEADER,
  type ResponseSpec,
  sendResponse,
  type StreamContext,
} from "../../../simulator/host/index.js";
import { decisionOf, firstPod, Gateway, type PodLoad } from "./support/gateway.js";
import {
  completion,
  EVENTS_HEADER,
  eventAnswer,
  eventText,
  jsonAnswer,
  prompt,
  PROMPT_TOKENS,
} from "./support/messages.js";
import { textOf } from "./support/random.js";

const NOTHING: PodLoad = { inFlight: 0, backlogTokens: 0, kvTokens: 0 };
const ok = [":status", "200"] as const;

/** Answers from the first choice, so that the pod is known. */
function answer(response: ResponseSpec): (stream: StreamContext) => void {
  return (stream) => void sendResponse(stream, response);
}

function served(stream: StreamContext): void {
  stream.upstreamAddress = stream.upstream.headers!.get(DESTINATION_HEADER)!.split(",")[0]!;
  stream.attempts = 1;
}

const USAGE = { prompt: PROMPT_TOKENS, output: 40, cached: 0 };
const SSE = eventText(USAGE);

const ENDS: [title: string, end: (stream: StreamContext, gateway: Gateway) => void][] = [
  ["a streamed answer with usage", answer(eventAnswer(USAGE))],
  ["a streamed answer without usage", answer(eventAnswer())],
  ["a streamed answer with null details", answer(eventAnswer({ prompt: 2000, output: 4 }))],
  [
    "a streamed answer with CRLF",
    answer({ headers: [EVENTS_HEADER], chunks: [SSE.replaceAll("\n", "\r\n")] }),
  ],
  ["an answer in one piece", answer(jsonAnswer(USAGE))],
  ["an answer in one piece without usage", answer(jsonAnswer())],
  ["an answer whose end comes apart", answer({ ...jsonAnswer(USAGE), endsApart: true })],
  ["an answer with trailers", answer({ ...eventAnswer(USAGE), trailers: [["x", "1"]] })],
  ["trailers without a body", answer({ chunks: [], trailers: [["grpc-status", "0"]] })],
  ["headers alone", answer({ status: 204, chunks: [] })],
  [
    "a compressed answer",
    answer({
      headers: [["content-encoding", "gzip"]],
      chunks: [new Uint8Array([31, 139, 8, 0, 1])],
    }),
  ],
  [
    "an answer that is no JSON",
    answer({ chunks: ['{"usage":{"prompt_tokens":1e99,"cached', '"]'] }),
  ],
  [
    "an answer of another type",
    answer({ headers: [["content-type", "audio/mpeg"]], chunks: ["ID3"] }),
  ],
  ["400", answer({ status: 400, chunks: ['{"error":{"message":"too long"}}'] })],
  ["404", answer({ status: 404, chunks: ['{"error":"no such model"}'] })],
  ["429", answer({ status: 429, headers: [["retry-after", "1"]] })],
  ["500", answer({ status: 500, chunks: ["Internal Server Error"] })],
  ["503 of the pod", answer({ status: 503, chunks: ["busy"] })],
  ["a strange status", answer({ status: 7 })],
  ["Envoy's own 503 without an upstream", (s) => s.envoyReply(503, "no_healthy_upstream", "no", 2)],
  ["Envoy's own 504", (s) => s.envoyReply(504, "response_timeout", "", 4)],
  ["the client goes before the answer", (s) => s.disconnect()],
  [
    "the client goes before the first event",
    (s) => {
      served(s);
      s.responseHeaders([ok, EVENTS_HEADER]);
      s.disconnect();
    },
  ],
  [
    "the client goes in the middle of the stream",
    (s) => {
      served(s);
      s.responseHeaders([ok, EVENTS_HEADER]);
      s.responseBody(SSE.slice(0, 150));
      s.disconnect();
    },
  ],
  [
    "the pod's connection breaks in the middle of the stream",
    (s) => {
      served(s);
      s.responseHeaders([ok, EVENTS_HEADER]);
      s.responseBody(SSE.slice(0, 150));
      s.codeDetails = "upstream_reset_after_response_started";
      s.done();
    },
  ],
  [
    "the stream is deleted without a log",
    (s) => {
      const remove = s.root.host.exports["proxy_on_delete"] as (id: number) => void;
      s.root.host.call(s, remove as never, s.id);
      s.root.host.callVoid(s, remove as never, s.id);
    },
  ],
  [
    "a retry that an unknown host served",
    (s) =>
      void sendResponse(s, { ...eventAnswer(USAGE), upstreamAddress: "9.9.9.9:9", attempts: 2 }),
  ],
  [
    "its pod leaves the table meanwhile",
    (s, gateway) => {
      gateway.pods.splice(0);
      gateway.advance(60);
      sendResponse(s, eventAnswer(USAGE));
      gateway.pods.push({ number: 0, address: "10.0.0.1:8000" });
    },
  ],
  [
    "its pod gets a new epoch meanwhile",
    (s, gateway) => {
      gateway.pods[0]!.epoch = 2;
      gateway.advance(60);
      sendResponse(s, eventAnswer(USAGE));
    },
  ],
];

for (const isStream of [true, false]) {
  for (const [title, end] of ENDS) {
    test(`given back once: ${title} (${isStream ? "" : "not "}asked to stream)`, () => {
      const gateway = new Gateway({ pods: 1 });
      const other = gateway.send(prompt(1), null);
      const before = gateway.load(0);
      assert.deepEqual(before, { inFlight: 1, backlogTokens: 2000, kvTokens: 2300 });
      const one = gateway.send(prompt(2, { stream: isStream }), null);
      assert.equal(gateway.inFlight, 2);
      assert.equal(gateway.load(0).inFlight, 2);
      end(one.stream, gateway);
      assert.equal(gateway.inFlight, 1);
      one.stream.done();
      one.stream.done();
      assert.equal(gateway.inFlight, 1);
      assert.deepEqual(gateway.load(0), before);
      other.stream.done();
      assert.equal(gateway.inFlight, 0);
      assert.deepEqual(gateway.load(0), NOTHING);
      assert.equal(gateway.hasFailed, false);
    });
  }
}

const CUTS: [title: string, cut: (stream: StreamContext) => void][] = [
  ["before its headers", (s) => s.disconnect()],
  [
    "after its headers",
    (s) => {
      s.requestHeaders([
        [":method", "POST"],
        [":path", "/v1/completions"],
        ["content-type", "application/json"],
      ]);
      s.disconnect();
    },
  ],
  [
    "in the middle of its body",
    (s) => {
      s.requestHeaders([
        [":method", "POST"],
        [":path", "/v1/completions"],
        ["content-type", "application/json"],
      ]);
      s.requestBody('{"prompt":"abc');
      s.disconnect();
    },
  ],
  [
    "by a reply of Envoy while it is held",
    (s) => {
      s.requestHeaders([
        [":method", "POST"],
        [":path", "/v1/completions"],
        ["content-type", "application/json"],
      ]);
      s.requestBody('{"prompt":"abc');
      s.envoyReply(408, "request_timeout", "too slow");
      s.done();
    },
  ],
];

for (const [title, cut] of CUTS) {
  test(`nothing is taken by a request that ends ${title}`, () => {
    const gateway = new Gateway({ pods: 1 });
    const stream = gateway.vms[0]!.host.newStream(gateway.vms[0]!.root);
    cut(stream);
    assert.equal(stream.downstream.headers?.get("x-warmroute-decision"), undefined);
    assert.equal(gateway.inFlight, 0);
    assert.deepEqual(gateway.load(0), NOTHING);
    assert.equal(gateway.report().json.index.nodes, 0);
    assert.equal(gateway.hasFailed, false);
  });
}

test("KV tokens are what is not cached and the answer, bounded by what the client allows", () => {
  const gateway = new Gateway({ pods: 1 });
  const first = gateway.send(prompt(1, { max_tokens: 16 }), null);
  assert.deepEqual(gateway.load(0), { inFlight: 1, backlogTokens: 2000, kvTokens: 2016 });
  const again = gateway.send(prompt(1, { max_tokens: 1_000_000 }), null);
  assert.deepEqual(gateway.load(0), { inFlight: 2, backlogTokens: 2000, kvTokens: 2316 });
  for (const { stream } of [first, again]) stream.done();
  assert.deepEqual(gateway.load(0), NOTHING);
});

test("the backlog of a streamed answer is released at its first data line, not before", () => {
  const gateway = new Gateway({ pods: 1 });
  const { stream } = gateway.send(prompt(1), null);
  served(stream);
  const shown = (): number[] => {
    const { inFlight, backlogTokens, kvTokens } = gateway.load(0);
    return [inFlight, backlogTokens, kvTokens];
  };
  stream.responseHeaders([ok, EVENTS_HEADER]);
  assert.deepEqual(shown(), [1, 2000, 2300]);
  stream.responseBody(": ping\n\nevent: x\n\ndat");
  assert.deepEqual(shown(), [1, 2000, 2300]);
  stream.responseBody('a: {"choices":[]}\n\n');
  assert.deepEqual(shown(), [1, 0, 2300]);
  stream.responseBody("data: [DONE]\n\n", true);
  assert.deepEqual(shown(), [0, 0, 0]);
  stream.done();
});

test("the backlog of an answer that is not streamed drains when its prefill should be done", () => {
  const gateway = new Gateway({ pods: 1, config: { pollIntervalMs: 10 } });
  const { stream } = gateway.send(prompt(1, { stream: false }), null);
  const backlog = (): number => {
    gateway.advance(20);
    return gateway.sidecar.lastReport("default").json.pods[0]!.backlogTokens;
  };
  // 2,000 tokens of 62 µs are 124 ms.
  for (let ms = 20; ms <= 120; ms += 20) assert.equal(backlog(), 2000, `after ${ms} ms`);
  gateway.advance(60);
  assert.equal(backlog(), 0);
  sendResponse(stream, jsonAnswer());
  stream.done();
  assert.deepEqual(gateway.load(0), NOTHING);
});

test("or when its pod, scraped since, has nothing waiting any more", () => {
  const gateway = new Gateway({ pods: 1, config: { pollIntervalMs: 10, prefillUsPerToken: 6200 } });
  Object.assign(gateway.pods[0]!, { waiting: 1, running: 0 });
  const { stream } = gateway.send(prompt(1, { stream: false }), null);
  assert.equal(gateway.load(0).backlogTokens, 2000);
  Object.assign(gateway.pods[0]!, { waiting: 0, running: 1 });
  gateway.advance(60);
  assert.equal(gateway.load(0).backlogTokens, 0);
  stream.done();
});

test("a retry that another pod served moves load and prefix there", () => {
  const gateway = new Gateway({ pods: 3 });
  const request = prompt(1);
  const { stream, destinationHeader } = gateway.send(request, null);
  const [first, second] = destinationHeader!.split(",") as [string, string];
  const numberOf = (address: string) => gateway.pods.find((pod) => pod.address === address)!.number;
  assert.equal(gateway.load(numberOf(first)).backlogTokens, 2000);
  stream.upstreamAddress = second;
  stream.attempts = 2;
  stream.responseHeaders([ok, EVENTS_HEADER]);
  assert.deepEqual(gateway.load(numberOf(first)), NOTHING);
  const { inFlight, backlogTokens } = gateway.load(numberOf(second));
  assert.deepEqual([inFlight, backlogTokens], [1, 2000]);
  assert.equal(gateway.inFlight, 1);
  stream.responseBody(SSE, true);
  stream.done();
  assert.deepEqual(gateway.load(numberOf(second)), NOTHING);
  assert.equal(gateway.inFlight, 0);
  const again = gateway.send(request);
  assert.equal(firstPod(again), second);
  assert.equal(decisionOf(again).reason, "prefix");
  gateway.pods[numberOf(second)]!.mayBePicked = false;
  gateway.advance(60);
  assert.equal(decisionOf(gateway.send(request)).reason, "cold");
});

test("a retry that an unknown host served leaves no prefix behind", () => {
  const gateway = new Gateway({ pods: 3 });
  const request = prompt(1);
  gateway.send(request, { ...eventAnswer(USAGE), upstreamAddress: "9.9.9.9:9", attempts: 2 });
  assert.equal(decisionOf(gateway.send(request)).reason, "cold");
});

test("a retry keeps on its first choice what that one held before", () => {
  const gateway = new Gateway({ pods: 2 });
  const base = textOf(1, 4000);
  const pod = firstPod(gateway.send(completion(base)));
  const longer = completion(base + textOf(2, 4000));
  const { stream, destinationHeader } = gateway.send(longer, null);
  assert.equal(destinationHeader!.split(",")[0], pod);
  sendResponse(stream, {
    ...jsonAnswer(),
    upstreamAddress: destinationHeader!.split(",")[1]!,
    attempts: 2,
  });
  stream.done();
  const again = gateway.send(completion(base));
  assert.deepEqual([decisionOf(again).reason, decisionOf(again).cached], ["prefix", 1000]);
  const other = gateway.send(longer);
  assert.notEqual(firstPod(other), pod);
  assert.deepEqual([decisionOf(other).reason, decisionOf(other).cached], ["prefix", 2000]);
});

test("an overdue first byte adds its age to its pod's wait, until it comes", () => {
  const config = { routingStrategy: "DEFAULT", standardSaturationMs: 0 };
  const gateway = new Gateway({ pods: 2, config });
  const { stream } = gateway.send(prompt(1), null);
  const late = stream.upstream.headers!.get(DESTINATION_HEADER)!.split(",")[0];
  served(stream);
  // Overdue after 3 × 124 ms + 1 s. Its age is then worth more than ten prompts in flight.
  gateway.advance(1500);
  const others = Array.from({ length: 10 }, (_, i) => gateway.send(prompt(i + 2), null));
  for (const other of others) assert.notEqual(firstPod(other), late);
  stream.responseHeaders([ok, EVENTS_HEADER]);
  stream.responseBody("data: {}\n\n");
  assert.equal(firstPod(gateway.send(prompt(99))), late);
});

test("rates are learned from usage: bytes to a token, length of an answer", () => {
  const gateway = new Gateway({ pods: 1 });
  assert.equal(gateway.report().json.rates.bytesPerToken, 4);
  assert.equal(gateway.report().json.rates.outputTokens, 300);
  for (let seed = 0; seed < 100; seed++) {
    gateway.send(prompt(seed), eventAnswer({ prompt: 3200, output: 40 }));
  }
  const { rates } = gateway.report().json;
  assert.ok(Math.abs(rates.bytesPerToken - 2.5) < 0.05, `${rates.bytesPerToken}`);
  assert.ok(rates.outputTokens < 100 && rates.outputTokens > 40, `${rates.outputTokens}`);
  const before = gateway.counter("prompt_tokens");
  gateway.send(prompt(1000));
  const tokens = gateway.counter("prompt_tokens") - before;
  assert.ok(Math.abs(tokens - 3200) < 60, `${tokens}`);
});

test("prefill and decode rates are learned from the times of streamed answers", () => {
  const gateway = new Gateway({ pods: 1, config: { pollIntervalMs: 10 } });
  for (let seed = 0; seed < 60; seed++) {
    const { stream } = gateway.send(prompt(seed), null);
    served(stream);
    gateway.wait(412);
    stream.responseHeaders([ok, EVENTS_HEADER]);
    stream.responseBody("data: {}\n\n");
    gateway.wait(39 * 24);
    stream.responseBody(SSE, true);
    stream.done();
  }
  const { rates } = gateway.report().json;
  // 412 ms for 2,000 tokens less a step is about 200 µs a token; 40 tokens took 39 steps of 24 ms.
  assert.ok(
    rates.prefillUsPerToken > 150 && rates.prefillUsPerToken < 210,
    `${rates.prefillUsPerToken}`,
  );
  assert.ok(rates.tpotMs > 18 && rates.tpotMs <= 24, `${rates.tpotMs}`);
});

test("usage of a streamed answer is read wherever the answer is cut", () => {
  const whole = new Gateway({ pods: 1 });
  const cut = new Gateway({ pods: 1 });
  const text = eventText({ prompt: 3200, output: 41, cached: 0 });
  for (let at = 0; at <= text.length; at++) {
    const request = prompt(at);
    whole.send(request, { headers: [EVENTS_HEADER], chunks: [text] });
    cut.send(request, { headers: [EVENTS_HEADER], chunks: [text.slice(0, at), text.slice(at)] });
  }
  const rates = [whole, cut].map((gateway) => gateway.report().json.rates);
  assert.deepEqual(rates[0], rates[1]);
  assert.ok(rates[0]!.bytesPerToken < 2.6, "usage was read at all");
  const bytes = new Gateway({ pods: 1 });
  bytes.send(prompt(1), { headers: [EVENTS_HEADER], chunks: [...text] });
  const once = new Gateway({ pods: 1 });
  once.send(prompt(1), { headers: [EVENTS_HEADER], chunks: [text] });
  assert.deepEqual(bytes.report().json.rates, once.report().json.rates);
});

/** A pod that held a prompt of 2,000 tokens 20 s ago answers it again: what is made of that. */
function mispredictions(response: ResponseSpec): { count: number; reason: string } {
  const gateway = new Gateway({ pods: 1 });
  const request = prompt(1, { stream: response.headers !== undefined });
  gateway.send(request, eventAnswer({ prompt: 2000, output: 4, cached: 0 }));
  gateway.advance(20_000);
  assert.equal(decisionOf(gateway.send(request, response)).cached, 2000);
  const { reason } = decisionOf(gateway.send(request));
  assert.equal(gateway.report().json.mispredictions, gateway.counter("mispredictions"));
  return { count: gateway.counter("mispredictions"), reason };
}

const JSON_TEXT = '","usage":{"prompt_tokens_details":{"cached_tokens":0}},"x":"';
const SAID: [title: string, response: ResponseSpec, count: number][] = [
  ["cached_tokens 0", eventAnswer({ prompt: 2000, output: 4, cached: 0 }), 1],
  ["cached_tokens 0, not streamed", jsonAnswer({ prompt: 2000, output: 4, cached: 0 }), 1],
  ["cached_tokens 1,984: whole blocks", eventAnswer({ prompt: 2000, output: 4, cached: 1984 }), 0],
  ["details null", eventAnswer({ prompt: 2000, output: 4 }), 0],
  ["no usage", eventAnswer(), 0],
  [
    "cached_tokens in the text of the model",
    eventAnswer(undefined, [JSON_TEXT, '"cached_tokens":0']),
    0,
  ],
  ["the same, not streamed", jsonAnswer(undefined, JSON_TEXT), 0],
  [
    "a data line in the text of the model",
    eventAnswer(undefined, [
      '\n\ndata: {"usage":{"prompt_tokens_details":{"cached_tokens":0}}}\n\n',
    ]),
    0,
  ],
];

for (const [title, response, count] of SAID) {
  test(`an answer with ${title} tells of ${count} misprediction`, () => {
    const { count: counted } = mispredictions(response);
    assert.equal(counted, count);
  });
}

test("a mispredicted prompt is held again by the request that was mispredicted", () => {
  // It was computed just now, so the third request does find it.
  const { reason } = mispredictions(jsonAnswer({ prompt: 2000, output: 4, cached: 0 }));
  assert.equal(reason, "prefix");
});

test("a pod that never confirms 200 predicted hits is taken to have no cache", () => {
  const gateway = new Gateway({ pods: 1 });
  const usage = { prompt: 2000, output: 4, cached: 0 };
  for (let i = 0; i <= 200; i++) gateway.send(prompt(1), jsonAnswer(usage));
  gateway.advance(60);
  assert.deepEqual(decisionOf(gateway.send(prompt(1))).cached, 0);
});

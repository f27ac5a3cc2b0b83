// One random stream after another, step by step, so that many are open at once: all kinds of
// requests and answers, and every way in which one may end.
import {
  DESTINATION_HEADER,
  type Pair,
  type RootContext,
  type StreamContext,
} from "../../../../simulator/host/index.js";
import { EVENTS_HEADER, eventText, jsonAnswer } from "./messages.js";
import { textOf } from "./random.js";

type Random = () => number;

const PROMPTS = 200;
const STARTS = Array.from({ length: 20 }, (_, i) => textOf(i, 3000));
const ENDINGS = Array.from({ length: PROMPTS }, (_, i) =>
  textOf(1000 + i, 200 + ((i * 97) % 4000)),
);
const PATHS = [
  "/v1/chat/completions",
  "/v1/chat/completions",
  "/v1/chat/completions?a=b",
  "/v1/completions",
  "/v1/responses",
  "/v1/embeddings",
  "/v1/messages",
  "/generate",
  "/tokenize",
  "/v1/models",
];
const STATUSES = ["200", "200", "200", "200", "200", "200", "400", "404", "429", "500", "503", "7"];
const STREAMED = eventText({ prompt: 1200, output: 30, cached: 900 });
const STREAMED_PLAIN = eventText();
const PLAIN = jsonAnswer({ prompt: 1200, output: 30, cached: 0 }).chunks![0] as string;

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!;
}

/** Few prompts are asked for often: the square leans to the first. */
function promptText(random: Random): string {
  const start = STARTS[Math.floor(random() ** 2 * STARTS.length)]!;
  return start + ENDINGS[Math.floor(random() ** 2 * PROMPTS)]!;
}

function bodyOf(random: Random, path: string): Buffer {
  const chance = random();
  if (chance < 0.02) return Buffer.alloc(0);
  if (chance < 0.04) {
    return Buffer.from(Array.from({ length: 300 }, () => Math.floor(random() * 256)));
  }
  const text = promptText(random);
  const rest = { model: random() < 0.9 ? "m" : "n", stream: random() < 0.6, max_tokens: 64 };
  let body: string;
  if (path.startsWith("/v1/chat") || path === "/v1/messages") {
    const content = random() < 0.5 ? text : [{ type: "text", text }];
    body = JSON.stringify({ ...rest, messages: [{ role: "user", content }] });
  } else if (path === "/v1/responses" || path === "/v1/embeddings") {
    body = JSON.stringify({ ...rest, input: text });
  } else {
    body = JSON.stringify({ ...rest, prompt: random() < 0.9 ? text : [1, 2, 3, 4, 5, 6, 7, 8] });
  }
  if (chance < 0.07) body = body.slice(0, Math.floor(random() * body.length));
  const bytes = Buffer.from(body);
  // One changed byte makes JSON that is nearly sound.
  if (chance > 0.97) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  return bytes;
}

/** Ranges that a body is cut into: mostly one, sometimes a dozen. */
function* cuts(random: Random, bytes: Uint8Array): Generator<[Uint8Array, boolean]> {
  const pieces = random() < 0.7 ? 1 : 1 + Math.floor(random() * 12);
  let at = 0;
  for (let left = pieces; left > 0; left--) {
    const rest = bytes.length - at;
    const end = left === 1 ? bytes.length : at + Math.floor(random() * rest);
    yield [bytes.subarray(at, end), left === 1];
    at = end;
  }
}

/** The life of one stream; each `yield` lets others go on. */
export function* liveStream(root: RootContext, random: Random): Generator<void> {
  const stream = root.host.newStream(root);
  yield* sendRandomRequest(stream, random);
  yield;
  if (stream.isDestroyed) return;
  if (!stream.continued || random() < 0.04) return stream.disconnect();
  if (random() < 0.03) stream.envoyReply(503, "no_healthy_upstream", "none", 2);
  else yield* sendRandomAnswer(stream, random);
  stream.done();
}

function* sendRandomRequest(stream: StreamContext, random: Random): Generator<void> {
  const path = pick(random, PATHS);
  const hasBody = random() < 0.95;
  const headers: Pair[] = [
    [":method", hasBody ? "POST" : "GET"],
    [":path", path],
    ["content-type", random() < 0.97 ? "application/json" : "application/grpc"],
  ];
  if (random() < 0.1) headers.push([DESTINATION_HEADER, "6.6.6.6:6"]);
  if (random() < 0.02) headers.push(["content-encoding", "gzip"]);
  if (random() < 0.01) return stream.disconnect();
  stream.requestHeaders(headers, !hasBody);
  if (!hasBody) return;
  const endsApart = random() < 0.2;
  const hasTrailers = random() < 0.05;
  for (const [chunk, isLast] of cuts(random, bodyOf(random, path))) {
    yield;
    if (random() < 0.01) return stream.disconnect();
    stream.requestBody(chunk, isLast && !endsApart && !hasTrailers);
  }
  if (hasTrailers) stream.requestTrailers([["x", "y"]]);
  else if (endsApart) stream.requestBody("", true);
}

function* sendRandomAnswer(stream: StreamContext, random: Random): Generator<void> {
  const addresses = stream.upstream.headers!.get(DESTINATION_HEADER)?.split(",") ?? [
    "10.0.0.1:8000",
  ];
  if (addresses.includes("6.6.6.6:6")) throw new Error("the client's own destination got through");
  const chance = random();
  stream.attempts = chance < 0.05 ? 2 : 1;
  stream.upstreamAddress = chance < 0.04 ? addresses.at(-1)! : addresses[0]!;
  if (chance > 0.99) stream.upstreamAddress = "9.9.9.9:9";
  const isStreamed = random() < 0.6;
  const headers: Pair[] = [
    [":status", pick(random, STATUSES)],
    isStreamed ? EVENTS_HEADER : ["content-type", "application/json"],
  ];
  if (random() < 0.03) headers.push(["content-encoding", "gzip"]);
  const isEmpty = random() < 0.03;
  stream.responseHeaders(headers, isEmpty);
  if (isEmpty) return;
  const hasTrailers = random() < 0.05;
  const text = isStreamed ? pick(random, [STREAMED, STREAMED_PLAIN]) : PLAIN;
  for (const [chunk, isLast] of cuts(random, Buffer.from(text))) {
    yield;
    if (random() < 0.01) return stream.disconnect();
    if (random() < 0.005) return; // The pod's connection broke.
    stream.responseBody(chunk, isLast && !hasTrailers);
  }
  if (hasTrailers) stream.responseTrailers([["grpc-status", "0"]]);
}

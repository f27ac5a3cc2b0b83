// Pods that hold the streams of clients that ask for it, until so many are there at a time.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { LOOPBACK } from "../../../lab/ports.js";

/** Bounds of what a client may ask for. */
const EVENTS_MAX = 1_000;
/** All of the streams go on for so long together. */
const TOGETHER_MS = 5_000;
const BODY_BYTES_MAX = 1 << 20;

const { values } = parseArgs({
  options: {
    /** One pod listens on each. */
    ports: { type: "string" },
    "interval-ms": { type: "string" },
    /** So many streams, on all pods, wait for one another. */
    together: { type: "string" },
  },
});
const intervalMs = Number(values["interval-ms"] ?? 0);
const together = Number(values.together ?? 0);
let held = 0;
let endMs = Infinity;

for (const [index, port] of (values.ports ?? "").split(",").entries())
  startPod(index, Number(port));

function startPod(index: number, port: number): void {
  let running = 0;
  const server = createServer((request, response) => {
    response.setHeader("x-pod", `${LOOPBACK}:${port}`);
    if (request.url === "/metrics") return void response.end(metrics(index, running));
    if (request.method !== "POST") return void response.end("ok");
    running++;
    response.once("close", () => running--);
    void answer(request, response).catch(() => response.destroy());
  });
  // Idle connections of Envoy are its own to close.
  server.keepAliveTimeout = 0;
  server.listen({ port, host: LOOPBACK, backlog: 4_096 });
}

/** `max_tokens` events at once; one every `intervalMs`, and at the end how many, with `x-slow`. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  const isSlow = request.headers["x-slow"] !== undefined;
  const events = Math.min(body.max_tokens ?? 1, EVENTS_MAX);
  if (body.stream !== true) {
    response.setHeader("content-type", "application/json");
    const message = { role: "assistant", content: "ok" };
    response.end(JSON.stringify({ choices: [{ index: 0, message }], usage: null }));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  if (isSlow && ++held === together) endMs = performance.now() + TOGETHER_MS;
  let sent = 0;
  const hasMore = (): boolean => (isSlow ? performance.now() < endMs : sent < events);
  while (sent < EVENTS_MAX && !response.destroyed && hasMore()) {
    const choices = [{ index: 0, delta: { content: `word${sent} ` } }];
    response.write(`data: ${JSON.stringify({ choices })}\n\n`);
    sent++;
    if (isSlow) await sleep(intervalMs);
  }
  if (isSlow) response.write(`data: ${JSON.stringify({ sent })}\n\n`);
  response.end("data: [DONE]\n\n");
}

interface Question {
  stream?: boolean;
  max_tokens?: number;
}

async function bodyOf(request: IncomingMessage): Promise<Question> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX) throw new Error("too long");
    chunks.push(chunk as Buffer);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Question;
}

function metrics(index: number, running: number): string {
  return [
    `vllm:num_requests_running{engine="0",model_name="m"} ${running}.0`,
    'vllm:num_requests_waiting{engine="0",model_name="m"} 0.0',
    'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.1',
    'vllm:cache_config_info{block_size="16",num_gpu_blocks="20000",enable_prefix_caching="True"} 1',
    `process_start_time_seconds ${1_700_000_000 + index}`,
    "",
  ].join("\n");
}

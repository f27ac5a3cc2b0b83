// A process of instant pods on raw sockets: a request is answered once its last byte is in.
import { createServer, type Socket } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH = Buffer.from("content-length: ");
const METRICS = Buffer.from("GET /metrics");
const BYTES_PER_TOKEN = 4;
/** KV capacity shown to the sidecar: 16 384 blocks of 64 tokens. */
const BLOCK_TOKENS = 64;
const BLOCKS = 16_384;

/** What one pod counts; all pods of this process answer from one loop. */
interface Pod {
  /** The destination header of a request that a filter picked this pod for. */
  destination: Buffer;
  requests: number;
  /** Requests that came with that header. */
  routed: number;
  promptTokens: number;
}

const answers = new Map<number, Buffer>();

/** The answer for a body of so many bytes, with the usage that such a prompt has. */
function answerFor(bodyBytes: number): Buffer {
  let answer = answers.get(bodyBytes);
  if (answer === undefined) {
    const tokens = Math.ceil(bodyBytes / BYTES_PER_TOKEN);
    const usage = { prompt_tokens: tokens, completion_tokens: 1, total_tokens: tokens + 1 };
    const message = { role: "assistant", content: "ok" };
    answer = ok(
      "application/json",
      JSON.stringify({
        id: "chatcmpl-1",
        object: "chat.completion",
        created: 1,
        model: "bench",
        choices: [{ index: 0, message, finish_reason: "length" }],
        usage,
      }),
    );
    // Bodies differ in a few bytes at most, so this stays small; the bound is for surprises.
    if (answers.size < 4096) answers.set(bodyBytes, answer);
  }
  return answer;
}

function metricsOf(pod: Pod): Buffer {
  const gauge = (name: string, value: number): string =>
    `# TYPE vllm:${name} gauge\nvllm:${name}{engine="0",model_name="bench"} ${value}\n`;
  const counter = (name: string, value: number): string =>
    `# TYPE vllm:${name} counter\nvllm:${name}{engine="0",model_name="bench"} ${value}\n`;
  const sizes = `block_size="${BLOCK_TOKENS}",num_gpu_blocks="${BLOCKS}"`;
  return ok(
    "text/plain; version=0.0.4; charset=utf-8",
    gauge("num_requests_running", 0) +
      gauge("num_requests_waiting", 0) +
      gauge("kv_cache_usage_perc", 0) +
      counter("prompt_tokens_total", pod.promptTokens) +
      counter("generation_tokens_total", pod.requests) +
      "# TYPE vllm:cache_config_info gauge\n" +
      `vllm:cache_config_info{${sizes},enable_prefix_caching="True",engine="0"} 1\n`,
  );
}

function ok(type: string, body: string): Buffer {
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}

/** Reads requests one after the other from one connection; Envoy never pipelines. */
function serve(pod: Pod, socket: Socket): void {
  let head: Buffer | null = null;
  let bodyBytes = 0;
  let missingBytes = 0;
  const end = (): void => {
    pod.requests++;
    pod.promptTokens += Math.ceil(bodyBytes / BYTES_PER_TOKEN);
    socket.write(answerFor(bodyBytes));
  };
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    if (missingBytes > 0) {
      missingBytes -= chunk.length;
      if (missingBytes <= 0) end();
      return;
    }
    const bytes: Buffer = head === null ? chunk : Buffer.concat([head, chunk]);
    const headBytes = bytes.indexOf(HEAD_END);
    if (headBytes < 0) {
      head = bytes;
      return;
    }
    head = null;
    if (bytes.subarray(0, METRICS.length).equals(METRICS)) {
      socket.write(metricsOf(pod));
      return;
    }
    // Only the head is searched; the body of a long prompt would cost more than all the rest.
    const fields = bytes.subarray(0, headBytes);
    const at = fields.indexOf(LENGTH);
    bodyBytes = at < 0 ? 0 : parseInt(fields.toString("latin1", at + LENGTH.length, at + 32), 10);
    if (fields.includes(pod.destination)) pod.routed++;
    missingBytes = bodyBytes - (bytes.length - headBytes - HEAD_END.length);
    if (missingBytes <= 0) end();
  });
}

const pods = new Map<number, Pod>();

process.on("message", (ports: number[] | "counts") => {
  if (ports === "counts") {
    const all = [...pods.values()];
    const requests = all.reduce((sum, pod) => sum + pod.requests, 0);
    const routed = all.reduce((sum, pod) => sum + pod.routed, 0);
    process.send?.({ requests, routed });
    return;
  }
  for (const port of ports) {
    const destination = Buffer.from(`x-gateway-destination-endpoint: 127.0.0.1:${port}`);
    const pod: Pod = { destination, requests: 0, routed: 0, promptTokens: 0 };
    pods.set(port, pod);
    createServer((socket) => serve(pod, socket)).listen(port, "127.0.0.1", () => {
      if (port === ports.at(-1)) process.send?.("ready");
    });
  }
});
process.on("disconnect", () => process.exit(0));

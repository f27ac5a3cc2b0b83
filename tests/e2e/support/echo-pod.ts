// A pod whose answers a test decides: it keeps what it was sent, and shows vLLM's metrics.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** One request as the pod got it. */
export interface Received {
  method: string;
  url: string;
  headers: Record<string, string | string[] | undefined>;
  bytes: number;
  sha256: string;
  /** The body itself, where it is not long. */
  text: string;
}

const TEXT_BYTES_MAX = 64 * 1024;

export type Handler = (
  received: Received,
  response: ServerResponse,
  request: IncomingMessage,
) => void;

export interface EchoPod {
  name: string;
  address: string;
  received: Received[];
  /** Decides the answers from now on. */
  handle(handler: Handler): void;
  close(): Promise<void>;
}

/** Starts a pod on a free port, or again on the one it had. */
export async function startEchoPod(name: string, port = 0): Promise<EchoPod> {
  const received: Received[] = [];
  let handler: Handler = answerOk;
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    if (request.url === "/metrics") {
      response.end(METRICS);
      return;
    }
    void readAll(request).then((body) => {
      const one: Received = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        bytes: body.length,
        sha256: sha256(body),
        text: body.length > TEXT_BYTES_MAX ? "" : body.toString("utf8"),
      };
      received.push(one);
      response.setHeader("x-pod", name);
      response.setHeader("x-body-sha256", one.sha256);
      handler(one, response, request);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  // A WebSocket server as far as Envoy can tell: it switches and sends back what it gets.
  server.on("upgrade", (request, socket: Socket) => {
    received.push({
      method: "GET",
      url: request.url ?? "",
      headers: request.headers,
      bytes: 0,
      sha256: "",
      text: "",
    });
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    );
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    name,
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    handle: (next) => {
      handler = next;
    },
    close: () => closeAll(server, sockets),
  };
}

export function sha256(body: Uint8Array | string): string {
  return createHash("sha256").update(body).digest("hex");
}

/** A chat completion with usage, as vLLM gives it when it is not streamed. */
export function answerOk(received: Received, response: ServerResponse): void {
  response.setHeader("content-type", "application/json");
  const promptTokens = Math.ceil(received.bytes / 4);
  response.end(
    JSON.stringify({
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content: "ok" } }],
      usage: {
        prompt_tokens: promptTokens,
        completion_tokens: 1,
        total_tokens: promptTokens + 1,
        prompt_tokens_details: null,
      },
    }),
  );
}

const METRICS = [
  'vllm:num_requests_running{engine="0",model_name="m"} 0.0',
  'vllm:num_requests_waiting{engine="0",model_name="m"} 0.0',
  'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.1',
  'vllm:cache_config_info{block_size="16",num_gpu_blocks="20000",enable_prefix_caching="True"} 1.0',
  "process_start_time_seconds 1.7e9",
  "",
].join("\n");

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    // The client went away: what came is what there is.
  }
  return Buffer.concat(chunks);
}

async function closeAll(server: Server, sockets: Set<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  await closed;
}

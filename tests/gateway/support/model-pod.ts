// A model pod: a simulated vLLM behind a thin server that keeps what came and can answer otherwise.
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { startPod } from "../../../simulator/pods/pod.js";
import { MODEL_PORT } from "./addresses.js";

/** One request as the pod got it; scrapes are not kept. */
export interface Received {
  method: string;
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** Answers a request in the pod's place; false leaves it to the pod. */
export type Answer = (received: Received, response: ServerResponse) => boolean;

export interface ModelPod {
  address: string;
  received: Received[];
  /** Decides over requests from now on; without an argument the simulated pod answers again. */
  answer(by?: Answer): void;
  terminate(): Promise<void>;
  stop(): Promise<void>;
}

export interface ModelPodOptions {
  address: string;
  /** Sent as `x-pod`. */
  name: string;
  /** Served model. */
  model: string;
  adapters?: readonly string[];
  port?: number;
  /** PEM; with it the pod speaks TLS only. */
  tls?: { cert: string; key: string } | undefined;
}

/** Starts the pod and its server on the pod's own address. */
export async function startModelPod(options: ModelPodOptions): Promise<ModelPod> {
  const { address, name, model, adapters = [], port = MODEL_PORT } = options;
  const pod = await startPod({ name, model, adapters, promptTokensDetails: true });
  const received: Received[] = [];
  let answer: Answer | undefined;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request);
    const { method = "", url = "", headers } = request;
    if (url !== "/metrics") {
      const one = { method, url, headers, body };
      received.push(one);
      response.setHeader("x-pod", name);
      if (answer?.(one, response) === true) return;
    }
    forward(request, body, pod.address, response);
  };
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => response.destroy());
  };
  const how = { noDelay: true, requestTimeout: 0 };
  const { tls } = options;
  const server =
    tls === undefined ? createServer(how, take) : createTlsServer({ ...how, ...tls }, take);
  server.keepAliveTimeout = 3_600_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await Promise.all([closed, pod.close()]);
  };
  return { address, received, answer: (by) => (answer = by), terminate: stop, stop };
}

function forward(from: IncomingMessage, body: Buffer, to: string, response: ServerResponse): void {
  const { method, headers } = from;
  const onward = httpRequest(`http://${to}${from.url}`, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.once("error", () => response.destroy());
  response.once("close", () => onward.destroy());
  onward.end(body);
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

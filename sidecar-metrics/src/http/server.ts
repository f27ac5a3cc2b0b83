// The HTTP server: routes, and every limit that keeps one client from costing the others.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** Reports may be this large (docs/table-format.md). */
export const BODY_BYTES_MAX = 1024 * 1024;
const HEADER_BYTES_MAX = 8 * 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than Envoy's idle time between polls, so that Envoy is never cut off as it sends. */
const KEEP_ALIVE_MS = 65_000;
/** A client that reads its answer this slowly, or not at all, is dropped. */
const SOCKET_IDLE_MS = 75_000;
const CONNECTIONS_MAX = 1_024;
/** Answers in flight may go on this long when the sidecar stops. */
const STOP_WAIT_MS = 1_000;

export interface Answer {
  status: number;
  type: string;
  body: Buffer | string;
}

export interface Call {
  query: URLSearchParams;
  /** Empty for GET. */
  body: Buffer;
}

export type Handler = (call: Call) => Answer | Promise<Answer>;

export class HttpServer {
  private readonly routes = new Map<string, Map<string, Handler>>();
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(private readonly onError: (error: unknown, path: string) => void) {
    this.server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
    });
    this.server.maxConnections = CONNECTIONS_MAX;
    this.server.setTimeout(SOCKET_IDLE_MS);
    this.server.on("request", (request, response) => void this.handle(request, response));
    this.server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
    this.server.on("clientError", (_error, socket) => {
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      else socket.destroy();
    });
  }

  route(method: "GET" | "POST", path: string, handler: Handler): void {
    const methods = this.routes.get(path) ?? new Map<string, Handler>();
    this.routes.set(path, methods.set(method, handler));
  }

  /** Resolves to the port in use; rejects when it cannot be had. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, host, () => {
        this.server.off("error", reject);
        this.server.on("error", (error) => this.onError(error, ""));
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => this.sockets.forEach((socket) => socket.destroy()),
        STOP_WAIT_MS,
      );
      this.server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.server.closeIdleConnections();
    });
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? "";
    const question = target.indexOf("?");
    const path = question < 0 ? target : target.slice(0, question);
    try {
      const query = new URLSearchParams(question < 0 ? "" : target.slice(question + 1));
      send(response, await this.dispatch(request, path, query), request);
    } catch (error) {
      // A client that went away while it sent is no error of ours.
      if (request.socket.destroyed) return;
      this.onError(error, path);
      send(response, plain(500, "internal error"), request);
    }
  }

  private async dispatch(
    request: IncomingMessage,
    path: string,
    query: URLSearchParams,
  ): Promise<Answer> {
    const methods = this.routes.get(path);
    if (methods === undefined) return plain(404, "nothing here");
    const method = request.method === "HEAD" ? "GET" : (request.method ?? "");
    const handler = methods.get(method);
    if (handler === undefined) return plain(405, `only ${[...methods.keys()].join(", ")}`);
    if (method === "GET") return handler({ query, body: Buffer.alloc(0) });
    const body = await readBody(request);
    if (body === null) return plain(413, `a body over ${BODY_BYTES_MAX} bytes`);
    return handler({ query, body });
  }
}

export function plain(status: number, text: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: `${text}\n` };
}

/** Null when the body is too large; what is beyond the limit is not read. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  if (Number(request.headers["content-length"] ?? 0) > BODY_BYTES_MAX) return null;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

function send(response: ServerResponse, answer: Answer, request: IncomingMessage): void {
  if (response.destroyed || response.headersSent) return;
  const body = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
  response.statusCode = answer.status;
  response.setHeader("content-type", answer.type);
  response.setHeader("content-length", body.length);
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("cache-control", "no-store");
  // The rest of a body that is not wanted would be taken for the next request.
  if (!request.complete) response.setHeader("connection", "close");
  response.end(body);
}

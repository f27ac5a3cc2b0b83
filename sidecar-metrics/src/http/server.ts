// The HTTP server: routes, and every limit that keeps one client from costing the others.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** Reports may be this large (docs/table-format.md). */
export const BODY_BYTES_MAX = 1024 * 1024;
const HEADER_BYTES_MAX = 8 * 1024;
/** Longer than Envoy's idle time between polls, so that Envoy is never cut off as it sends. */
const KEEP_ALIVE_MS = 65_000;
/** A connection on which nothing at all happens; longer than KEEP_ALIVE_MS. */
const SOCKET_IDLE_MS = 75_000;
/** Requests open on one connection; nobody who is meant to come here sends ahead. */
const PIPELINED_MAX = 4;
/** Answers up to here are given however much is held: health, and refusals. */
const SMALL_ANSWER_BYTES = 1_024;
/** Answers in flight may go on this long when the sidecar stops. */
const STOP_WAIT_MS = 1_000;

/** What one client, or all of them, may take. Tests have shorter ones. */
export interface Limits {
  /** For the headers, and for a whole request with its body. */
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  /** A client that takes its answer this slowly, or not at all, is dropped. */
  answerTimeoutMs: number;
  checkIntervalMs: number;
  /** Beyond it the connection goes whose last request is longest ago: gateways' polls stay. */
  connectionsMax: number;
  /** Bodies that come and answers that go, of all clients: 1,024 of the largest would be a GiB. */
  heldBytesMax: number;
}

export const LIMITS: Limits = {
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  answerTimeoutMs: 10_000,
  checkIntervalMs: 1_000,
  connectionsMax: 1_024,
  heldBytesMax: 64 * 1024 * 1024,
};

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

/** What is under way on one connection. */
interface Connection {
  requests: number;
  /** Of answers that are not taken yet. */
  answerBytes: number;
}

export class HttpServer {
  private readonly routes = new Map<string, Map<string, Handler>>();
  private readonly server: Server;
  /** The one whose last whole request is longest ago comes first. */
  private readonly sockets = new Map<Socket, Connection>();
  private heldBytes = 0;

  constructor(
    private readonly onError: (error: unknown, path: string) => void,
    private readonly limits: Limits = LIMITS,
  ) {
    this.server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: limits.checkIntervalMs,
      noDelay: true,
    });
    this.server.setTimeout(SOCKET_IDLE_MS);
    this.server.on("request", (request, response) => void this.handle(request, response));
    this.server.on("connection", (socket) => this.admit(socket));
    this.server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      if (socket.writable)
        socket.end(`HTTP/1.1 ${refusal(error.code)}\r\nConnection: close\r\n\r\n`);
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
        () => [...this.sockets.keys()].forEach((socket) => socket.destroy()),
        STOP_WAIT_MS,
      );
      this.server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.server.closeIdleConnections();
    });
  }

  private admit(socket: Socket): void {
    const connection: Connection = { requests: 0, answerBytes: 0 };
    this.sockets.set(socket, connection);
    socket.once("close", () => {
      this.sockets.delete(socket);
      this.heldBytes -= connection.answerBytes;
    });
    if (this.sockets.size <= this.limits.connectionsMax) return;
    const [longestIdle] = this.sockets.keys();
    if (longestIdle === undefined) return;
    // Its end is told later, and until then it must not be found again.
    this.sockets.delete(longestIdle);
    longestIdle.destroy();
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const connection = this.sockets.get(socket);
    // Gone: what is left came in one piece with the request that was one too many.
    if (connection === undefined || socket.destroyed) return;
    if (connection.requests === PIPELINED_MAX) return void socket.destroy();
    connection.requests++;
    response.once("close", () => {
      connection.requests--;
      // Set anew, so that the map's order is that of the last requests.
      if (this.sockets.delete(socket)) this.sockets.set(socket, connection);
    });
    const target = request.url ?? "";
    const question = target.indexOf("?");
    const path = question < 0 ? target : target.slice(0, question);
    try {
      const query = new URLSearchParams(question < 0 ? "" : target.slice(question + 1));
      this.send(request, socket, response, await this.dispatch(request, path, query));
    } catch (error) {
      // A client that went away while it sent is no error of ours.
      if (socket.destroyed) return;
      this.onError(error, path);
      this.send(request, socket, response, plain(500, "internal error"));
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
    const body = await this.readBody(request);
    if (body === "too large") return plain(413, `a body over ${BODY_BYTES_MAX} bytes`);
    if (body === "too much") return plain(503, "too much is being sent at once");
    return handler({ query, body });
  }

  /** What is beyond a limit is not read. */
  private async readBody(request: IncomingMessage): Promise<Buffer | "too large" | "too much"> {
    if (Number(request.headers["content-length"] ?? 0) > BODY_BYTES_MAX) return "too large";
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        this.heldBytes += chunk.length;
        if (bytes > BODY_BYTES_MAX) return "too large";
        if (this.heldBytes > this.limits.heldBytesMax) return "too much";
        chunks.push(chunk);
      }
      return Buffer.concat(chunks, bytes);
    } finally {
      this.heldBytes -= bytes;
    }
  }

  /** `socket` is the request's: a body that is not read to its end takes it from the request. */
  private send(
    request: IncomingMessage,
    socket: Socket,
    response: ServerResponse,
    answer: Answer,
  ): void {
    if (response.destroyed || response.headersSent) return;
    const whole = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
    const isTooMuch =
      whole.length > SMALL_ANSWER_BYTES && this.heldBytes + whole.length > this.limits.heldBytesMax;
    const body = isTooMuch ? Buffer.from("too much is being read at once\n") : whole;
    response.statusCode = isTooMuch ? 503 : answer.status;
    response.setHeader("content-type", isTooMuch ? TEXT : answer.type);
    response.setHeader("content-length", body.length);
    response.setHeader("x-content-type-options", "nosniff");
    response.setHeader("cache-control", "no-store");
    // The rest of a body that is not wanted would be taken for the next request.
    if (!request.complete) response.setHeader("connection", "close");
    this.hold(socket, response, body.length);
    response.end(body);
  }

  /** Counts an answer until it is taken or its connection is gone; Node may not tell it of both. */
  private hold(socket: Socket, response: ServerResponse, bytes: number): void {
    const connection = this.sockets.get(socket);
    if (connection === undefined) return;
    connection.answerBytes += bytes;
    this.heldBytes += bytes;
    const timer = setTimeout(() => socket.destroy(), this.limits.answerTimeoutMs).unref();
    response.once("close", () => {
      clearTimeout(timer);
      if (!this.sockets.has(socket)) return;
      connection.answerBytes -= bytes;
      this.heldBytes -= bytes;
    });
  }
}

const TEXT = "text/plain; charset=utf-8";

export function plain(status: number, text: string): Answer {
  return { status, type: TEXT, body: `${text}\n` };
}

/** What Node's parser tells of a request that is none. */
function refusal(code: string | undefined): string {
  if (code === "HPE_HEADER_OVERFLOW") return "431 Request Header Fields Too Large";
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "408 Request Timeout";
  return "400 Bad Request";
}

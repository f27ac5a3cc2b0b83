// The HTTP server of one simulated vLLM pod: routes, errors, metrics; answers come from the engine.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Engine, type EngineStats, type StepOutcome } from "../engine/engine.js";
import { EngineDriver } from "./engine-driver.js";
import { isMet, parseFault } from "./fault.js";
import { Generation, type Choice } from "./generation.js";
import { MetricsPage } from "./metrics-page.js";
import { podOptions, type Fault, type PodOptions } from "./pod-options.js";
import { ApiError, parseApiRequest, readBody, type ApiKind } from "./request.js";
import { errorJson, modelsJson } from "./wire.js";

const KINDS: Readonly<Record<string, ApiKind>> = {
  "/v1/chat/completions": "chat",
  "/v1/completions": "completions",
};

export interface Pod {
  /** `host:port`, IPv6 in brackets. */
  address: string;
  stats(): EngineStats;
  setFault(fault: Fault): void;
  /** Cuts all connections; done when the port is free. */
  close(): Promise<void>;
}

/** Starts a pod; several may live in one process. */
export async function startPod(given: Partial<PodOptions> = {}): Promise<Pod> {
  const server = new PodServer(podOptions(given));
  const address = await server.listen();
  return {
    address,
    stats: () => server.engine.stats(),
    setFault: (fault) => server.setFault(fault),
    close: () => server.close(),
  };
}

class PodServer {
  readonly engine: Engine<Choice>;
  private readonly driver: EngineDriver<Choice>;
  private readonly metrics: MetricsPage<Choice>;
  private readonly server: Server;
  private readonly startSeconds: number;
  /** The metrics page of an engine that stands still. */
  private stillPage: string | null = null;

  constructor(private readonly options: PodOptions) {
    this.startSeconds = options.clock.unixSeconds();
    this.engine = new Engine(options.engine);
    this.driver = new EngineDriver(this.engine, options.clock, (outcome) => this.onStep(outcome));
    const { model, adapters, maxLoras } = options;
    this.metrics = new MetricsPage(this.engine, {
      model,
      adapters,
      maxLoras,
      startSeconds: this.startSeconds,
    });
    this.server = createServer({ noDelay: true, requestTimeout: 0 }, (request, response) => {
      void this.handle(request, response);
    });
    // Longer than any proxy keeps idle connections: who closes first must not be a matter of luck.
    this.server.keepAliveTimeout = 3_600_000;
    this.setFault(options.fault);
  }

  listen(): Promise<string> {
    const { host, port } = this.options;
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, host, () => {
        this.server.off("error", reject);
        const bound = this.server.address() as AddressInfo;
        resolve(`${host.includes(":") ? `[${host}]` : host}:${bound.port}`);
      });
    });
  }

  setFault(fault: Fault): void {
    this.options.fault = fault;
    // The page tells what the engine last told, which one that stands still does not.
    this.stillPage = fault.stall ? this.metrics.render(this.options.clock.unixSeconds()) : null;
    this.driver.setPace(fault.stall ? null : (fault.slowdown ?? 1));
  }

  close(): Promise<void> {
    this.driver.close();
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("server", "uvicorn");
    response.setHeader("x-pod", this.options.name);
    const path = (request.url ?? "/").split("?", 1)[0] as string;
    const kind = Object.hasOwn(KINDS, path) ? KINDS[path] : undefined;
    try {
      if (kind) await this.complete(kind, request, response);
      else if (path === "/_fault") await this.acceptFault(request, response);
      else this.inform(path, request, response);
    } catch (error) {
      this.refuse(error, response);
    }
  }

  private async complete(
    kind: ApiKind,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (request.method !== "POST")
      throw new ApiError(405, "Method Not Allowed", "Method Not Allowed");
    const body = await readBody(request);
    const { fault } = this.options;
    if (isMet(fault, body)) {
      if (fault.hang) return;
      if (fault.reset) return void request.socket.resetAndDestroy();
      if (fault.status !== undefined) {
        throw new ApiError(fault.status, "InternalServerError", "simulated failure");
      }
    }
    if (!(request.headers["content-type"] ?? "").startsWith("application/json")) {
      const message = "Unsupported Media Type: Only 'application/json' is allowed";
      throw new ApiError(400, "Bad Request", message);
    }
    const generation = new Generation(parseApiRequest(kind, body), this.options, this.driver);
    // The client may have gone while its body was read; then there is no close event to come.
    if (response.destroyed) return;
    response.on("close", () => {
      for (let i = generation.abort(); i > 0; i--) this.metrics.recordAbort();
    });
    generation.start(response, /\bgzip\b/.test(request.headers["accept-encoding"] ?? ""));
  }

  private inform(path: string, request: IncomingMessage, response: ServerResponse): void {
    const { fault, clock, model, otherNames, adapters } = this.options;
    const isRead = request.method === "GET" || request.method === "HEAD";
    request.resume();
    if (path === "/health" || path === "/ping") {
      sendText(response, 200, "text/plain; charset=utf-8", "");
    } else if (path === "/metrics" && isRead) {
      if (fault.metricsHang) return;
      const status = fault.metricsStatus ?? 200;
      const page = fault.metricsText ?? this.stillPage ?? this.metrics.render(clock.unixSeconds());
      const text = status === 200 ? page : "";
      sendText(response, status, "text/plain; version=0.0.4; charset=utf-8", text);
    } else if (path === "/v1/models" && isRead) {
      const created = Math.floor(this.startSeconds);
      const models = [
        ...[model, ...otherNames].map((id) => ({ id, parent: null })),
        ...adapters.map((id) => ({ id, parent: model })),
      ];
      const text = modelsJson(models, created, this.engine.sequenceTokensMax);
      sendText(response, 200, "application/json", text);
    } else if (path === "/version" && isRead) {
      const version = this.engine.options.scheduler === "v0" ? "0.8.5" : "0.11.0";
      sendText(response, 200, "application/json", JSON.stringify({ version }));
    } else {
      throw new ApiError(404, "Not Found", "Not Found");
    }
  }

  private async acceptFault(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = parseFault(await readBody(request));
    if (!fault) throw new ApiError(400, "Bad Request", "not a fault");
    this.setFault(fault);
    sendText(response, 200, "application/json", JSON.stringify(fault));
  }

  private refuse(error: unknown, response: ServerResponse): void {
    if (response.destroyed || response.headersSent) return void response.destroy();
    const known =
      error instanceof ApiError ? error : new ApiError(500, "InternalServerError", String(error));
    const { status, type, message, param } = known;
    const text = errorJson(this.engine.options.scheduler, status, type, message, param);
    sendText(response, status, "application/json", text);
  }

  private onStep(outcome: StepOutcome<Choice>): void {
    this.metrics.recordStep(outcome);
    for (const sequence of outcome.finished) {
      this.metrics.recordFinish(sequence, sequence.owner.finishReason);
    }
    for (const sequence of outcome.tokens) {
      sequence.owner.generation.onToken(sequence.owner, sequence);
    }
  }
}

function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  const headers = { "content-type": type, "content-length": Buffer.byteLength(text) };
  response.writeHead(status, headers).end(text);
}

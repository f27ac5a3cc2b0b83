// Speaks to the API server: finds its address and credentials, and gets JSON from it.
import { existsSync, readFileSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps, type RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { ConfigError } from "../../config/explain.js";
import { explainFileError } from "../../files.js";
import { asList, asObject } from "./objects.js";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
/** Objects asked for at a time: a page of pods is a few megabytes of JSON. */
const PAGE_OBJECTS = 500;
const PAGES_MAX = 200;
const ANSWER_BYTES_MAX = 128 * 1024 * 1024;
const MESSAGE_CHARS_MAX = 300;

/** What the API server answered, or null where it did not answer at all. */
export class ApiError extends Error {
  constructor(
    readonly statusCode: number | null,
    message: string,
  ) {
    super(message);
  }
}

export interface ListPage {
  items: unknown[];
  metadata: { resourceVersion: string };
}

/** Gives up waiting for the beginning of an answer; client-node alone would wait for ever. */
class BoundedConfig extends KubeConfig {
  constructor(private readonly timeoutMs: number) {
    super();
  }

  override applyToFetchOptions(options: RequestOptions) {
    return super.applyToFetchOptions({ ...options, timeout: this.timeoutMs });
  }
}

export class ApiClient {
  constructor(
    readonly config: KubeConfig,
    private readonly timeoutMs: number,
  ) {}

  get server(): string {
    return this.config.getCurrentCluster()?.server ?? "";
  }

  /** The namespace that the credentials belong to. */
  get namespace(): string {
    return this.config.getContextObject(this.config.getCurrentContext())?.namespace ?? "default";
  }

  /** Rejects with an ApiError, whatever is wrong. */
  async getJson(path: string): Promise<Record<string, unknown>> {
    const options: RequestOptions = { headers: { accept: "application/json" } };
    try {
      await this.config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new ApiError(null, `its credentials cannot be used: ${explainFileError(error)}`);
    }
    const { status, text } = await this.get(new URL(this.server + path), options);
    const answer = parse(text);
    if (status === 200 && answer !== null) return answer;
    const message = answer?.["message"];
    const said = typeof message === "string" ? message : `HTTP status ${status}`;
    throw new ApiError(status, said.slice(0, MESSAGE_CHARS_MAX));
  }

  /** All objects under a path, fetched page by page, which together are one moment. */
  async list(path: string, slim: (raw: unknown) => unknown): Promise<ListPage> {
    const items: unknown[] = [];
    let next = "";
    for (let page = 0; page < PAGES_MAX; page++) {
      const query = new URLSearchParams({ limit: String(PAGE_OBJECTS) });
      if (next !== "") query.set("continue", next);
      const answer = await this.getJson(`${path}?${query.toString()}`);
      for (const item of asList(answer["items"])) items.push(slim(item));
      const metadata = asObject(answer["metadata"]);
      next = typeof metadata["continue"] === "string" ? metadata["continue"] : "";
      const version = metadata["resourceVersion"];
      const resourceVersion = typeof version === "string" ? version : "";
      if (next === "") return { items, metadata: { resourceVersion } };
    }
    throw new ApiError(200, `more than ${PAGES_MAX * PAGE_OBJECTS} objects`);
  }

  private get(url: URL, options: RequestOptions): Promise<{ status: number; text: string }> {
    const send = url.protocol === "http:" ? requestHttp : requestHttps;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const fail = (error: unknown): void => reject(new ApiError(null, explainNetwork(error)));
      const request = send(url, options, (response) => {
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error("an answer without end"));
        });
        response.on("error", fail);
        response.on("end", () => {
          clearTimeout(timer);
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      const timer = setTimeout(
        () => request.destroy(new Error(`no answer in ${this.timeoutMs} ms`)),
        this.timeoutMs,
      );
      request.on("error", fail);
      request.on("close", () => clearTimeout(timer));
      request.end();
    });
  }
}

/** Throws a ConfigError that says what to do when there is no way to the API server. */
export function createClient(kubeconfig: string | undefined, timeoutMs: number): ApiClient {
  const config = new BoundedConfig(timeoutMs);
  if (kubeconfig === undefined) {
    checkAccount();
    config.loadFromCluster();
  } else {
    loadFile(config, kubeconfig);
  }
  const client = new ApiClient(config, timeoutMs);
  if (client.server === "") {
    throw new ConfigError("kubernetes.kubeconfig: its current context leads to no cluster");
  }
  return client;
}

function loadFile(config: KubeConfig, file: string): void {
  const where = `kubernetes.kubeconfig: ${file}`;
  try {
    readFileSync(file);
  } catch (error) {
    throw new ConfigError(`${where}: ${explainFileError(error)}`);
  }
  try {
    config.loadFromFile(file);
  } catch (error) {
    const [line] = String(error instanceof Error ? error.message : error).split("\n");
    throw new ConfigError(`${where}: it is no kubeconfig: ${line}`);
  }
}

function checkAccount(): void {
  if (process.env["KUBERNETES_SERVICE_HOST"] === undefined) {
    throw new ConfigError(
      "kubernetes: this is no pod of a cluster (KUBERNETES_SERVICE_HOST is not set): set " +
        "kubernetes.kubeconfig",
    );
  }
  if (!existsSync(`${ACCOUNT}/token`)) {
    throw new ConfigError(
      `kubernetes: there is no ${ACCOUNT}/token: the pod needs a service account whose token is ` +
        "mounted (automountServiceAccountToken: true)",
    );
  }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Connections that fail on several addresses of a name have the reasons one level down. */
export function explainNetwork(error: unknown): string {
  if (error instanceof AggregateError) return explainNetwork(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}

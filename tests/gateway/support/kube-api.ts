// A small client of the Kubernetes API for the rig: objects as JSON, and a watch that goes on.
import { Agent, request } from "undici";

export interface KubeMetadata {
  name: string;
  namespace?: string;
  uid?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  resourceVersion?: string;
  deletionTimestamp?: string;
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: KubeMetadata;
}

/** One condition of a status, as every kind here has them. */
export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

interface KubeList<T> {
  metadata: { resourceVersion: string };
  items: T[];
}

interface WatchEvent<T> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: T;
}

const PATCH_TYPES = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
} as const;

/** What the API server answered instead of what was asked. */
export class KubeError extends Error {
  constructor(
    readonly status: number,
    what: string,
    text: string,
  ) {
    super(`${what}: ${status} ${text.slice(0, 500)}`);
  }
}

export class KubeApi {
  readonly #agent: Agent;

  /** `caFile`'s content checks the server; without it any certificate is taken. */
  constructor(
    readonly url: string,
    private readonly token: string,
    ca?: string,
  ) {
    const connect = ca === undefined ? { rejectUnauthorized: false } : { ca };
    this.#agent = new Agent({ connect, bodyTimeout: 0 });
  }

  get<T>(path: string): Promise<T> {
    return this.#ask<T>("GET", path);
  }

  async items<T>(path: string): Promise<T[]> {
    return (await this.get<KubeList<T>>(path)).items;
  }

  create<T>(path: string, object: unknown): Promise<T> {
    return this.#ask<T>("POST", path, object);
  }

  patch<T>(path: string, change: unknown, type: keyof typeof PATCH_TYPES = "merge"): Promise<T> {
    return this.#ask<T>("PATCH", path, change, PATCH_TYPES[type]);
  }

  /** Removes at once by default: there may be no kubelet that would confirm a graceful end. */
  async remove(path: string, graceSeconds = 0): Promise<void> {
    try {
      await this.#ask("DELETE", `${path}?gracePeriodSeconds=${graceSeconds}`);
    } catch (error) {
      if (!(error instanceof KubeError && error.status === 404)) throw error;
    }
  }

  /**
   * Calls `changed` with every object there is and every change, in order, until `signal`. A watch
   * that the server ends is begun again from a new list, as an informer does.
   */
  async follow<T extends KubeObject>(
    path: string,
    changed: (object: T, isDeleted: boolean) => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        const list = await this.get<KubeList<T>>(path);
        for (const item of list.items) changed(item, false);
        await this.#watch<T>(path, list.metadata.resourceVersion, changed, signal);
      } catch (error) {
        if (signal.aborted) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
        if (error instanceof KubeError && error.status === 403) throw error;
      }
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #watch<T>(
    path: string,
    resourceVersion: string,
    changed: (object: T, isDeleted: boolean) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const url = `${this.url}${path}?watch=1&resourceVersion=${resourceVersion}`;
    const headers = { authorization: `Bearer ${this.token}` };
    const response = await request(url, { headers, dispatcher: this.#agent, signal });
    let rest = "";
    response.body.setEncoding("utf8");
    for await (const chunk of response.body) {
      const lines = (rest + (chunk as string)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = JSON.parse(line) as WatchEvent<T>;
        if (event.type === "ERROR") return;
        if (event.type !== "BOOKMARK") changed(event.object, event.type === "DELETED");
      }
    }
  }

  async #ask<T>(
    method: "GET" | "POST" | "PATCH" | "DELETE",
    path: string,
    body?: unknown,
    contentType = "application/json",
  ): Promise<T> {
    const response = await request(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": contentType },
      body: body === undefined ? null : JSON.stringify(body),
      dispatcher: this.#agent,
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) {
      throw new KubeError(response.statusCode, `${method} ${path}`, text);
    }
    return JSON.parse(text) as T;
  }
}

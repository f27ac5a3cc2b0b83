// An API server of a test's own making, for the faults that no real one shows on demand.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { KubeConfig } from "@kubernetes/client-node";
import { ApiClient } from "../../../sidecar-metrics/src/discovery/kubernetes/client.js";
import {
  CLUSTER_TIMES,
  type ClusterTimes,
} from "../../../sidecar-metrics/src/discovery/kubernetes/settings.js";
import { serve } from "../support/support.js";

/** So short that every limit is met within a test. */
export const QUICK: ClusterTimes = {
  ...CLUSTER_TIMES,
  discoveryMs: 20,
  requestTimeoutMs: 300,
  backoffMinMs: 10,
  backoffMaxMs: 20,
  refusedMaxMs: 20,
  watchMinMs: 30,
  gatherMs: 5,
};

export interface Asked {
  path: string;
  query: URLSearchParams;
  isWatch: boolean;
}

export type Answerer = (asked: Asked, response: ServerResponse) => void;

/** The client of a server that answers as `answer` says; what it was asked, in order. */
export async function fakeApi(test: TestContext, answer: Answerer, times = QUICK) {
  const asked: Asked[] = [];
  const port = await serve(test, (request: IncomingMessage, response) => {
    const { pathname: path, searchParams: query } = new URL(request.url ?? "", "http://x");
    const one = { path, query, isWatch: query.get("watch") === "true" };
    asked.push(one);
    answer(one, response);
  });
  const config = new KubeConfig();
  const cluster = { name: "c", server: `http://127.0.0.1:${port}`, skipTLSVerify: true };
  config.loadFromClusterAndUser(cluster, { name: "u" });
  return { client: new ApiClient(config, times.requestTimeoutMs), asked };
}

export function sendJson(response: ServerResponse, status: number, content: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(content));
}

export function sendList(response: ServerResponse, names: string[], resourceVersion = "10"): void {
  const items = names.map((name) => ({ metadata: { name, resourceVersion: "1" } }));
  sendJson(response, 200, { metadata: { resourceVersion }, items });
}

export function event(type: string, name: string, resourceVersion = "11"): string {
  return `${JSON.stringify({ type, object: { metadata: { name, resourceVersion } } })}\n`;
}

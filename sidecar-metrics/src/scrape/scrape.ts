// One scrape of one pod as a value: whatever the pod sends or fails to send has a reason.
import { type Dispatcher, request } from "undici";
import type { EngineMapping } from "../engines/mapping.js";
import { ExpositionParser, type NameSet } from "./exposition.js";
import { LoadCollector, type PodLoad } from "./pod-load.js";

/** An error page is read this far, so that the connection can be used again. */
const DISCARD_BYTES_MAX = 16 * 1024;
const DETAIL_CHARS_MAX = 160;

export const SCRAPE_RESULTS = [
  "ok",
  "timeout",
  "unreachable",
  "tls",
  "bad_status",
  "too_large",
  "bad_body",
  "no_metrics",
  "no_model",
] as const;

export type ScrapeResult = (typeof SCRAPE_RESULTS)[number];
export type ScrapeFailure = Exclude<ScrapeResult, "ok">;

/** `detail` is for people and may quote the pod: escape it where it is shown. */
export type Scrape =
  | { result: "ok"; load: PodLoad; sentAtMs: number }
  | { result: ScrapeFailure; detail: string; sentAtMs: number };

/** What the pods of one pool have in common for a scrape. */
export interface ScrapeContext {
  dispatcher: Dispatcher;
  mapping: EngineMapping;
  names: NameSet;
  modelName: string | null;
  bearerToken: () => string | null;
  timeoutMs: number;
  bodyBytesMax: number;
  nowMs: () => number;
}

export async function scrape(url: string, context: ScrapeContext): Promise<Scrape> {
  const sentAtMs = context.nowMs(); // Before the request, so that an age is never understated.
  const deadline = new AbortController();
  // One deadline for everything: a body that drips a byte a second must not hold a slot.
  const timer = setTimeout(() => deadline.abort(), context.timeoutMs);
  try {
    const headers = requestHeaders("text/plain", context.bearerToken());
    const { dispatcher } = context;
    const response = await request(url, { dispatcher, headers, signal: deadline.signal });
    return { ...(await read(response, context)), sentAtMs };
  } catch (error) {
    const result = deadline.signal.aborted ? "timeout" : classify(error);
    const timeoutMs = result === "timeout" ? context.timeoutMs : null;
    return { result, detail: explainRequestError(error, timeoutMs), sentAtMs };
  } finally {
    clearTimeout(timer);
  }
}

/** `token` null: the pods ask for none. */
export function requestHeaders(accept: string, token: string | null): Record<string, string> {
  const headers: Record<string, string> = { accept, "accept-encoding": "identity" };
  if (token !== null) headers["authorization"] = `Bearer ${token}`;
  return headers;
}

/** `timeoutMs` null: it was not the deadline that ended the request. */
export function explainRequestError(error: unknown, timeoutMs: number | null): string {
  const detail = timeoutMs !== null ? `no answer in ${timeoutMs} ms` : explain(error);
  return detail.slice(0, DETAIL_CHARS_MAX);
}

type Reading = { result: "ok"; load: PodLoad } | { result: ScrapeFailure; detail: string };

async function read(response: Dispatcher.ResponseData, context: ScrapeContext): Promise<Reading> {
  const { statusCode, headers, body } = response;
  // Giving a body up makes it report an error, which without a listener would end the process.
  body.on("error", () => {});
  if (statusCode !== 200) {
    await body.dump({ limit: DISCARD_BYTES_MAX });
    return { result: "bad_status", detail: `HTTP status ${statusCode}` };
  }
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    body.destroy();
    const detail = `content-encoding ${String(encoding)} was not asked for`;
    return { result: "bad_body", detail: detail.slice(0, DETAIL_CHARS_MAX) };
  }
  const collector = new LoadCollector(context.mapping, context.modelName);
  const parser = new ExpositionParser(context.names, collector);
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > context.bodyBytesMax) {
      body.destroy();
      return { result: "too_large", detail: `more than ${context.bodyBytesMax} bytes` };
    }
    parser.feed(chunk);
  }
  parser.end();
  const reading = collector.finish();
  if (reading.kind === "load") return { result: "ok", load: reading.load };
  if (reading.kind === "no_model") {
    const models = reading.models.join(", ");
    return { result: "no_model", detail: `no series of ${context.modelName}, only of ${models}` };
  }
  const queue = context.mapping.names.waiting.join(" or ");
  return { result: "no_metrics", detail: `no ${queue} in ${bytes} bytes` };
}

const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|EPROTO|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/;

function classify(error: unknown): ScrapeFailure {
  const code = errorCode(error);
  if (TLS_CODE.test(code)) return "tls";
  if (error instanceof Error && error.name === "HTTPParserError") return "bad_body";
  if (code === "UND_ERR_HEADERS_OVERFLOW") return "bad_body";
  return code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH" ? "bad_body" : "unreachable";
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message || errorCode(error) || error.name : String(error);
}

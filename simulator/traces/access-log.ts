// One line of Envoy's access log as JSON: a request to a model, or why it is none.

/** Ends of the paths whose prompts the filter reads; embeddings aside, which have no answer. */
const PATHS = [
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/responses",
  "/v1/messages",
  "/generate",
];
/** Numbers above are ms since 1970, below s: in s it is the year 5138, in ms 1973. */
const SECONDS_MAX = 1e11;
const NOT_LOGGED = "-";

/** A request as the log knows it. */
export interface LoggedRequest {
  /** Since 1970. */
  atMs: number;
  /** Of the body. */
  requestBytes: number;
  /** Of the body. */
  answerBytes: number;
  isStreamed: boolean;
  /** `ip:port`; null: not logged. */
  pod: string | null;
  /** Prompt tokens that the pod was believed to hold; null: not logged. */
  cachedTokens: number | null;
  session: string | null;
  model: string | null;
}

/** Why a line is no request that can be replayed; the words follow the number of such lines. */
export type Skipped =
  | "were no JSON object"
  | "were no POST to a completions path"
  | "were not answered with 200"
  | `had no ${string}`;

/** Keys of Envoy Gateway's default format first; further ones as docs/traces.md sets them. */
const KEYS = {
  path: ["x-envoy-origin-path", "path"],
  method: ["method"],
  status: ["response_code"],
  start: ["start_time"],
  received: ["bytes_received"],
  sent: ["bytes_sent"],
  upstream: ["upstream_host"],
  decision: ["x-warmroute-decision"],
  type: ["content-type"],
  session: ["session"],
  model: ["model"],
} as const;

export function parseLogLine(text: string): LoggedRequest | Skipped {
  const line = objectOf(text);
  if (line === null) return "were no JSON object";
  const get = (key: keyof typeof KEYS): string | null => {
    for (const name of KEYS[key]) {
      const value = line[name];
      if (typeof value === "number") return String(value);
      if (typeof value === "string" && value !== "" && value !== NOT_LOGGED) return value;
    }
    return null;
  };
  const path = get("path")?.split("?")[0];
  if (path === undefined) return `had no ${KEYS.path[0]}`;
  const isPost = (get("method") ?? "POST") === "POST";
  if (!isPost || !PATHS.some((one) => path.endsWith(one))) {
    return "were no POST to a completions path";
  }
  const status = get("status");
  if (status === null) return `had no ${KEYS.status[0]}`;
  if (status !== "200") return "were not answered with 200";
  const atMs = timeOf(get("start"));
  if (atMs === null) return `had no ${KEYS.start[0]}`;
  const requestBytes = countOf(get("received"));
  // A body of 0 bytes is no prompt: so it is logged where Envoy did not see the body.
  if (requestBytes === null || requestBytes === 0) return `had no ${KEYS.received[0]}`;
  const answerBytes = countOf(get("sent"));
  if (answerBytes === null) return `had no ${KEYS.sent[0]}`;
  const decision = get("decision") ?? "";
  return {
    ...{ atMs, requestBytes, answerBytes },
    isStreamed: (get("type") ?? "text/event-stream").startsWith("text/event-stream"),
    pod: /(?:^|;)pod=([^;]+)/.exec(decision)?.[1] ?? get("upstream"),
    cachedTokens: countOf(/(?:^|;)cached=(\d+)/.exec(decision)?.[1] ?? null),
    session: get("session"),
    model: get("model"),
  };
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** `%START_TIME%` is ISO 8601 unless a format is given, of which seconds and ms are taken. */
function timeOf(text: string | null): number | null {
  if (text === null) return null;
  if (/^\d+(\.\d+)?$/.test(text)) {
    const value = Number(text);
    return value < SECONDS_MAX ? Math.round(value * 1e6) / 1000 : value;
  }
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}

function countOf(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

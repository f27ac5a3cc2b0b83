// Decides from the answers so far, and Envoy's log, whether a module routes, or why it never will.

/** One answer through the module. */
export interface Seen {
  /** 0 when there was none. */
  status: number;
  /** The pod that answered; null when Envoy itself did. */
  pod: string | null;
  /** The filter's `x-warmroute-decision`, or without an answer the error. */
  decision: string | null;
}

/** So many in a row that two workers with chances of a half have both been asked. */
const ROUTED_COUNT_MIN = 12;
/** A worker whose VM is still starting may answer 503 too; with an error in the log it is over. */
const REFUSED_COUNT_MIN = 3;
const QUOTED_LINES_MAX = 3;
/** `[2026-01-31 12:00:00.000][42][error][wasm] [source/...] text`, Envoy's default format. */
const LOG_LINE = /^\[[^\]]+\]\[\d+\]\[(\w+)\]\[(\w+)\] (.*)$/;

/** "routed", "waiting", or the refusal's text. `isOver`: there is no time left to wait. */
export function routeVerdict(seen: Seen[], envoyLog: string, isOver: boolean): string {
  const last = seen.slice(-ROUTED_COUNT_MIN);
  if (last.length === ROUTED_COUNT_MIN && last.every(isRouted)) return "routed";
  const errors = wasmErrors(envoyLog);
  const refused = seen.slice(-REFUSED_COUNT_MIN);
  const isRefused =
    refused.length === REFUSED_COUNT_MIN && refused.every(({ status }) => status === 503);
  if (isRefused && errors.length > 0) {
    return quoted("Envoy cannot run the module, and answers 503 to every request", errors);
  }
  if (!isOver) return "waiting";
  const final = seen.at(-1);
  return quoted(
    `Envoy runs the module, but it routes no request: the last of ${seen.length} got ` +
      `${final?.status === 0 ? "no answer" : `status ${final?.status}`} from ` +
      `${final?.pod ?? "no pod"} (${final?.decision ?? "without a decision of the filter"})`,
    errors,
  );
}

function isRouted({ status, pod, decision }: Seen): boolean {
  return status === 200 && pod === "listed" && decision !== null;
}

/** What Envoy and the module said at the level of an error, each once, in their order. */
export function wasmErrors(log: string): string[] {
  const found = new Set<string>();
  for (const line of log.split("\n")) {
    const [, level, logger, text = ""] = LOG_LINE.exec(line) ?? [];
    if (logger !== "wasm" || (level !== "error" && level !== "critical")) continue;
    found.add(text.replace(/^\[source\/[^\]]*\] /, ""));
  }
  return [...found];
}

/** A text with the first of Envoy's lines under it. */
export function quoted(text: string, errors: string[]): string {
  if (errors.length === 0) return text;
  const lines = errors.slice(0, QUOTED_LINES_MAX).map((line) => `  Envoy: ${line}`);
  return `${text}:\n${lines.join("\n")}`;
}

// Envoy's own record of each request: which pods the filter named, and which one Envoy went to.
import { readFileSync } from "node:fs";
import { until } from "../../../lab/processes.js";
import { DESTINATION_HEADER } from "../../../lab/envoy-config.js";

const TIMEOUT_MS = 10_000;

export interface LoggedRequest {
  /** The load's number of the request; NaN for one that is not the load's. */
  id: number;
  /** Milliseconds since 1970. */
  startMs: number;
  /** `ip:port` that the filter named first and second; empty where it named none. */
  first: string;
  second: string;
  /** The pod of the last try; empty where there was none. */
  upstream: string;
  tries: number;
  status: number;
  /** Envoy's response flags; `-` for none. */
  flags: string;
}

/** The `access_log` of a listener that is read by `readAccessLog`. */
export function accessLogTo(path: string): object[] {
  const format = {
    id: "%REQ(x-load-id)%",
    start: "%START_TIME(%s.%6f)%",
    destination: `%REQ(${DESTINATION_HEADER})%`,
    upstream: "%UPSTREAM_HOST%",
    tries: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    status: "%RESPONSE_CODE%",
    flags: "%RESPONSE_FLAGS%",
  };
  const type = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
  const config = { "@type": type, path, log_format: { json_format: format } };
  return [{ name: "envoy.access_loggers.file", typed_config: config }];
}

/** All requests of a load of `sent`, by number, once Envoy has logged them all. */
export async function readAccessLog(
  path: string,
  sent: number,
): Promise<Map<number, LoggedRequest>> {
  let log = new Map<number, LoggedRequest>();
  await until(
    `Envoy logged ${sent} requests`,
    () => {
      log = parseAccessLog(readFileSync(path, "utf8"));
      return log.size >= sent;
    },
    TIMEOUT_MS,
  );
  return log;
}

/** Those whose first choice was that pod, within times since 1970, in the order of their start. */
export function firstChoices(
  log: ReadonlyMap<number, LoggedRequest>,
  pod: { address: string },
  fromMs: number,
  toMs = Infinity,
): LoggedRequest[] {
  return [...log.values()]
    .filter((one) => one.first === pod.address && one.startMs >= fromMs && one.startMs < toMs)
    .sort((a, b) => a.startMs - b.startMs);
}

/** Those that would have tried that pod after the first one had failed. */
export function secondChoices(
  log: ReadonlyMap<number, LoggedRequest>,
  pod: { address: string },
  fromMs: number,
  toMs = Infinity,
): LoggedRequest[] {
  return [...log.values()].filter(
    (one) => one.second === pod.address && one.startMs >= fromMs && one.startMs < toMs,
  );
}

/** The share, 0 to 1, of the requests of a window whose first choice was that pod. */
export function firstShare(
  log: ReadonlyMap<number, LoggedRequest>,
  pod: { address: string },
  fromMs: number,
  toMs: number,
): number {
  const all = [...log.values()].filter((one) => one.startMs >= fromMs && one.startMs < toMs);
  return firstChoices(log, pod, fromMs, toMs).length / Math.max(1, all.length);
}

/** What Envoy has written so far, by the number of the request. */
export function parseAccessLog(text: string): Map<number, LoggedRequest> {
  const log = new Map<number, LoggedRequest>();
  // What follows the last end of a line is not written whole yet.
  for (const line of text.split("\n").slice(0, -1)) {
    const raw = JSON.parse(line) as Record<string, string | number | null>;
    if (raw["id"] === null || raw["id"] === undefined) continue;
    const [first = "", second = ""] = String(raw["destination"] ?? "").split(",");
    const id = Number(raw["id"]);
    log.set(id, {
      id,
      startMs: Number(raw["start"]) * 1000,
      first,
      second,
      upstream: String(raw["upstream"] ?? ""),
      tries: Number(raw["tries"]),
      status: Number(raw["status"]),
      flags: String(raw["flags"] ?? "-"),
    });
  }
  return log;
}

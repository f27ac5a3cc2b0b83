// From pods to endpoints: which pods of a pool are listed, which may be picked, and how each is
// scraped.
import { isIP } from "node:net";
import { normalizeAddress } from "../../config/address.js";
import type { PodSettings } from "../../pools/endpoint.js";
import type { PodConfigDefaults } from "../pod-list.js";
import type { PoolSpec } from "./inference-pool.js";
import { compare, fullName, type Pod } from "./objects.js";

/** LeaderWorkerSet numbers the pods of a group; only the leader, 0, serves requests. */
const WORKER_INDEX = "leaderworkerset.sigs.k8s.io/worker-index";
/** Phases of pods that never run again, although they may still show their last IP. */
const ENDED = new Set(["Succeeded", "Failed"]);

/** 1 to 65535 without leading zeros. */
const PORT = /^([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/;

export interface Endpoints {
  pods: PodSettings[];
  problems: string[];
}

/** `pods`: those of the pool's namespace. */
export function findEndpoints(
  pods: readonly Pod[],
  { selector, ports }: PoolSpec,
  defaults: PodConfigDefaults,
): Endpoints {
  const found = new Map<string, { settings: PodSettings; pod: Pod }>();
  const refused = new Map<string, string[]>();
  for (const pod of pods) {
    if (!matches(pod, selector) || !isListed(pod)) continue;
    const { how, problems } = readAnnotations(pod, ports.length > 1, defaults);
    for (const problem of problems) {
      refused.set(problem, [...(refused.get(problem) ?? []), fullName(pod)]);
    }
    for (const port of ports) {
      const settings = toSettings(pod, port, how);
      if (settings === null) continue;
      const other = found.get(settings.address);
      // Pods of a node's own network, or one that leaves and one that got its IP already.
      if (other !== undefined && !isPreferred(pod, other.pod)) continue;
      found.set(settings.address, { settings, pod });
    }
  }
  const sorted = [...found.values()].sort((a, b) => order(a.settings, b.settings));
  const problems = [...refused].map(([problem, names]) => `${count(names)}: ${problem}`);
  return { pods: sorted.map(({ settings }) => settings), problems };
}

export function matches({ metadata }: Pod, selector: Record<string, string>): boolean {
  const entries = Object.entries(selector);
  return entries.length > 0 && entries.every(([key, value]) => metadata.labels[key] === value);
}

/** Pods that may not be picked are listed all the same: requests may still be under way there. */
export function mayBePicked(pod: Pod): boolean {
  return pod.isReady && pod.metadata.deletionTimestamp === null;
}

function isListed({ metadata, phase, ips }: Pod): boolean {
  const workerIndex = metadata.labels[WORKER_INDEX] ?? "0";
  return workerIndex === "0" && !ENDED.has(phase) && ips.length > 0;
}

function isPreferred(pod: Pod, other: Pod): boolean {
  const [may, otherMay] = [mayBePicked(pod), mayBePicked(other)];
  if (may !== otherMay) return may;
  return pod.metadata.creationTimestamp > other.metadata.creationTimestamp;
}

/** Those that may be picked get the numbers first, should there be too few. */
function order(a: PodSettings, b: PodSettings): number {
  return (
    Number(a.isDraining) - Number(b.isDraining) ||
    compare(a.podName ?? "", b.podName ?? "") ||
    compare(a.address, b.address)
  );
}

type How = Pick<PodSettings, "scheme" | "metricsPath" | "metricsPort">;

function toSettings(pod: Pod, port: number, how: How): PodSettings | null {
  const [ip = ""] = pod.ips;
  const address = normalizeAddress(isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`);
  if (address === null) return null;
  const { uid, name: podName } = pod.metadata;
  return { address, ...how, isDraining: !mayBePicked(pod), uid, podName };
}

/**
 * What the annotations for Prometheus say of the metrics page. `prometheus.io/scrape` is a word to
 * Prometheus alone. Of a pod with several endpoints `port` could be right for one only.
 */
function readAnnotations(
  { metadata: { annotations } }: Pod,
  hasSeveralPorts: boolean,
  defaults: PodConfigDefaults,
): { how: How; problems: string[] } {
  const problems: string[] = [];
  const read = (name: string, pattern: RegExp, allowed: string): string | null => {
    const value = annotations[`prometheus.io/${name}`];
    if (value === undefined || value === "") return null;
    if (pattern.test(value)) return value;
    const shown = JSON.stringify(value.slice(0, 60));
    const said = `annotation prometheus.io/${name}: ${shown} is not allowed`;
    problems.push(`${said}; it must be ${allowed}; the pool's is used`);
    return null;
  };
  const scheme = read("scheme", /^https?$/, "one of http, https");
  const path = read("path", /^\/?[\x21-\x7e]{1,254}$/, "a path");
  const port = read("port", PORT, "a whole number from 1 to 65535");
  const how: How = {
    // Never the other way: a pod must not talk a pool out of TLS, and its token into the clear.
    scheme: scheme === "https" ? "https" : defaults.scheme,
    metricsPath: path === null ? defaults.metricsPath : path.replace(/^(?!\/)/, "/"),
    metricsPort: (hasSeveralPorts || port === null ? defaults.metricsPort : Number(port)) ?? null,
  };
  return { how, problems };
}

function count(names: string[]): string {
  const [first] = names;
  return names.length === 1 ? `Pod ${first}` : `${names.length} pods (${first} first)`;
}

// What keeps the API server from telling what is watched, in sentences for people.
import type { Resource, Trouble } from "./kind-informer.js";

const NOT_FOUND = 404;
/** Swedish times are ISO 8601 for people: 2026-11-21 14:03:22. */
const TIME = new Intl.DateTimeFormat("sv-SE", {
  timeZone: "UTC",
  dateStyle: "short",
  timeStyle: "medium",
});

export interface Troubled {
  /** Null: the look for kinds. */
  resource: Pick<Resource, "name" | "namespace"> | null;
  trouble: Trouble | null;
}

/** By subject: one for an API server that does not answer, one for each list it refuses. */
export function describeTroubles(
  server: string,
  all: readonly Troubled[],
  nowUnixMs: number,
): Map<string, string> {
  const texts = new Map<string, string>();
  const silent = all.flatMap(({ trouble }) => (trouble?.statusCode === null ? [trouble] : []));
  const [first] = [...silent].sort((a, b) => a.sinceUnixMs - b.sinceUnixMs);
  if (first !== undefined) {
    const since = `since ${TIME.format(first.sinceUnixMs)} UTC`;
    const seconds = Math.max(0, Math.round((nowUnixMs - first.sinceUnixMs) / 1_000));
    texts.set(
      "Kubernetes API server",
      `The Kubernetes API server ${server} does not answer ${since} (${seconds} s): ` +
        `${first.message}. Pods, pools and models stay as they were last known.`,
    );
  }
  for (const { resource, trouble } of all) {
    if (trouble === null || trouble.statusCode === null) continue;
    // A kind that is not there (any more) is no trouble; the look for kinds ends its watch.
    if (trouble.statusCode === NOT_FOUND) continue;
    const about =
      resource === null ? "the look for kinds" : `${resource.name} in ${resource.namespace}`;
    texts.set(about, `${explain(resource, trouble)} (${trouble.statusCode}: ${trouble.message}).`);
  }
  return texts;
}

function explain(resource: Troubled["resource"], { statusCode }: Trouble): string {
  const what =
    resource === null
      ? "The kinds there are"
      : `${resource.name} in namespace ${resource.namespace}`;
  if (statusCode === 401) return `${what}: the API server does not accept our credentials`;
  if (statusCode !== 403) return `${what}: the API server answers with an error`;
  return `${what}: not permitted; a role with the verbs list and watch is missing`;
}

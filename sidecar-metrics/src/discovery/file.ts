// Pods from a watched file; content that is no list of pods changes nothing and is shown.
import { basename } from "node:path";
import { contentOf, explainIssue, parseSource } from "../config/explain.js";
import { podFile } from "../config/pods.js";
import { watchFile } from "../files.js";
import type { PodList } from "../pools/pool.js";
import type { StartDiscovery } from "./discovery.js";
import { completePods, type PodConfigDefaults } from "./pod-list.js";

const FILE_BYTES_MAX = 4 * 1024 * 1024;

export const watchPodFile: StartDiscovery<string> = (path, defaults, events) =>
  watchFile(path, FILE_BYTES_MAX, {
    unreadable: (reason) => events.problem(`${path}: ${reason}`),
    content: (bytes) => {
      try {
        const list = parsePodFile(basename(path), bytes.toString("utf8"), defaults);
        events.problem(null);
        events.list(list);
      } catch (error) {
        events.problem(error instanceof Error ? error.message : String(error));
      }
    },
  });

/** Throws an error whose message names file, line, key and value. */
export function parsePodFile(file: string, text: string, defaults: PodConfigDefaults): PodList {
  const source = parseSource(file, text);
  const content: unknown = contentOf(source);
  // An empty file is more likely one that is being written than the wish for no pods.
  if (content === null) throw new Error(`${file}: empty; write [] for no pods`);
  const parsed = podFile.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(issue === undefined ? `${file}: refused` : explainFor(issue, content, source));
  }
  return {
    pods: completePods(parsed.data.pods, defaults),
    strategy: parsed.data.routingStrategy,
  };
}

type Explain = typeof explainIssue;

/** A bare list is checked as `{pods: list}`: the lines are those of the list itself. */
function explainFor(
  issue: Parameters<Explain>[0],
  content: unknown,
  source: Parameters<Explain>[2],
): string {
  const isList = Array.isArray(content) && issue.path[0] === "pods";
  return explainIssue(isList ? { ...issue, path: issue.path.slice(1) } : issue, content, source);
}

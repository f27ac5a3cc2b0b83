// How Kubernetes reads YAML, for every command of ours that reads manifests.
import type { DocumentOptions, ParseOptions, SchemaOptions, Tags } from "yaml";

/** YAML 1.1 without dates and base 60: `yes` is true, 2024-01-01 and 1:30 are strings. */
export const KUBERNETES_YAML = {
  version: "1.1",
  customTags: (tags: Tags): Tags => tags.filter((tag) => !isUnknownToKubernetes(tag)),
} as const satisfies ParseOptions & DocumentOptions & SchemaOptions;

function isUnknownToKubernetes(tag: unknown): boolean {
  if (tag === "timestamp") return true;
  if (typeof tag !== "object" || tag === null) return false;
  const { tag: uri, format } = tag as { tag?: unknown; format?: unknown };
  return uri === "tag:yaml.org,2002:timestamp" || format === "TIME";
}

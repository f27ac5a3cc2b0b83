// The pod templates among the given objects: Deployments, StatefulSets, LeaderWorkerSets.
import { asList, asObject, text, type Json, type KubeObject } from "./kube-object.js";

export interface PodTemplate {
  object: KubeObject;
  /** Where the template's `spec` stands in the object. */
  path: string[];
  labels: Record<string, string>;
  containers: Json[];
}

const TEMPLATE_PATHS = [
  ["spec", "template"],
  ["spec", "leaderWorkerTemplate", "leaderTemplate"],
  // A LeaderWorkerSet without a template for leaders makes them from the one for workers.
  ["spec", "leaderWorkerTemplate", "workerTemplate"],
];

export function podTemplates(objects: readonly KubeObject[]): PodTemplate[] {
  return objects.flatMap((object) => {
    const value = object.value;
    for (const path of TEMPLATE_PATHS) {
      const template = path.reduce<Json>((at, key) => asObject(at[key]), value);
      const containers = asList(asObject(template["spec"])["containers"]).map(asObject);
      if (containers.length === 0) continue;
      const labels = asObject(asObject(template["metadata"])["labels"]);
      const texts = Object.entries(labels).map(([key, label]) => [key, text(label)]);
      return [
        { object, path: [...path, "spec"], labels: Object.fromEntries(texts) as never, containers },
      ];
    }
    return [];
  });
}

/** Whether pods with these labels are selected; an empty selector selects nothing here. */
export function selects(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  const wanted = Object.entries(selector);
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

// Prints objects as one YAML stream, with the users' comments and ours.
import type { KubeObject } from "./kube-object.js";

export function printObjects(objects: readonly KubeObject[]): string {
  return objects
    .map(({ document }) => document.toString({ lineWidth: 0, flowCollectionPadding: false }))
    .join("---\n");
}

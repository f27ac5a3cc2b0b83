// Takes off what only the API server writes, so that `kubectl get --output yaml` can be migrated.
import { asObject, type KubeObject } from "./kube-object.js";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const FIELDS = [
  ["status"],
  ...["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"].map(
    (field) => ["metadata", field],
  ),
  ["metadata", "annotations", LAST_APPLIED],
];

export function takeOffServerFields(object: KubeObject): void {
  const wasAnnotated = object.get(["metadata", "annotations", LAST_APPLIED]) !== undefined;
  for (const path of FIELDS) {
    if (object.get(path) !== undefined) object.document.deleteIn(path);
  }
  const left = Object.keys(asObject(object.get(["metadata", "annotations"])));
  if (wasAnnotated && left.length === 0) object.document.deleteIn(["metadata", "annotations"]);
}

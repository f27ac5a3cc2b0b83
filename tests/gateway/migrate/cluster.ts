// A cluster as one that ran the ACK extension: the rig with the kinds that the articles use.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { until } from "../../../lab/processes.js";
import type { Answer } from "../../e2e/support/rig.js";
import { pushFilter, type FilterImage } from "../support/filter-image.js";
import type { Condition, KubeObject } from "../support/kube-api.js";
import { Rig } from "../support/rig.js";
import { ROOT } from "../support/tools.js";

const FIXTURES = join(ROOT, "tests", "gateway", "fixtures", "crds");
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const POOLS = "inferencepools.inference.networking.x-k8s.io";
const ROUTED_TIMEOUT_MS = 60_000;

interface Crd {
  metadata: { name: string };
  spec: { versions: { name: string; storage: boolean }[] };
}

export interface MigrationCluster {
  rig: Rig;
  filter: FilterImage;
}

export async function startCluster(): Promise<MigrationCluster> {
  const rig = await Rig.start();
  try {
    await serveOldKinds(rig);
    const filter = await pushFilter(join(rig.folder, "images"), "migrate");
    return { rig, filter };
  } catch (error) {
    await rig.stop();
    throw error;
  }
}

/** InferencePool v1alpha1 beside v1alpha2, and InferenceModel, as on an upgraded cluster. */
async function serveOldKinds(rig: Rig): Promise<void> {
  await rig.kubectl(["apply", "--server-side", "-f", join(FIXTURES, "inferencemodels.yaml")]);
  const old = parse(readFileSync(join(FIXTURES, "inferencepools-v1alpha1.yaml"), "utf8")) as Crd;
  const { spec } = await rig.api.get<Crd>(`${CRDS}/${POOLS}`);
  const added = old.spec.versions.map((version) => ({ ...version, storage: false }));
  const versions = [...spec.versions, ...added];
  await rig.api.patch(`${CRDS}/${POOLS}`, { spec: { versions } });
  const isServed = async (): Promise<boolean> => {
    const kinds = await rig.kubectl(["api-resources", "--api-group=inference.networking.x-k8s.io"]);
    const pools = "/apis/inference.networking.x-k8s.io/v1alpha1/inferencepools";
    const list = await rig.api.get(pools).catch(() => null);
    return kinds.includes("inferencemodels") && list !== null;
  };
  await until("the old kinds are served", isServed, ROUTED_TIMEOUT_MS);
}

/** Waits until `ask` gets an answer that `found` takes; the last one is in the error. */
export async function untilAnswered(
  what: string,
  rig: Rig,
  ask: () => Promise<Answer>,
  found: (answer: Answer) => boolean,
): Promise<Answer> {
  let last: Answer | undefined;
  let failure = "";
  const isFound = async (): Promise<boolean> => {
    if (rig.kubelet.errors.length > 0) throw new Error(rig.problems());
    try {
      last = await ask();
    } catch (error) {
      failure = String(error);
      return false;
    }
    return found(last);
  };
  try {
    await until(what, isFound, ROUTED_TIMEOUT_MS);
  } catch (error) {
    const seen = last === undefined ? failure : `${last.status} ${last.body.toString()}`;
    throw new Error(`${(error as Error).message}: ${seen}\n${rig.problems()}`, { cause: error });
  }
  return last as Answer;
}

interface WithStatus extends KubeObject {
  status?: Record<
    "parents" | "ancestors" | "listeners",
    { conditions: Condition[] }[] | undefined
  > & {
    conditions?: Condition[];
  };
}

/** What is not True among the conditions of all objects of a path; "" when everything is. */
export async function untrue(rig: Rig, path: string): Promise<string> {
  const objects = await rig.api.items<WithStatus>(path);
  const lines = objects.flatMap(({ metadata, status }) => {
    const { conditions = [], parents = [], ancestors = [], listeners = [] } = status ?? {};
    const below = [...parents, ...ancestors, ...listeners].flatMap((one) => one.conditions);
    const all = [...conditions, ...below];
    if (all.length === 0) return [`${metadata.name}: no condition`];
    const wrong = all.filter((one) => one.status !== "True");
    return wrong.map(({ type, message }) => `${metadata.name}: ${type}: ${message}`);
  });
  return objects.length === 0 ? "there is no object" : lines.join("\n");
}

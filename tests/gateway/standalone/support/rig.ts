// A machine without Kubernetes: registry, model servers, sidecar and the standalone gateway.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSidecar, type Sidecar } from "../../../../lab/sidecar.js";
import { stopAll, type Child } from "../../../../lab/processes.js";
import { startEchoPod, type EchoPod } from "../../../e2e/support/echo-pod.js";
import { startGateway, type Gateway } from "./gateway.js";
import { fillIn, shippedManifests, type Settings } from "./manifests.js";
import { startRegistry } from "./registry.js";

/** The ports of manifests/standalone; the suite has a network of its own. */
export const HTTP_URL = "http://127.0.0.1:8080";
export const LLM_URL = "http://127.0.0.1:8090";
/** Of components/canary. */
export const NEXT_URL = "http://127.0.0.1:8082";
export const REGISTRY = "127.0.0.1:5000";
export const LOGIN_REGISTRY = "127.0.0.1:5001";
const SIDECAR_PORT = 9110;
/** The pool that the shipped filter configuration names. */
const POOL = "default/vllm-pool";
const PODS = 3;

/** `pods`: those of the gateway's configuration, all of the rig's when absent. */
export type Applied = Omit<Settings, "pods"> & { pods?: string[] };

export interface Rig {
  folder: string;
  gateway: Gateway;
  sidecar: Sidecar;
  pods: EchoPod[];
  /** Writes the manifests with these settings into the watched folder. */
  apply(settings: Applied): Promise<void>;
  /** Replaces the sidecar's list of pods. */
  listPods(pods: string[]): void;
  /** The open one; after a stop it starts with what was pushed. */
  registry: { start(): Promise<void>; stop(): Promise<void> };
  stop(): Promise<void>;
}

export async function startRig(): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), "warmroute-standalone-"));
  const pods: EchoPod[] = [];
  for (let index = 0; index < PODS; index++) pods.push(await startEchoPod(`pod-${index}`));
  const addresses = pods.map(({ address }) => address);
  const openRegistry = (): Promise<Child> =>
    startRegistry(join(folder, "registry"), REGISTRY, false);
  let registry = await openRegistry();
  await startRegistry(join(folder, "login-registry"), LOGIN_REGISTRY, true);
  const listPath = join(folder, "pods.yaml");
  const listPods = (list: string[]): void => {
    writeFileSync(`${listPath}.next`, JSON.stringify(list));
    renameSync(`${listPath}.next`, listPath);
  };
  listPods(addresses);
  const sidecar = await startSidecar({
    port: SIDECAR_PORT,
    pools: [],
    config: { pools: [{ name: POOL, pods: { file: listPath } }] },
    folder: join(folder, "sidecar"),
  });
  const shipped = await shippedManifests(folder);
  const gateway = await startGateway(join(folder, "gateway"));
  return {
    folder,
    gateway,
    sidecar,
    pods,
    apply: async (settings) => {
      const { next } = settings;
      const manifests = next === undefined ? shipped : await shippedManifests(folder, next);
      const filled = fillIn(manifests, { pods: addresses, ...settings }, gateway.configHome);
      gateway.apply("warmroute.yaml", filled);
    },
    listPods,
    registry: {
      start: async () => {
        registry = await openRegistry();
      },
      stop: () => registry.stop(),
    },
    stop: async () => {
      await gateway.stop();
      await sidecar.stop();
      await stopAll();
      for (const pod of pods) await pod.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// How long changes take on the standalone gateway, in milliseconds; for suite and benchmark.
import type { Answer } from "../../../e2e/support/rig.js";
import { askUntil, isRouted, promptOf, untilAll } from "./ask.js";
import type { Applied, Rig } from "./rig.js";

export const FIGURES = {
  apply: "from apply to a routed request, Envoy's start included",
  add: "a pod is listed: to its first request",
  remove: "a pod is no longer listed: to the last request there",
};

/** Applies to a gateway that runs no Envoy yet. */
export async function measureApply(rig: Rig, settings: Applied): Promise<number> {
  const startMs = performance.now();
  await rig.apply(settings);
  await askUntil("a routed request", () => promptOf("first"), isRouted);
  return performance.now() - startMs;
}

/** Takes the last pod out of the sidecar's list, and puts it back. */
export async function measurePodSet(rig: Rig): Promise<{ addMs: number; removeMs: number }> {
  const addresses = rig.pods.map(({ address }) => address);
  const last = addresses.at(-1) as string;
  // A prompt that every worker knows to be the last pod's goes there for as long as it may.
  const own = await promptAt(rig, last);
  const isThere = ({ decision }: Answer): boolean => decision.pod === last;
  await untilAll(`a prompt is known to be at ${last}`, own, isThere);
  const removedMs = performance.now();
  rig.listPods(addresses.slice(0, -1));
  const goneMs = await untilAll(`no request at ${last}`, own, (answer) => !isThere(answer));
  const removeMs = goneMs - removedMs;
  const addedMs = performance.now();
  rig.listPods(addresses);
  await promptAt(rig, last);
  return { removeMs, addMs: performance.now() - addedMs };
}

let promptCount = 0;

/** Asks new prompts until one is given to the pod; that prompt. */
async function promptAt(rig: Rig, pod: string): Promise<string> {
  let prompt = "";
  const next = (): string => (prompt = promptOf(`${rig.folder} ${promptCount++}`));
  await askUntil(`a prompt at ${pod}`, next, ({ decision }) => decision.pod === pod);
  return prompt;
}

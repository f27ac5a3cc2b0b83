// What could be better about the model servers and models, whatever gateway stands before them.
import { readStrategy } from "../../sidecar-metrics/src/discovery/kubernetes/annotations.js";
import type { Findings } from "./finding.js";
import { asList, asObject, text, type Json } from "./kube-object.js";
import { podTemplates, selects, type PodTemplate } from "./pod-templates.js";
import type { Given, Model, Pool, Typed } from "./shapes.js";

/** From 0.8.0 on vLLM runs its engine V1, which caches prefixes unless told not to. */
const V1_SINCE = [0, 8];

interface Advice {
  isDue: (command: string, container: Json) => boolean;
  text: string;
}

const ADVICE: readonly Advice[] = [
  {
    isDue: (command, container) =>
      isBeforeV1(text(container["image"])) && !/--enable-prefix-caching\b/.test(command),
    text:
      "vLLM before 0.8 caches no prefixes unless it is given --enable-prefix-caching; without it " +
      "warmroute can only go by load",
  },
  {
    isDue: (command) => /--no-enable-prefix-caching\b/.test(command),
    text: "--no-enable-prefix-caching leaves warmroute nothing but the load to go by",
  },
  {
    isDue: (command) => !/--enable-prompt-tokens-details\b/.test(command),
    text:
      "with --enable-prompt-tokens-details each answer tells its cached tokens, by which " +
      "warmroute corrects what it believes of the cache",
  },
  {
    isDue: (command) => /--enforce-eager\b/.test(command),
    text: "--enforce-eager turns CUDA graphs off, which makes every token slower",
  },
  {
    isDue: (command) => /--tensor-parallel[= ]/.test(command),
    text: "--tensor-parallel is short for --tensor-parallel-size, and unique only by chance",
  },
  {
    isDue: (_, container) => "tcpSocket" in asObject(container["readinessProbe"]),
    text: "a readinessProbe with httpGet /health would also see an engine that has died",
  },
];

export function hintAtServers(given: Given, findings: Findings): void {
  for (const pool of given.pools) {
    hintAtStrategy(pool, findings);
    const templates = templatesOf(pool, given);
    for (const template of templates) {
      for (const container of template.containers) {
        const command = commandOf(container);
        if (!isVllm(command)) continue;
        for (const { isDue, text: advice } of ADVICE) {
          if (!isDue(command, container)) continue;
          findings.add("hint", template.object.place(...template.path, "containers"), advice);
        }
      }
    }
    const served = new Set(templates.flatMap(({ containers }) => containers.flatMap(servedNames)));
    for (const model of given.models) checkModel(model, pool, served, findings);
  }
  for (const { object, shape } of given.models) {
    const { name } = shape.spec.poolRef;
    if (given.pools.some((pool) => pool.object.name === name)) continue;
    const what = `its poolRef names InferencePool ${name}, which is not in the files`;
    findings.add("warning", object.place("spec", "poolRef", "name"), what);
  }
}

/** The one default that differs: whoever wants the old one has to say so. */
function hintAtStrategy({ object, shape }: Typed<Pool>, findings: Findings): void {
  const strategy = readStrategy(shape.annotations);
  if (!strategy.ok || strategy.value !== null) return;
  const what =
    "without the annotation routing-strategy warmroute goes by cached prefixes too; " +
    "DEFAULT keeps to the load, which was what ACK did";
  findings.add("hint", object.place("metadata"), what);
}

function templatesOf(pool: Typed<Pool>, given: Given): PodTemplate[] {
  return podTemplates(given.all).filter(
    ({ object, labels }) =>
      object.namespace === pool.object.namespace && selects(pool.shape.selector, labels),
  );
}

function checkModel(
  { object, shape }: Typed<Model>,
  pool: Typed<Pool>,
  served: ReadonlySet<string>,
  findings: Findings,
): void {
  const { modelName, poolRef, targetModels = [] } = shape.spec;
  if (poolRef.name !== pool.object.name || object.namespace !== pool.object.namespace) return;
  const targets = targetModels.length > 0 ? targetModels.map((one) => one.name) : [modelName];
  targets.forEach((target, index) => {
    if (served.size === 0 || served.has(target)) return;
    const place = object.place("spec", "targetModels", index, "name");
    const names = [...served].join(", ");
    findings.add("warning", place, `no pod given serves ${target}; they serve ${names}`);
  });
  if (!targets.includes(modelName)) {
    const what =
      `only listeners with the filter know ${modelName}; on a standard route the pods know ` +
      targets.join(", ");
    findings.add("hint", object.place("spec", "modelName"), what);
  }
}

function commandOf(container: Json): string {
  return [...asList(container["command"]), ...asList(container["args"])].map(text).join(" ");
}

function isVllm(command: string): boolean {
  return /\bvllm serve\b|\bvllm\.entrypoints\b/.test(command);
}

/** Empty where the name is not given: then it is the model's path, which may be anything. */
function servedNames(container: Json): string[] {
  const match = /--served-model-name[= ]((?:[^-\s]\S*\s*)+)/.exec(commandOf(container));
  return match?.[1]?.trim().split(/\s+/) ?? [];
}

function isBeforeV1(image: string): boolean {
  const match = /vllm[^/]*:v?(\d+)\.(\d+)/.exec(image);
  if (match === null) return false;
  const [major = 0, minor = 0] = match.slice(1).map(Number);
  const [v1Major = 0, v1Minor = 0] = V1_SINCE;
  return major < v1Major || (major === v1Major && minor < v1Minor);
}

// From all watched objects to pools: which there are, their pods, models and problems. Pure.
import type { PodSettings } from "../../pools/endpoint.js";
import type { PodList } from "../../pools/pool.js";
import type { Strategy } from "../../sync/table.js";
import type { PodConfigDefaults } from "../pod-list.js";
import {
  type AttachTo,
  isAttached,
  type OwnGateway,
  readAttachTo,
  readStrategy,
} from "./annotations.js";
import { describe, readPoolSpec } from "./inference-pool.js";
import { buildPolicy, type ModelObjects } from "./model-objects.js";
import { asObject, compare, type Custom, fullName, type Pod } from "./objects.js";
import { findEndpoints } from "./pods.js";

/** As pools of the configuration: what the filter's `pool` key can name. */
const POOL_NAME = /^[A-Za-z0-9._/-]{1,63}$/;
/** Far beyond what one gateway serves; it only bounds what a namespace full of pools costs. */
const POOLS_MAX = 256;

/** The objects of one namespace. */
export interface NamespaceObjects extends ModelObjects {
  namespace: string;
  /** Null: their list could not be had yet. */
  pods: readonly Pod[] | null;
  /** Pools by group, the one whose pools win first. */
  pools: readonly (readonly Custom[])[];
}

export interface AssembleSettings {
  own: OwnGateway;
  defaults: PodConfigDefaults;
  /** Names of the pools that the configuration lists itself. */
  configured: ReadonlySet<string>;
}

/** The last good values of a pool's annotations; they count while the present ones are bad. */
export interface Remembered {
  uid: string;
  attachTo: AttachTo | null;
  strategy: Strategy | null;
}

export interface DiscoveredPool {
  name: string;
  /** Null: the pods are not known yet. */
  list: PodList | null;
  problems: string[];
}

export interface Assembly {
  pools: Map<string, DiscoveredPool>;
  /** What is wrong with objects that belong to no pool here. */
  problems: string[];
  /** What people may wonder about although nothing is wrong. */
  notes: string[];
  memory: Map<string, Remembered>;
}

export function assemble(
  namespaces: readonly NamespaceObjects[],
  settings: AssembleSettings,
  before: ReadonlyMap<string, Remembered>,
): Assembly {
  const result: Assembly = { pools: new Map(), problems: [], notes: [], memory: new Map() };
  for (const objects of namespaces) {
    const all = choosePools(objects.pools, result.notes);
    for (const pool of all.values()) addPool(pool, objects, settings, before, result);
    for (const object of [...objects.models, ...objects.rewrites, ...objects.objectives]) {
      const problem = checkReference(object, all);
      if (problem !== null) result.problems.push(problem);
    }
  }
  return result;
}

/** One of each name; where both groups have it, the stable one's. */
function choosePools(groups: NamespaceObjects["pools"], notes: string[]): Map<string, Custom> {
  const chosen = new Map<string, Custom>();
  for (const pools of groups) {
    for (const pool of [...pools].sort((a, b) => compare(a.metadata.name, b.metadata.name))) {
      const other = chosen.get(pool.metadata.name);
      if (other === undefined) chosen.set(pool.metadata.name, pool);
      else notes.push(`${describe(pool)} is not used: there is ${describe(other)} too.`);
    }
  }
  return chosen;
}

function addPool(
  pool: Custom,
  objects: NamespaceObjects,
  settings: AssembleSettings,
  before: ReadonlyMap<string, Remembered>,
  result: Assembly,
): void {
  const name = fullName(pool);
  const refusal = refuseName(name, settings, result.pools.size);
  if (refusal !== null) return void result.problems.push(`${describe(pool)}: ${refusal}.`);
  const known = before.get(name);
  const last = known?.uid === pool.metadata.uid ? known : undefined;
  const problems: string[] = [];

  const attachTo = readAttachTo(pool.metadata.annotations);
  if (!attachTo.ok && last === undefined) {
    const effect = "the pool is not attached until that is put right";
    return void result.problems.push(`${describe(pool)}: ${attachTo.problem}; ${effect}.`);
  }
  if (!attachTo.ok) problems.push(`${describe(pool)}: ${attachTo.problem}; the last one counts.`);
  const to = attachTo.ok ? attachTo.value : (last?.attachTo ?? null);

  const read = readStrategy(pool.metadata.annotations);
  if (!read.ok) {
    const instead = last?.strategy ?? "what is configured";
    problems.push(`${describe(pool)}: ${read.problem}; ${instead} stays in force.`);
  }
  const strategy = read.ok ? read.value : (last?.strategy ?? null);
  result.memory.set(name, { uid: pool.metadata.uid, attachTo: to, strategy });

  if (!isAttached(to, objects.namespace, settings.own)) {
    const whose = `gateway ${to?.name}, port ${to?.port}`;
    return void result.notes.push(`${describe(pool)} is not used: it is attached to ${whose}.`);
  }
  const pods = listPods(pool, objects, settings.defaults, problems);
  const { policy, problems: ofModels } = buildPolicy(modelsOf(pool, objects));
  problems.push(...ofModels.map((problem) => `${problem}.`));
  const list = pods === null ? null : { pods, strategy: strategy ?? undefined, models: policy };
  result.pools.set(name, { name, list, problems });
}

/** Why a pool cannot be served at all, or null. */
function refuseName(name: string, { configured }: AssembleSettings, count: number): string | null {
  if (!POOL_NAME.test(name)) {
    return `its name NAMESPACE/NAME has ${name.length} characters, at most 63 can be served`;
  }
  if (configured.has(name)) return `the configuration lists a pool ${name}, which is the one used`;
  return count >= POOLS_MAX ? `there are more than ${POOLS_MAX} pools` : null;
}

/** A pool whose spec cannot be read has no pods; one whose pods are not known yet, null. */
function listPods(
  pool: Custom,
  { pods }: NamespaceObjects,
  defaults: PodConfigDefaults,
  problems: string[],
): PodSettings[] | null {
  const reading = readPoolSpec(pool);
  if (!reading.ok) {
    problems.push(`${reading.problem}; no pod is taken.`);
    return [];
  }
  if (pods === null) return null;
  const endpoints = findEndpoints(pods, reading.spec, defaults);
  problems.push(...endpoints.problems.map((problem) => `${problem}.`));
  return endpoints.pods;
}

function modelsOf(pool: Custom, objects: NamespaceObjects): ModelObjects {
  const isOurs = (object: Custom): boolean => referredPool(object) === pool.metadata.name;
  return {
    models: objects.models.filter(isOurs),
    rewrites: objects.rewrites.filter(isOurs),
    objectives: objects.objectives.filter(isOurs),
  };
}

/** By name alone: objects written for one group go on when the pool moves to the other. */
function referredPool({ spec }: Custom): string | null {
  const { kind, name } = asObject(asObject(spec)["poolRef"]);
  const isPool = kind === undefined || kind === "InferencePool";
  return isPool && typeof name === "string" ? name : null;
}

function checkReference(object: Custom, pools: ReadonlyMap<string, Custom>): string | null {
  const name = referredPool(object);
  if (name === null) return `${describe(object)}: spec.poolRef names no InferencePool.`;
  if (pools.has(name)) return null;
  const { namespace } = object.metadata;
  return `${describe(object)}: spec.poolRef: there is no InferencePool ${namespace}/${name}.`;
}

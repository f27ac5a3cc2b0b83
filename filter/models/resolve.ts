// Which pool serves the model that a request asks for, under which name, and how urgent it is.
import { sameBytes } from "../host/bytes";
import { Pool } from "../pool";
import { NameCell } from "./name-index";
import {
  Criticality,
  criticalityOf,
  targetCountOf,
  targetNameOf,
  targetNameSizeOf,
} from "./section";
import { chooseTarget } from "./targets";

/** What comes out; one for all requests, good until the next table. */
export class Resolution {
  /** Its place in the list of pools. */
  pool: i32 = 0;
  /** No pool knows the name, and the pool that is left lets no other name in. */
  isRefused: bool = false;
  criticality: u8 = <u8>Criticality.Standard;
  /** The name that the pod is to run, and whether it is another than the one asked for. */
  target: usize = 0;
  targetSize: u32 = 0;
  isOther: bool = false;
  /** The bitmap of the pods that hold the target's adapter; 0: it is none. */
  adapterBits: usize = 0;
}

export const resolution = new Resolution();

/** A request whose model is not known: the first pool's, as it is. */
export function resolveNothing(): void {
  resolution.pool = 0;
  resolution.isRefused = false;
  resolution.criticality = <u8>Criticality.Standard;
  resolution.target = 0;
  resolution.targetSize = 0;
  resolution.isOther = false;
  resolution.adapterBits = 0;
}

/**
 * Resolves a name. The first pool that knows it takes it: as a model, as a target, or as an
 * adapter. Else the first with a rule for all names; else the first pool, unless it is closed.
 */
export function resolve(pools: Pool[], name: usize, size: u32, conversation: u64): void {
  resolveNothing();
  resolution.target = name;
  resolution.targetSize = size;
  for (let i = 0; i < pools.length; i++) {
    const cell = unchecked(pools[i]).models.find(name, size);
    if (cell == null) continue;
    resolution.pool = i;
    resolveIn(unchecked(pools[i]), cell, cell.entry, conversation);
    return;
  }
  for (let i = 0; i < pools.length; i++) {
    const entry = unchecked(pools[i]).models.catchAll;
    if (entry == 0) continue;
    resolution.pool = i;
    resolveIn(unchecked(pools[i]), null, entry, conversation);
    return;
  }
  // An empty name is as good as none: engines take it for the model that they serve.
  resolution.isRefused = size > 0 && unchecked(pools[0]).models.isClosed;
}

function resolveIn(pool: Pool, known: NameCell | null, entry: usize, conversation: u64): void {
  let cell = known;
  if (entry != 0) {
    resolution.criticality = criticalityOf(entry);
    if (targetCountOf(entry) > 0) {
      const i = chooseTarget(entry, conversation);
      const target = targetNameOf(entry, i);
      const size = targetNameSizeOf(entry, i);
      resolution.isOther = !sameBytes(target, size, resolution.target, resolution.targetSize);
      resolution.target = target;
      resolution.targetSize = size;
      if (resolution.isOther) cell = pool.models.find(target, size);
    }
  }
  const adapter = cell == null ? 0 : cell.adapter;
  if (adapter != 0) resolution.adapterBits = pool.models.adapters.bitsOf(adapter - 1);
}

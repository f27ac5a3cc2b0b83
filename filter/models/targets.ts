// Chooses one of an alias's weighted targets: by the conversation, so that each stays on its own.
import { mix } from "../prefix/siphash";
import { nameHash } from "./name-index";
import { targetCountOf, targetNameOf, targetNameSizeOf, targetWeightOf } from "./section";

/** 2^-53: the lowest 53 bits of a hash as a number from 0 to 1. */
const UNIT: f64 = 1.0 / 9007199254740992.0;

/**
 * The number of the target that a conversation goes to. Weighted rendezvous: each target draws a
 * number from hash and name, spread exponentially at the rate of its weight, and the least wins. So
 * shares follow the weights, and a changed weight moves only conversations to or from that target.
 */
export function chooseTarget(entry: usize, conversation: u64): u32 {
  const count = targetCountOf(entry);
  if (count < 2) return 0;
  const isEven = totalWeight(entry) == 0;
  let chosen: u32 = 0;
  let least = Infinity;
  for (let i: u32 = 0; i < count; i++) {
    const weight = isEven ? 1 : targetWeightOf(entry, i);
    if (weight == 0) continue;
    const name = nameHash(targetNameOf(entry, i), targetNameSizeOf(entry, i));
    const draw = -Math.log(unit(mix(0, 0, conversation, name))) / <f64>weight;
    if (draw >= least) continue;
    least = draw;
    chosen = i;
  }
  return chosen;
}

function totalWeight(entry: usize): u64 {
  let sum: u64 = 0;
  const count = targetCountOf(entry);
  for (let i: u32 = 0; i < count; i++) sum += targetWeightOf(entry, i);
  return sum;
}

/** A number between 0 and 1, both left out: the logarithm of either would not do. */
function unit(hash: u64): f64 {
  return (<f64>(hash >> 11) + 0.5) * UNIT;
}

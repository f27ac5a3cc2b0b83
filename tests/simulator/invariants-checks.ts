// What must hold of a VM after every event, and once all is over.
import assert from "node:assert/strict";
import type { RowField } from "./invariants-memory.js";
import { NO_LOAD, type PodLoad, type Vm } from "./invariants-vm.js";
import { ANSWER } from "./reference-index.js";

/** Of a pod: never below 0, and 0 when nothing is under way anywhere. */
const LOAD_FIELDS: readonly RowField[] = [
  ...(["ownInFlight", "ownUnprefilled", "ownBacklogTokens", "ownKvTokens"] as const),
  ...(["otherInFlight", "otherUnprefilled", "otherBacklogTokens", "otherKvTokens"] as const),
  "overdueCount",
];

/** Compares the VM with what it should hold; `isWhole`: also what should not have changed. */
export function checkVm(vm: Vm, isWhole: boolean): void {
  if (vm.host.error !== null) throw vm.host.error;
  const { memory, reference } = vm;
  memory.refresh();
  const first = reference.table?.rows[0];
  if (first !== undefined) memory.findRows(first.number, first.address, first.epoch ?? 1);
  const loads = vm.loads();
  for (let number = 0; memory.hasRows && number < reference.rows.length; number++) {
    checkRow(vm, number, loads.get(number) ?? NO_LOAD);
  }
  let nodeCount = 0;
  const { changed, pods } = reference.index;
  for (let pod = 0; pod < pods.length; pod++) {
    const { held, tokens, capacityTokens } = pods[pod]!;
    same(memory.list(pod, "nodeCount"), held.size, pod, "entries");
    same(memory.list(pod, "tokens"), tokens, pod, "tokens held");
    same(memory.list(pod, "capacityTokens"), capacityTokens, pod, "capacity");
    within(tokens, 0, capacityTokens, pod, "tokens held");
    nodeCount += held.size;
    if (isWhole || changed.has(pod)) checkNodes(vm, pod);
  }
  changed.clear();
  assert.ok(nodeCount <= vm.world.nodesMax, `${nodeCount} nodes`);
}

/** Of a run that is over. */
export function checkVmEnd(vm: Vm): void {
  assert.equal(vm.flights.size, 0, "requests under way at the end");
  assert.equal(vm.host.contextCount, 2, "contexts at the end: the VM's own and the root's");
  for (let number = 0; number < vm.reference.rows.length; number++) {
    for (const field of LOAD_FIELDS) same(vm.memory.row(number, field), 0, number, field);
  }
}

function checkRow(vm: Vm, number: number, load: PodLoad): void {
  const { memory, reference } = vm;
  const expected = reference.rows[number];
  if (expected === undefined) return;
  same(memory.row(number, "isListed") === 1, expected.isListed, number, "listed");
  if (expected.isListed) {
    same(memory.address(number), expected.address, number, "address");
    same(memory.row(number, "mayBePicked") === 1, expected.mayBePicked, number, "may be picked");
    same(memory.row(number, "epoch"), expected.epoch, number, "epoch");
    same(memory.row(number, "isCacheOff") === 1, expected.isCacheOff, number, "cache is off");
  }
  same(memory.row(number, "ownInFlight"), load.inFlight, number, "in flight");
  const field = (name: RowField, least: number, most: number): void =>
    within(memory.row(number, name), least, most, number, name);
  field("ownUnprefilled", load.unprefilledMin, load.unprefilledMax);
  field("ownBacklogTokens", load.backlogTokensMin, load.backlogTokensMax);
  field("ownKvTokens", load.uncachedTokens, load.inFlight > 0 ? Infinity : 0);
  field("overdueCount", 0, load.unprefilledMax);
  for (const name of LOAD_FIELDS) field(name, 0, Infinity);
}

/** All that the pod is believed to hold, in the order of use. */
function checkNodes(vm: Vm, pod: number): void {
  const { names } = vm.world;
  const nodes = vm.memory.nodes(pod);
  let at = 0;
  for (const [key, { tokens, touchedAt }] of vm.reference.index.pods[pod]!.held) {
    const node = nodes[at++];
    const isAnswer = key.startsWith(ANSWER);
    const isEqual = node?.tokens === tokens && node.touchedAt === touchedAt;
    if (!isEqual || (node.hash === 0) !== isAnswer) {
      const wanted = { key, tokens, touchedAt };
      assert.fail(
        `pod ${pod}, entry ${at}: ${JSON.stringify(node)}, not ${JSON.stringify(wanted)}`,
      );
    }
    if (!isAnswer) names.bind(node.hash, key, pod);
  }
}

// Texts are made only for what is wrong: these are called some million times.

function same<T>(actual: T, expected: T, pod: number, what: string): void {
  if (actual !== expected) assert.equal(actual, expected, `pod ${pod}: ${what}`);
}

function within(value: number, least: number, most: number, pod: number, what: string): void {
  if (value >= least && value <= most) return;
  assert.fail(`pod ${pod}: ${what} is ${value}, not ${least} to ${most}`);
}

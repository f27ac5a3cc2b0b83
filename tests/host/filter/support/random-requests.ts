// Sends random requests through a gateway of two VMs while its pods and its sidecar misbehave.
import type { Gateway as GatewayType } from "./gateway.js";
import { Gateway, POOL } from "./gateway.js";
import type { ModelsSpec } from "./models-section.js";
import { randomFrom } from "./random.js";
import { makePods } from "./sidecar.js";
import { liveStream } from "./random-streams.js";

/** Streams open at once, over both VMs. */
const OPEN_MAX = 100;
/** Steps between two ticks, on average one request's worth: about 100 requests a second. */
const STEPS_PER_TICK = 16;
const TICKS_PER_EVENT = 50;

export interface RandomOptions {
  requests: number;
  seed: number;
  /** Called after so many requests each. */
  every?: { requests: number; call: (done: number) => void };
}

export interface RandomResult {
  gateway: GatewayType;
  requests: number;
  /** Linear memory of each VM after a tenth of the requests, and at the end. */
  memoryBytesWarm: number[];
  memoryBytesEnd: number[];
  inFlight: number;
}

/** Runs it to the end of every stream. Throws what a VM trapped with. */
export function sendRandomRequests({ requests, seed, every }: RandomOptions): RandomResult {
  const random = randomFrom(seed);
  const pods = makePods(6).map((pod) => ({ ...pod, capacityTokens: 200_000 }));
  const gateway = new Gateway({ vms: 2, pods, config: { indexMiB: 4, modelHeader: "x-model" } });
  const open: Generator<void>[] = [];
  let started = 0;
  let memoryBytesWarm: number[] = [];
  const memory = (): number[] => gateway.vms.map(({ host }) => host.memoryBytes);
  for (let step = 0; started < requests || open.length > 0; step++) {
    if (started < requests && open.length < OPEN_MAX && random() < 0.3) {
      open.push(liveStream(gateway.vms[started % 2]!.root, random));
      started++;
      if (started === Math.ceil(requests / 10)) memoryBytesWarm = memory();
      if (every !== undefined && started % every.requests === 0) every.call(started);
    }
    if (open.length > 0) advanceOne(open, random);
    if (step % STEPS_PER_TICK === 0) gateway.advance(10);
    if (step % (STEPS_PER_TICK * TICKS_PER_EVENT) === 0) disturb(gateway, random);
    for (const { host } of gateway.vms) if (host.error !== null) throw host.error;
  }
  gateway.sidecar.answer = null;
  gateway.advance(200);
  const { inFlight } = gateway;
  return { gateway, requests, memoryBytesWarm, memoryBytesEnd: memory(), inFlight };
}

function advanceOne(open: Generator<void>[], random: () => number): void {
  const index = Math.floor(random() * open.length);
  if (open[index]!.next().done !== true) return;
  open[index] = open.at(-1)!;
  open.pop();
}

/** The two names that are asked for, as aliases, adapters, or nobody's. */
function modelsFrom(random: () => number): ModelsSpec {
  const weight = Math.floor(random() * 100);
  const endpoints = Array.from({ length: Math.floor(random() * 4) }, () =>
    Math.floor(random() * 6),
  );
  return {
    isClosed: random() < 0.2,
    models: [
      { name: "m", criticality: random() < 0.3 ? "Sheddable" : "Standard" },
      {
        name: random() < 0.5 ? "n" : "m2",
        targets: [
          ["m", weight],
          ["n".repeat(1 + weight), 100 - weight],
        ],
      },
    ],
    adapters: [{ name: random() < 0.5 ? "n" : "lora", endpoints }],
    list: Array.from({ length: weight }, (_, i) => ({ id: `model-${i}`, object: "model" })),
  };
}

/** Something changes: load, a pod that drains or restarts, the sidecar's mood, the hash key. */
function disturb(gateway: GatewayType, random: () => number): void {
  const pod = gateway.pods[Math.floor(random() * gateway.pods.length)]!;
  pod.waiting = random() < 0.3 ? null : Math.floor(random() * 20);
  pod.running = Math.floor(random() * 100);
  pod.kvUse = random() < 0.2 ? null : random();
  pod.mayBePicked = random() < 0.8;
  if (random() < 0.1) pod.epoch = (pod.epoch ?? 1) + 1;
  const { sidecar } = gateway;
  if (random() < 0.3) sidecar.models.set(POOL, modelsFrom(random));
  if (random() < 0.02) sidecar.hashKey = Buffer.alloc(16, Math.floor(random() * 256));
  const mood = random();
  sidecar.answer = null;
  if (mood < 0.1) sidecar.die();
  else if (mood < 0.2)
    sidecar.answer = ({ call }) => sidecar.respondWith(call, 200, "WRA1 nonsense");
  sidecar.polls.splice(0);
}

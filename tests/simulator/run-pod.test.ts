// A pod in virtual time: when its steps end, and what its metrics said at which moment.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineConfig } from "../../simulator/engine/options.js";
import { EventQueue } from "../../simulator/run/event-queue.js";
import { VirtualPod } from "../../simulator/run/virtual-pod.js";

/** 10 blocks of 16 tokens; 1 ms a prompt token, 10 ms a step that decodes. */
const CONFIG: EngineConfig = {
  scheduler: "v0",
  kvTokens: 160,
  watermark: 0,
  timing: { stepMs: 10, prefillStepMs: 0, prefillTokenMs: 1, sequenceMs: 0, kvTokenMs: 0 },
};

test("metrics are those of the step's end; what came during it waits unseen", () => {
  const events = new EventQueue();
  const finished: [string, number][] = [];
  const pod = new VirtualPod<null>("10.0.0.0:8000", CONFIG, events, (outcome, endMs) => {
    for (const { request } of outcome.finished) finished.push([request.id, endMs]);
  });
  const submit = (id: string, nowMs: number): void =>
    pod.submit({ id, promptTokens: 80, outputTokens: 3, blockHashes: [], owner: null }, nowMs);
  events.add(0, (nowMs) => submit("a", nowMs));
  for (const id of ["b", "c"]) events.add(40, (nowMs) => submit(id, nowMs));
  events.run();
  // a prefills to 80, meanwhile b and c come. c does not fit beside a and b, so b prefills
  // alone, to 160. With 81 tokens both need a sixth block, for which there is no room: b, the
  // newer one, goes back to the queue, and a decodes its second and third token, to 170 and 180.
  const seen = (atMs: number): number[] => {
    const { waiting, running, kvUse, generationTokens } = pod.metricsAt(atMs);
    return [waiting, running, kvUse, generationTokens];
  };
  assert.deepEqual(seen(79.9), [0, 0, 0, 0]);
  assert.deepEqual(seen(80), [0, 1, 0.5, 1]);
  assert.deepEqual(seen(159.9), [0, 1, 0.5, 1]);
  assert.deepEqual(seen(160), [1, 2, 1, 2]);
  assert.deepEqual(seen(170), [2, 1, 0.6, 3]);
  assert.deepEqual(
    finished.map(([id]) => id),
    ["a", "b", "c"],
  );
  assert.deepEqual(finished[0], ["a", 180]);
  assert.equal(pod.engine.stats().usedBlocks, 0);
});

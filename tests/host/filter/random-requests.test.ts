// 20,000 random requests: nothing traps, leaks or stays behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sendRandomRequests } from "./support/random-requests.js";

const REQUESTS = 20_000;
/** What one VM follows at a time. */
const STREAMS_MAX = 8192;

test(`${REQUESTS} random requests over two VMs leave nothing behind`, () => {
  const { gateway, memoryBytesWarm, memoryBytesEnd, inFlight } = sendRandomRequests({
    requests: REQUESTS,
    seed: 7,
  });
  assert.deepEqual(memoryBytesEnd, memoryBytesWarm);
  assert.equal(inFlight, 0);
  const { json } = gateway.report();
  // Pods that fail at random may be ejected at the end; there is nothing on any.
  const loads = json.pods.flatMap(({ inFlight, backlogTokens, kvTokens }) => [
    inFlight,
    backlogTokens,
    kvTokens,
  ]);
  assert.ok(loads.every((load) => load === 0));
  // The kinds of decisions all came about, so this was a test.
  for (const reason of ["prefix", "load", "cold", "no-prompt", "fallback-json"]) {
    assert.ok((json.reasons[reason] ?? 0) > 100, `${reason}: ${json.reasons[reason]}`);
  }
  for (const reason of ["unknown-model", "model-list"]) {
    assert.ok((json.reasons[reason] ?? 0) > 10, `${reason}: ${json.reasons[reason]}`);
  }
  assert.ok(gateway.counter("rewritten") > 100);
  assert.ok(gateway.counter("sync_failures") > 0);
  // Every slot was given back: as many streams as ever are followed, none is turned away.
  for (const { host, root } of gateway.vms) {
    const streams = Array.from({ length: STREAMS_MAX }, () => host.newStream(root));
    for (const stream of streams) stream.requestHeaders([[":method", "GET"]], true);
    assert.equal(gateway.count("fallback-busy"), 0);
    for (const stream of streams) stream.done();
  }
  assert.equal(gateway.inFlight, 0);
  assert.equal(gateway.hasFailed, false);
});

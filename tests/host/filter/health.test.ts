// Pods in trouble: who is ejected after what, over all VMs, how it is probed, and who comes back.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DESTINATION_HEADER,
  sendResponse,
  type StreamContext,
} from "../../../simulator/host/index.js";
import { answer, BROKEN, cold, FINE, FIRST_POD, open, podOf } from "./support/answering.js";
import { decisionOf, firstPod, Gateway } from "./support/gateway.js";
import { completion, EVENTS_HEADER } from "./support/messages.js";
import { makePods } from "./support/sidecar.js";

/** Envoy's flags, by their bits: connection failure, connection termination, client gone. */
const [UF, UC, DC] = [1 << 5, 1 << 6, 1 << 14];

/** Sends cold prompts; each pod of `broken` answers 500. Returns how many each got as first. */
function play(gateway: Gateway, count: number, broken: string[], vms = 1): Map<string, number> {
  const got = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const stream = open(gateway, i % vms);
    const pod = podOf(stream);
    got.set(pod, (got.get(pod) ?? 0) + 1);
    answer(stream, broken.includes(pod) ? BROKEN : FINE);
    gateway.wait(2);
  }
  return got;
}

const ejected = (gateway: Gateway): number => {
  gateway.tick();
  return gateway.stats.gauge("warmroute_ejected");
};

test("a pod that fails three times in a row gets no more, whichever VM it was", () => {
  const gateway = new Gateway({ vms: 3, pods: 4 });
  const got = play(gateway, 60, [FIRST_POD], 3);
  // A VM that has seen no failure itself hears of the others' with its next tick.
  assert.ok((got.get(FIRST_POD) ?? 0) <= 3 + 3, `${got.get(FIRST_POD)} saw it`);
  assert.equal(ejected(gateway), 1);
  assert.equal(gateway.counter("ejections"), 1);
  const told = gateway.report().json.pods.map(({ n, ejected: why }) => [n, why]);
  assert.deepEqual(told, [[0, "failing"]]);
});

test("an answer in between starts the count anew", () => {
  const gateway = new Gateway({ pods: 2 });
  const inARow = new Map<string, number>();
  for (let i = 0; i < 40; i++) {
    const stream = open(gateway);
    const failures = inARow.get(podOf(stream)) ?? 0;
    inARow.set(podOf(stream), failures === 2 ? 0 : failures + 1);
    answer(stream, failures === 2 ? FINE : BROKEN);
  }
  assert.equal(ejected(gateway), 0);
});

test("requests without a prompt, refusals and clients that leave are no failures", () => {
  const gateway = new Gateway({ pods: 2 });
  for (let i = 0; i < 10; i++) {
    gateway.send({ method: "GET", path: "/health" }, BROKEN);
    answer(open(gateway), { status: 400, chunks: ["{}"] });
    answer(open(gateway), { status: 429, chunks: ["{}"] });
    answer(open(gateway), { status: 501, chunks: ["{}"] });
    const left = open(gateway);
    left.upstreamAddress = podOf(left);
    left.disconnect();
    assert.equal(left.responseFlags & DC, DC);
  }
  assert.equal(ejected(gateway), 0);
});

test("Envoy's answer for a pod that resets, and a stream cut off, are the pod's failures", () => {
  for (const cut of [false, true]) {
    const gateway = new Gateway({ pods: 4 });
    for (let i = 0; i < 40; i++) {
      const stream = open(gateway);
      const pod = podOf(stream);
      if (pod !== FIRST_POD) {
        answer(stream, FINE);
        continue;
      }
      stream.upstreamAddress = pod;
      stream.attempts = 1;
      if (cut) {
        stream.responseHeaders([[":status", "200"], EVENTS_HEADER]);
        stream.responseFlags |= UC;
      } else {
        stream.envoyReply(503, "upstream_reset_before_response_started", "reset", UF);
      }
      stream.done();
    }
    assert.equal(ejected(gateway), 1);
  }
});

test("of a retry the pods that were passed over have failed, and not the one that served", () => {
  const gateway = new Gateway({ pods: 5 });
  const same = completion("the same prompt for all of them ".repeat(40));
  const addresses = makePods(5).map(({ address }) => address);
  const passedOver: number[] = [];
  for (let i = 0; i < 3; i++) {
    // Two pods are passed over each time: the first choice and the second.
    const stream = open(gateway, 0, same);
    const [first, second] = stream.upstream.headers!.get(DESTINATION_HEADER)!.split(",");
    const third = addresses.find((pod) => pod !== first && pod !== second)!;
    sendResponse(stream, { status: 400, chunks: ["{}"], upstreamAddress: third, attempts: 3 });
    stream.done();
    passedOver.push(addresses.indexOf(first!), addresses.indexOf(second!));
  }
  gateway.advance(20);
  const counts = new Map<number, number>();
  for (const n of passedOver) counts.set(n, (counts.get(n) ?? 0) + 1);
  const expected = [...counts].filter(([, count]) => count >= 3).map(([n]) => n);
  assert.ok(expected.length > 0);
  const pods = gateway.report().json.pods.filter((pod) => pod.ejected === "failing");
  assert.deepEqual(pods.map(({ n }) => n).sort(), expected.slice(0, 2).sort());

  // Without a second attempt it was Envoy that chose another host, and no failure.
  const calm = new Gateway({ pods: 2 });
  for (let i = 0; i < 10; i++) {
    const stream = open(calm);
    const other = stream.upstream.headers!.get(DESTINATION_HEADER)!.split(",")[1]!;
    sendResponse(stream, { ...FINE, upstreamAddress: other, attempts: 1 });
    stream.done();
  }
  assert.equal(ejected(calm), 0);
});

for (const count of [1, 2, 3, 4, 7]) {
  test(`of ${count} pods that all fail at most half are ejected`, () => {
    const gateway = new Gateway({ pods: count, vms: 2 });
    const all = makePods(count).map(({ address }) => address);
    for (let i = 0; i < 30; i++) {
      play(gateway, 10, all, 2);
      assert.ok(ejected(gateway) <= Math.floor(count / 2));
    }
    assert.equal(ejected(gateway), Math.floor(count / 2));
    assert.ok(gateway.counter("ejections_withheld") > 0);
    // Those that leave the table take their share with them.
    gateway.pods.splice(Math.ceil(count / 2));
    gateway.advance(200);
    assert.ok(ejected(gateway) <= Math.floor(gateway.pods.length / 2));
  });
}

test("an ejected pod gets one probe at a time, after 1 s, 2 s, 4 s and so on to 60 s", () => {
  const gateway = new Gateway({ pods: 4, vms: 2 });
  play(gateway, 60, [FIRST_POD], 2);
  assert.equal(ejected(gateway), 1);
  const ejectedAtMs = gateway.nowMs;
  const waitsMs: number[] = [];
  let lastMs = ejectedAtMs;
  while (gateway.nowMs < ejectedAtMs + 135_000) {
    const streams = [open(gateway, 0), open(gateway, 1), open(gateway, 0)];
    const probes = streams.filter((stream) => podOf(stream) === FIRST_POD);
    assert.ok(probes.length <= 1);
    if (probes.length === 1) {
      waitsMs.push(gateway.nowMs - lastMs);
      // While it is under way there is no other.
      gateway.advance(500);
      const other = open(gateway, 1);
      assert.notEqual(podOf(other), FIRST_POD);
      answer(other, FINE);
      lastMs = gateway.nowMs;
    }
    for (const stream of streams) answer(stream, probes.includes(stream) ? BROKEN : FINE);
    gateway.advance(100);
  }
  const waits = waitsMs.map((ms) => Math.round(ms / 1000));
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60]);
  assert.equal(gateway.counter("probes"), waits.length);
  assert.equal(gateway.count("probe"), waits.length);
  assert.equal(ejected(gateway), 1);
});

test("a probe that is answered lets the pod back, and its retry goes to the best one", () => {
  const gateway = new Gateway({ pods: 4, vms: 2 });
  play(gateway, 60, [FIRST_POD], 2);
  gateway.advance(1100);
  const probe = gateway.send(cold(), FINE);
  assert.equal(decisionOf(probe).reason, "probe");
  assert.equal(firstPod(probe), FIRST_POD);
  assert.notEqual(probe.destinationHeader!.split(",")[1], FIRST_POD);
  gateway.advance(20);
  assert.equal(ejected(gateway), 0);
  assert.ok((play(gateway, 40, [], 2).get(FIRST_POD) ?? 0) > 0);
});

test("a probe that the pod refuses, or whose client leaves, says nothing: another follows", () => {
  const gateway = new Gateway({ pods: 4 });
  play(gateway, 60, [FIRST_POD]);
  for (let i = 0; i < 3; i++) {
    gateway.advance(1100);
    const probe = open(gateway);
    assert.equal(podOf(probe), FIRST_POD);
    if (i === 1) probe.disconnect();
    else answer(probe, { status: 400, chunks: ["{}"] });
    assert.equal(ejected(gateway), 1);
  }
});

test("a pod whose process is another one is not held to account for the last", () => {
  const gateway = new Gateway({ pods: makePods(4).map((pod) => ({ ...pod, epoch: 1 })) });
  play(gateway, 60, [FIRST_POD]);
  assert.equal(ejected(gateway), 1);
  gateway.pods[0]!.epoch = 2;
  gateway.advance(200);
  assert.equal(ejected(gateway), 0);
});

for (const stream of [true, false]) {
  test(`a pod that takes requests and answers none is out within 5 s (stream: ${stream})`, () => {
    const gateway = new Gateway({ pods: 4, vms: 2 });
    const stuck: StreamContext[] = [];
    const startMs = gateway.nowMs;
    let lastMs = startMs;
    while (gateway.nowMs < startMs + 9000) {
      const one = open(gateway, stuck.length % 2, cold({ stream, max_tokens: 4 }));
      if (podOf(one) === FIRST_POD) {
        stuck.push(one);
        lastMs = gateway.nowMs;
      } else answer(one, FINE);
      gateway.advance(50);
    }
    assert.ok(stuck.length > 0);
    assert.ok(lastMs - startMs <= 5000, `${lastMs - startMs} ms`);
    assert.equal(ejected(gateway), 1);
    assert.equal(gateway.report().json.pods.find(({ n }) => n === 0)?.ejected, "hung");
    // What waits there is the probe; its first byte lets the pod back.
    for (const one of stuck) answer(one, FINE);
    gateway.advance(50);
    assert.equal(ejected(gateway), 0);
    assert.ok((play(gateway, 40, [], 2).get(FIRST_POD) ?? 0) > 0);
    gateway.advance(10_000);
    assert.equal(ejected(gateway), 0);
  });
}

test("a pod that computes is late and not hung", () => {
  const gateway = new Gateway({ pods: 2 });
  const streams = [open(gateway), open(gateway)];
  for (let i = 0; i < 100; i++) {
    for (const pod of gateway.pods) pod.computedTokens = [1000, 1000 + i];
    gateway.advance(100);
  }
  assert.equal(ejected(gateway), 0);
  for (const stream of streams) answer(stream, FINE);
});

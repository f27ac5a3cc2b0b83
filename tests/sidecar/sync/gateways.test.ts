// Gateways: counters that only grow, whoever restarts, and a bounded number of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Gateways,
  GATEWAYS_MAX,
  GONE_AFTER_MS,
} from "../../../sidecar-metrics/src/sync/gateways.js";
import { decodeReport, type GatewayReport } from "../../../sidecar-metrics/src/sync/report.js";
import { report } from "../support/support.js";

function decoded(json: object): GatewayReport {
  const result = decodeReport(report(json));
  assert.ok(result.ok);
  return result.report;
}

test("totals add up over gateways; of a VM that is gone nothing is counted again", () => {
  const gateways = new Gateways();
  const say = (incarnation: string, prefix: number, promptTokens: number): void => {
    gateways.take(decoded({ incarnation, promptTokens, reasons: { prefix } }), null, 0);
  };
  say("a", 10, 100);
  say("a", 15, 150);
  say("b", 1, 10);
  say("a", 2, 20);
  assert.equal(gateways.totals.decisions.get("prefix"), 15 + 1);
  assert.equal(gateways.totals.promptTokens, 150 + 10);
  say("a", 5, 50);
  assert.equal(gateways.totals.decisions.get("prefix"), 15 + 1 + 3);
  assert.equal(gateways.totals.promptTokens, 150 + 10 + 30);
  assert.equal(gateways.totals.syncs, 5);
});

test("a gateway that is silent is gone", () => {
  const gateways = new Gateways();
  gateways.take(decoded({ incarnation: "a" }), null, 0);
  gateways.take(decoded({ incarnation: "b" }), null, 5_000);
  const names = (nowMs: number): string[] =>
    gateways.live(nowMs).map((gateway) => gateway.report.incarnation);
  assert.deepEqual(names(GONE_AFTER_MS), ["a", "b"]);
  assert.deepEqual(names(GONE_AFTER_MS + 1), ["b"]);
});

test("inventing gateways and reasons is bounded and drops the longest silent first", () => {
  const gateways = new Gateways();
  for (let i = 0; i < 1_000; i++) {
    gateways.take(decoded({ incarnation: `g${i}`, reasons: { [`r${i}`]: 1 } }), null, i);
  }
  const live = gateways.live(1_000);
  assert.equal(live.length, GATEWAYS_MAX);
  assert.equal(live[0]?.report.incarnation, `g${1_000 - GATEWAYS_MAX}`);
  assert.equal(gateways.totals.decisions.size, 64);
});

test("who has ejected an endpoint, and why, of those that still poll", () => {
  const gateways = new Gateways();
  const say = (incarnation: string, pods: object[], nowMs: number): void =>
    gateways.take(decoded({ incarnation, pods }), null, nowMs);
  say("gone", [{ n: 1, ejected: "failing" }], 0);
  say(
    "a",
    [
      { n: 1, ejected: "hung" },
      { n: 2, inFlight: 3 },
    ],
    1,
  );
  say(
    "b",
    [
      { n: 1, ejected: "failing" },
      { n: 3, ejected: "failing" },
    ],
    2,
  );
  assert.deepEqual(
    [...gateways.ejections(GONE_AFTER_MS + 1)],
    [
      [1, ["hung", "failing"]],
      [3, ["failing"]],
    ],
  );
});

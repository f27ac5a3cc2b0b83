// What the gateway tells of itself with each poll, and what it never tells.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Gateway, POOL } from "./support/gateway.js";
import { completion, eventAnswer, jsonAnswer, prompt } from "./support/messages.js";
import { textOf } from "./support/random.js";
import { decodeRecords, recordsIn } from "./support/records.js";
import type { ReportJson } from "./support/wire.js";

const SECRET = "Wittgensteins-Neffe-7731";

test("the report parses, holds what is documented, and never prompt text", () => {
  const gateway = new Gateway({ vms: 2, pods: 3 });
  const body = { messages: [{ role: "user", content: `${SECRET} ${textOf(1, 3000)}` }] };
  const ask = {
    path: "/v1/chat/completions",
    bodyChunks: [JSON.stringify({ model: SECRET, ...body })],
  };
  gateway.send(ask, jsonAnswer({ prompt: 800, output: 9 }, SECRET));
  gateway.send({ ...ask, headers: [["authorization", SECRET]] }, eventAnswer(), { vm: 1 });
  const open = gateway.send(prompt(2), null);
  const report = gateway.report();
  assert.equal(report.bytes.length < 1024 * 1024, true);
  assertReport(report.json);
  open.stream.done();
  for (const poll of gateway.sidecar.polls) {
    assert.equal(Buffer.from(poll.report.bytes).includes(SECRET), false);
    assert.equal(Buffer.from(poll.report.bytes).includes("Wittgenstein"), false);
  }
});

function assertReport(json: ReportJson): void {
  const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);
  assert.equal(json.v, 1);
  assert.equal(json.pool, POOL);
  assert.match(json.incarnation, /^[0-9a-f]{16}$/);
  assert.match(json.configHash, /^[0-9a-f]{16}$/);
  assert.equal(json.vms, 2);
  assert.equal(json.strategy, "PREFIX_CACHE");
  assert.ok(json.uptimeMs > 0 && json.tableSequence > 0);
  const decided = Object.values(json.reasons).reduce((sum, count) => sum + count, 0);
  assert.equal(decided, 3);
  assert.ok(json.promptTokens > 3000 && json.matchedTokens < json.promptTokens);
  assert.equal(json.mispredictions, 0);
  const { bytesPerToken, outputTokens, prefillUsPerToken, tpotMs } = json.rates;
  for (const rate of [bytesPerToken, outputTokens, prefillUsPerToken, tpotMs]) assert.ok(rate > 0);
  assert.equal(json.index.bytes, 16 * 1024 * 1024);
  assert.ok(json.index.nodes > 0 && json.index.nodes < json.index.nodesMax);
  assert.equal(json.index.evicted, 0);
  assert.equal(json.pods.length, 1);
  assert.ok(json.decisions.length === 3);
  for (const one of json.decisions) {
    for (const field of [one.ageMs, one.n, one.prompt, one.cached, one.etaMs])
      assert.ok(isNumber(field));
    assert.match(one.reason, /^(prefix|load|cold)$/);
  }
  assert.deepEqual(json.warnings, []);
}

test("the hash of the configuration is FNV-1a of its bytes", () => {
  const gateway = new Gateway({ config: { alpha: 0.25 } });
  const text = JSON.stringify({ pool: POOL, debugHeaders: true, alpha: 0.25 });
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) {
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  assert.equal(gateway.report().json.configHash, hash.toString(16).padStart(16, "0"));
});

test("a gateway keeps its incarnation through a change of the VM that asks", () => {
  const gateway = new Gateway({ vms: 2 });
  gateway.send(prompt(1), {}, { vm: 1 });
  const before = gateway.report().json;
  gateway.vms[gateway.pollers()[0]!]!.isStopped = true;
  gateway.advance(5000);
  const after = gateway.report().json;
  assert.equal(after.incarnation, before.incarnation);
  assert.ok(after.uptimeMs > before.uptimeMs + 4000);
});

test("the JSON holds no hash of a prompt, a model, a salt or a tenant", () => {
  const gateway = new Gateway({ pods: 2, config: { tenantHeader: "x-tenant" } });
  const text = `${SECRET} ${textOf(1, 3000)}`;
  for (const body of [{ user: SECRET, cache_salt: SECRET }, { model: SECRET }, {}]) {
    gateway.send({ ...completion(text, body), headers: [["x-tenant", SECRET]] });
  }
  gateway.advance(200);
  const hashes = decodeRecords(recordsIn(gateway.sidecar.polls)).flatMap(({ entries }) => entries);
  assert.ok(hashes.length > 10);
  for (const { report } of gateway.sidecar.polls) {
    const json = report.jsonText.toLowerCase();
    for (const { hash } of hashes) {
      assert.ok(!json.includes(hash.toString()) && !json.includes(hash.toString(16)));
    }
  }
});

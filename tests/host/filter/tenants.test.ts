// Tenants: whose prompts match whose, with the key `tenantHeader`.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestSpec } from "../../../simulator/host/index.js";
import { decisionOf, Gateway } from "./support/gateway.js";
import { chat, completion } from "./support/messages.js";
import { textOf } from "./support/random.js";
import { decodeRecords, recordsIn } from "./support/records.js";

const TENANT = "x-tenant";
const TEXT = textOf(1, 3000);

function ask(...values: string[]): RequestSpec {
  return { ...completion(TEXT), headers: values.map((value) => [TENANT, value]) };
}

function keeping(config: Record<string, unknown> = { tenantHeader: TENANT }): Gateway {
  return new Gateway({ pods: 4, config });
}

function reasonOf(gateway: Gateway, request: RequestSpec): string {
  return decisionOf(gateway.send(request)).reason;
}

test("equal prompts of two tenants do not match, those of one do", () => {
  const gateway = keeping();
  assert.equal(reasonOf(gateway, ask("a")), "cold");
  assert.equal(reasonOf(gateway, ask("a")), "prefix");
  for (const other of ["b", "A", "a ", "", "a".repeat(60_000)]) {
    assert.equal(reasonOf(gateway, ask(other)), "cold", other.slice(0, 9));
    assert.equal(reasonOf(gateway, ask(other)), "prefix", other.slice(0, 9));
  }
  assert.equal(reasonOf(gateway, ask()), "cold", "no header is a tenant of its own");
  assert.equal(reasonOf(gateway, ask()), "prefix");
  assert.ok(!gateway.hasFailed);
});

test("a client that adds another tenant's value before its own matches neither", () => {
  const gateway = keeping();
  for (const tenant of ["victim", "mine"]) reasonOf(gateway, ask(tenant));
  assert.equal(reasonOf(gateway, ask("victim", "mine")), "cold");
  assert.equal(reasonOf(gateway, ask("mine", "victim")), "cold");
  assert.equal(reasonOf(gateway, ask("victim", "mine")), "prefix");
});

test("tenants and salts keep apart each by itself", () => {
  const gateway = keeping();
  const salted = (salt: string, tenant: string): RequestSpec => ({
    ...completion(TEXT, { cache_salt: salt }),
    headers: [[TENANT, tenant]],
  });
  for (const [salt, tenant] of [
    ["s", "a"],
    ["s", "b"],
    ["t", "a"],
    ["a", "s"],
  ] as const) {
    assert.equal(reasonOf(gateway, salted(salt, tenant)), "cold");
    assert.equal(reasonOf(gateway, salted(salt, tenant)), "prefix");
  }
});

test("a system prompt that tenants share does not match either", () => {
  const gateway = keeping();
  const asked = (tenant: string, question: string): RequestSpec => ({
    ...chat(TEXT, question),
    headers: [[TENANT, tenant]],
  });
  reasonOf(gateway, asked("a", "one?"));
  assert.equal(reasonOf(gateway, asked("a", "two?")), "prefix");
  assert.equal(reasonOf(gateway, asked("b", "two?")), "cold");
});

test("without the key the header says nothing, and hashes are as they were", () => {
  const gateway = keeping({});
  reasonOf(gateway, ask("a"));
  assert.equal(reasonOf(gateway, ask("b")), "prefix");
  // So gateways with the key and without it know the same prompts by the same hashes.
  const told = [{}, { tenantHeader: TENANT }].map((config) => {
    const one = keeping(config);
    one.send(completion(TEXT));
    one.advance(200);
    return decodeRecords(recordsIn(one.sidecar.polls))[0]!.entries.map(({ hash }) => hash);
  });
  assert.ok(told[0]!.length > 5);
  assert.deepEqual(told[0], told[1]);
});

test("a tenant's requests are known to the other workers as that tenant's", () => {
  const gateway = new Gateway({ pods: 4, vms: 2, config: { tenantHeader: TENANT } });
  gateway.send(ask("a"), {}, { vm: 0 });
  gateway.advance(30);
  assert.equal(decisionOf(gateway.send(ask("b"), {}, { vm: 1 })).reason, "cold");
  assert.equal(decisionOf(gateway.send(ask("a"), {}, { vm: 1 })).reason, "prefix");
});

test("the pod gets the tenant's header as it came", () => {
  const { stream } = keeping().send(ask("a"));
  assert.equal(stream.upstream.headers!.get(TENANT), "a");
});

// The annotations attach-to and routing-strategy: what they may say, and what is said of the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isAttached,
  readAttachTo,
  readStrategy,
} from "../../../sidecar-metrics/src/discovery/kubernetes/annotations.js";

const OLD = "inference.networking.x-k8s.io";
const NEW = "inference.networking.k8s.io";

test("attach-to is YAML in a text, under either prefix", () => {
  const seed = { [`${OLD}/attach-to`]: "name: inference-gateway\nport: 8081\n" };
  const value = { name: "inference-gateway", port: 8081 };
  assert.deepEqual(readAttachTo(seed), { ok: true, value });
  const json = { [`${NEW}/attach-to`]: '{"name": "g", "port": 80, "namespace": "n"}' };
  assert.deepEqual(readAttachTo(json), {
    ok: true,
    value: { name: "g", port: 80, namespace: "n" },
  });
  assert.deepEqual(readAttachTo({ "example.com/attach-to": "x" }), { ok: true, value: null });
});

const BAD: [string, RegExp][] = [
  ["", /attach-to:1: null is not allowed; it must be an object with keys of name, port/],
  ["inference-gateway", /"inference-gateway" is not allowed/],
  ["name: g", /port: is missing; it must be a whole number from 1 to 65535/],
  ["name: g\nport: '8081'", /attach-to:2: port: "8081" is not allowed/],
  ["name: g\nport: 0", /:2: port: 0 is not allowed/],
  ["name: G_G\nport: 80", /:1: name: "G_G" is not allowed/],
  ["name: g\nport: 80\nlistener: llm", /:3: listener: there is no such key/],
  ["name: g\nname: h\nport: 80", /:2: Map keys must be unique/],
  ["name: [", /attach-to:1: /],
  ["&a [*a]", /is not allowed|alias/],
];

for (const [text, problem] of BAD) {
  test(`attach-to is refused: ${JSON.stringify(text)}`, () => {
    const reading = readAttachTo({ [`${OLD}/attach-to`]: text });
    assert.equal(reading.ok, false);
    assert.match(reading.ok ? "" : reading.problem, problem);
  });
}

test("the strategy is one of two words; the stable prefix counts where there are both", () => {
  const read = (annotations: Record<string, string>) => readStrategy(annotations);
  const key = `${OLD}/routing-strategy`;
  assert.deepEqual(read({}), { ok: true, value: null });
  assert.deepEqual(read({ [key]: "DEFAULT" }), { ok: true, value: "DEFAULT" });
  const both = { [key]: "DEFAULT", [`${NEW}/routing-strategy`]: "PREFIX_CACHE" };
  assert.deepEqual(read(both), { ok: true, value: "PREFIX_CACHE" });
  for (const bad of ["default", "", " DEFAULT", "LEAST_REQUEST"]) {
    const reading = read({ [key]: bad });
    assert.match(reading.ok ? "" : reading.problem, /must be one of DEFAULT, PREFIX_CACHE$/);
  }
});

test("a pool is for this gateway unless it says otherwise", () => {
  const to = { name: "g", port: 8081 };
  const own = { name: "g", namespace: null, port: 8081 };
  const cases: [Parameters<typeof isAttached>, boolean][] = [
    [[null, "n", own], true],
    [[to, "n", own], true],
    [[{ ...to, port: 8080 }, "n", own], false],
    [[{ ...to, name: "h" }, "n", own], false],
    [[{ ...to, name: "h" }, "n", { ...own, name: null }], true],
    // Without a namespace the gateway is the one in the pool's.
    [[to, "n", { ...own, namespace: "n" }], true],
    [[to, "m", { ...own, namespace: "n" }], false],
    [[{ ...to, namespace: "n" }, "m", { ...own, namespace: "n" }], true],
  ];
  for (const [args, expected] of cases) {
    assert.equal(isAttached(...args), expected, JSON.stringify(args));
  }
});

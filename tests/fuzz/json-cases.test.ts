// The table of JSON cases against the built filter, in every chunking of three, and JSON.parse.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DOCUMENTS, type JsonCase, VALUES } from "./json-cases.js";
import { type Machine, Machine as NewMachine, PATHS, sendBody } from "./support/machine.js";

const decoder = new TextDecoder("utf8", { fatal: true, ignoreBOM: true });

/** RFC 8259 asks for UTF-8, which JSON.parse of a string cannot see. */
function isJson(body: Buffer): boolean {
  try {
    JSON.parse(decoder.decode(body));
    return true;
  } catch {
    return false;
  }
}

function takes(machine: Machine, body: Buffer): boolean {
  const middle = body.length >> 1;
  const everyByte = Array.from({ length: Math.max(body.length - 1, 0) }, (_, i) => i + 1);
  const ways = [[], [middle], body.length <= 200 ? everyByte : [1, body.length - 1]];
  const reasons = ways.map((cuts) => sendBody(machine, PATHS.completions, body, cuts).reason);
  assert.equal(machine.host.error, null);
  assert.equal(
    new Set(reasons.map((reason) => reason === "fallback-json")).size,
    1,
    reasons.join(),
  );
  return reasons[0] !== "fallback-json";
}

function check(machine: Machine, one: JsonCase, text: string): void {
  const body = Buffer.from(text, "latin1");
  if (one.verdict !== "either") assert.equal(isJson(body), one.verdict === "accept", "JSON.parse");
  assert.equal(takes(machine, body), (one.filter ?? one.verdict) === "accept", "the filter");
}

for (const one of VALUES) {
  test(`value, ${one.verdict}: ${one.name}`, () => {
    const machine = shared();
    check(machine, one, `{"model":"m","x":${one.text},"prompt":"hi"}`);
    check(machine, one, `{"prompt":"hi","x":${one.text}}`);
  });
}

for (const one of DOCUMENTS) {
  test(`document, ${one.verdict}: ${one.name}`, () => check(shared(), one, one.text));
}

let machine: Machine | null = null;

function shared(): Machine {
  machine ??= new NewMachine();
  return machine;
}

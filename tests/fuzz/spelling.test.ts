// One text in two spellings has the same hashes; two texts never have. By the filter alone, without
// the reference reading.
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../host/filter/support/random.js";
import { APIS, makeBody } from "./support/bodies.js";
import { readJson } from "./support/json-reader.js";
import { entryCount, entryOf, Machine, PATHS, sendBody } from "./support/machine.js";
import type { Api } from "./support/reading.js";
import { respell } from "./support/respell.js";
import { pick } from "./support/spelling.js";

const BODIES = 4_000;
const SEED = 17;
const STEP_MS = 1_100;
const BYTES_MAX = 20_000;

const machine = new Machine();

/** The hashes that the filter tells its neighbours, as text; "" where it tells none. */
function hashesOf(api: Api, text: string): string {
  machine.pass(STEP_MS);
  sendBody(machine, PATHS[api], Buffer.from(text, "latin1"), []);
  assert.equal(machine.host.error, null);
  const record = machine.takeRecords().find((one) => entryCount(one) >= 0);
  if (record === undefined) return "";
  const hashes = Array.from({ length: entryCount(record) }, (_, i) => entryOf(record, i));
  return hashes.map(({ lo, hi, tokens }) => `${hi}:${lo}@${tokens}`).join(" ");
}

test(`${BODIES} bodies in two spellings each`, (context) => {
  const random = randomFrom(SEED);
  let compared = 0;
  for (let i = 0; i < BODIES; i++) {
    const api = pick(random, APIS);
    const body = makeBody(random, api);
    const { root } = readJson(Buffer.from(body, "latin1"), body);
    const other = root === null || body.length > BYTES_MAX ? null : respell(random, root);
    if (other === null) continue;
    compared++;
    assert.equal(hashesOf(api, other), hashesOf(api, body), `${api}: ${body} and ${other}`);
  }
  assert.ok(compared > BODIES / 2, `${compared} compared`);
  context.diagnostic(`figure: ${compared} bodies in two spellings each, seed ${SEED}: 0 differ`);
});

test("whatever makes another prompt has another hash", () => {
  const base = {
    model: "m",
    tools: [{ type: "function", function: { name: "f" } }],
    messages: [
      { role: "system", content: "be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "one" },
          { type: "text", text: "two" },
        ],
      },
    ],
  };
  const [system, user] = base.messages;
  const others = [
    { ...base, model: "M" },
    { ...base, model: null },
    { ...base, cache_salt: "s" },
    { ...base, cache_salt: 1 },
    { ...base, cache_salt: "1" },
    { ...base, chat_template: "t" },
    { ...base, chat_template_kwargs: { a: true } },
    { ...base, documents: ["d"] },
    { ...base, tools: [] },
    { ...base, tools: [...base.tools, ...base.tools] },
    { ...base, tools: [{ type: "function", function: { name: "g" } }] },
    { ...base, messages: [user, system] },
    { ...base, messages: [system] },
    { ...base, messages: [system, user, user] },
    { ...base, messages: [{ ...system, role: "developer" }, user] },
    { ...base, messages: [{ ...system, content: "be brief " }, user] },
    { ...base, messages: [{ ...system, name: "n" }, user] },
    { ...base, messages: [system, { role: "user", content: "onetwo" }] },
    { ...base, messages: [system, { role: "user", content: ["two", "one"] }] },
    { ...base, messages: [system, { role: "user", content: ["one", "", "two"] }] },
    { ...base, messages: [system, { role: "user", content: ["o", "netwo"] }] },
  ];
  const seen = new Map<string, string>();
  for (const body of [base, ...others].map((one) => JSON.stringify(one))) {
    const last = hashesOf("chat", body).split(" ").at(-1)!.split("@")[0]!;
    assert.ok(!seen.has(last), `${body} and ${seen.get(last)}`);
    seen.set(last, body);
  }
});

// Tenants through a real Envoy: whose prompts match whose, by a header of any bytes.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startEchoPod, type EchoPod } from "./support/echo-pod.js";
import { sendRaw } from "./support/raw-client.js";
import { chat, prose, startRig, type Answer, type Rig } from "./support/rig.js";

const CHAT = "/v1/chat/completions";
const JSON_TYPE = "content-type: application/json";

describe("tenants", () => {
  let pods: EchoPod[];
  let rig: Rig;
  const names = ["x-tenant", "authorization"];

  before(async () => {
    pods = [await startEchoPod("a"), await startEchoPod("b")];
    rig = await startRig(
      names.map((name) => ({
        name,
        pods: pods.map((pod) => pod.address),
        config: { tenantHeader: name },
      })),
    );
  });
  after(async () => {
    await rig.stop();
    for (const pod of pods) await pod.close();
  });

  /** Sends until an answer of this tenant's comes by what is known of its prompt. */
  async function learn(ask: () => Promise<Answer>): Promise<void> {
    let inARow = 0;
    for (let i = 0; i < 200 && inARow < 6; i++) {
      inARow = (await ask()).decision.reason === "prefix" ? inARow + 1 : 0;
    }
    assert.equal(inARow, 6, "both workers know the prompt");
  }

  for (const [index, name] of names.entries()) {
    test(`equal prompts match within a tenant and not between two: ${name}`, async () => {
      const body = chat(prose(name, 3000));
      const port = rig.ports[index] as number;
      const ask = (...lines: string[]): Promise<Answer> =>
        sendRaw({ port, path: CHAT, pieces: [body], headers: [JSON_TYPE, ...lines] });
      const known = [`${name}: Bearer one`];
      await learn(() => ask(...known));
      const others = [
        [`${name}: Bearer two`],
        [`${name}: Bearer On\xe9`],
        [`${name}:`],
        [`${name}: Bearer one`, `${name}: Bearer three`],
        [`${name}: Bearer three`, `${name}: Bearer one`],
        [],
      ];
      for (const lines of others) {
        const answer = await ask(...lines);
        assert.deepEqual([answer.status, answer.decision.reason], [200, "cold"], lines.join());
      }
      // Odd case and space around the value make no other tenant.
      const same = await ask(`${name.toUpperCase()}:   Bearer one  `);
      assert.equal(same.decision.reason, "prefix");
    });
  }
});

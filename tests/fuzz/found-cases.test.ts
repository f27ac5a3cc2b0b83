// The cases that the fuzzer found, one by one, whole and byte by byte.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FOUND_CASES } from "./found-cases.js";
import { Runner } from "./support/campaign.js";

const runner = new Runner();

for (const { name, api, body, cuts } of FOUND_CASES) {
  test(name, () => {
    const bytes = Buffer.from(body, "latin1");
    const everyByte = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
    for (const at of [cuts ?? [], everyByte]) {
      runner.send(api, bytes, at);
      runner.compareChains();
      assert.deepEqual(
        runner.totals.disagreements.map(({ what }) => what),
        [],
      );
    }
  });
}

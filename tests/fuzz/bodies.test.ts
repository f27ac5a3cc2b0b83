// Request bodies made with chance against the built filter: nothing traps, hangs or grows, and what
// the filter saw is what JSON.parse and the reference reading see.
import assert from "node:assert/strict";
import { test } from "node:test";
import { campaign, describe } from "./support/campaign.js";
import { shrink } from "./support/shrink.js";
import { cpuMs, figuresOf } from "./support/figures.js";

const BODIES = 60_000;
const SEED = 20_260;

test(`${BODIES} bodies are read as the reference reads them`, (context) => {
  const startMs = performance.now();
  const startCpuMs = cpuMs();
  const totals = campaign({ bodies: BODIES, seed: SEED });
  const lines = figuresOf(totals, SEED, performance.now() - startMs, cpuMs() - startCpuMs);
  for (const line of lines) context.diagnostic(`figure: ${line}`);
  const shown = totals.disagreements
    .slice(0, 5)
    .map((one) => `${one.what}: ${describe(shrink(one))}`);
  assert.equal(totals.disagreementCount, 0, shown.join("\n"));
  assert.equal(totals.memoryBytesEnd, totals.memoryBytesWarm);
  assert.equal(totals.inFlight, 0);
  assert.equal(totals.contextsLeft, 0);
  // All kinds of outcomes came about, so this was a test.
  assert.ok(totals.parsed > BODIES / 2 && totals.whole < 0.9 * BODIES);
  assert.ok(totals.chains > BODIES / 3 && totals.rewritten > BODIES / 100);
});

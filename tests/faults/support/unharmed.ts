// What a steady load must not have seen, whatever happened to the gateway meanwhile.
import assert from "node:assert/strict";
import type { Tally } from "./tally.js";

const SHOWN_MAX = 5;
/** Of 200; a machine that does much else leaves some out, and the row says so. */
const PER_SECOND_MIN = 150;

/** Nothing failed or was cut off. Slow is shown only: another program may be what slows. */
export function assertUnharmed(tally: Tally): void {
  const { failed, cut } = tally;
  const wrong = tally.results.filter((one) => one.outcome === "failed" || one.outcome === "cut");
  const shown = JSON.stringify(wrong.slice(0, SHOWN_MAX), null, 1);
  assert.deepEqual({ failed, cut }, { failed: 0, cut: 0 }, shown);
}

/** All of a load was as steady as it is said to be. */
export function assertSteady(tally: Tally): void {
  const planned = (tally.perSecond * (tally.sent + tally.leftOut)) / Math.max(1, tally.sent);
  assert.ok(planned >= PER_SECOND_MIN, `${planned} requests/s`);
}

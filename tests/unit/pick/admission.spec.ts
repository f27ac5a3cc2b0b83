// Who is refused, by criticality, wait and target; and what a header may say of a target.
import { Config } from "../../../filter/config";
import { Criticality } from "../../../filter/models/section";
import {
  admit,
  ADMITTED,
  isTooLate,
  retryAfterSeconds,
  targetMsOf,
} from "../../../filter/pick/admission";
import { PickAnswer } from "../../../filter/pick/pick";
import { Reason } from "../../../filter/pick/reason";

const answer = new PickAnswer();
/** Somebody has said what matters. */
let isGraded = true;

/** What becomes of a request where the pods are `waitMs` behind, and one prefill takes 2 s. */
function fate(criticality: Criticality, waitMs: f64, targetMs: u32, config: Config): i32 {
  answer.leastWait = waitMs * 1e-3;
  answer.leastDelay = waitMs * 1e-3 + 2;
  return admit(<u8>criticality, isGraded, answer, targetMs, config);
}

/** Bounds of 1 and 3 s. */
function bounds(): Config {
  const config = new Config();
  config.saturationMs = 1000;
  config.standardSaturationMs = 3000;
  return config;
}

describe("beyond its bound", () => {
  test("a sheddable request is refused first", () => {
    expect(fate(Criticality.Sheddable, 1000, 0, bounds())).toBe(ADMITTED);
    expect(fate(Criticality.Sheddable, 1001, 0, bounds())).toBe(Reason.Shed);
    expect(fate(Criticality.Sheddable, 9000, 0, bounds())).toBe(Reason.Shed);
  });

  test("a standard request is refused later", () => {
    expect(fate(Criticality.Standard, 1001, 0, bounds())).toBe(ADMITTED);
    expect(fate(Criticality.Standard, 3000, 0, bounds())).toBe(ADMITTED);
    expect(fate(Criticality.Standard, 3001, 0, bounds())).toBe(Reason.Overloaded);
  });

  test("a standard request is not where all requests are equal", () => {
    isGraded = false;
    expect(fate(Criticality.Standard, 1e9, 0, bounds())).toBe(ADMITTED);
    isGraded = true;
    expect(fate(Criticality.Standard, 1e9, 0, bounds())).toBe(Reason.Overloaded);
  });

  test("a critical request never is", () => {
    expect(fate(Criticality.Critical, 1e9, 0, bounds())).toBe(ADMITTED);
    expect(fate(Criticality.Critical, 1e9, 1, bounds())).toBe(ADMITTED);
    expect(fate(Criticality.Critical, Infinity, 1, bounds())).toBe(ADMITTED);
  });

  test("a standard request waits without bound where the key is 0", () => {
    const config = bounds();
    config.standardSaturationMs = 0;
    expect(fate(Criticality.Standard, 1e9, 0, config)).toBe(ADMITTED);
    expect(fate(Criticality.Sheddable, 1001, 0, config)).toBe(Reason.Shed);
  });

  test("a standard request is never refused where a sheddable one is not", () => {
    const config = bounds();
    config.saturationMs = 7000;
    expect(fate(Criticality.Standard, 7000, 0, config)).toBe(ADMITTED);
    expect(fate(Criticality.Standard, 7001, 0, config)).toBe(Reason.Overloaded);
  });

  test("figures that are none refuse nobody", () => {
    expect(fate(Criticality.Standard, NaN, 0, bounds())).toBe(ADMITTED);
    expect(fate(Criticality.Sheddable, NaN, 5, bounds())).toBe(ADMITTED);
  });
});

describe("a target that no pod meets", () => {
  test("refuses sheddable requests only", () => {
    expect(fate(Criticality.Sheddable, 0, 2000, bounds())).toBe(ADMITTED);
    expect(fate(Criticality.Sheddable, 0, 1999, bounds())).toBe(Reason.TargetMissed);
    expect(fate(Criticality.Standard, 0, 1999, bounds())).toBe(ADMITTED);
    expect(isTooLate(answer, 1999)).toBe(true);
    expect(isTooLate(answer, 2000)).toBe(false);
    expect(isTooLate(answer, 0)).toBe(false);
  });

  test("does not hide that all pods are saturated", () => {
    expect(fate(Criticality.Sheddable, 1001, 1, bounds())).toBe(Reason.Shed);
  });
});

function retry(reason: Reason, waitMs: f64, targetMs: u32): u32 {
  fate(Criticality.Standard, waitMs, targetMs, bounds());
  return retryAfterSeconds(reason, answer, targetMs, bounds());
}

describe("retry-after", () => {
  test("is the time until the bound is met again, in whole seconds from 1 to 60", () => {
    expect(retry(Reason.Shed, 1001, 0)).toBe(1);
    expect(retry(Reason.Shed, 2001, 0)).toBe(2);
    expect(retry(Reason.Overloaded, 5500, 0)).toBe(3);
    expect(retry(Reason.TargetMissed, 0, 500)).toBe(2);
    expect(retry(Reason.Shed, 1e9, 0)).toBe(60);
    expect(retry(Reason.Shed, NaN, 0)).toBeLessThanOrEqual(60);
  });
});

function target(value: string): u32 {
  const bytes = String.UTF8.encode(value);
  return targetMsOf(changetype<usize>(bytes), bytes.byteLength, 77);
}

describe("a target's header", () => {
  test("is a whole number of ms up to an hour", () => {
    expect(target("1")).toBe(1);
    expect(target("250")).toBe(250);
    expect(target("0000250")).toBe(250);
    expect(target("3600000")).toBe(3600000);
  });

  test("that says anything else is ignored", () => {
    const odd: string[] = ["", "0", "-5", "+5", "1.5", "1e3", "5 ", " 5", "abc", "0x10", "3600001"];
    for (let i = 0; i < odd.length; i++) expect(target(odd[i])).toBe(77, odd[i]);
    expect(target("99999999999999999999999")).toBe(77);
    expect(target("00000250")).toBe(77);
    expect(target("\u0661")).toBe(77);
  });
});

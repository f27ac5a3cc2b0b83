// The terms of the marginal delay, each against numbers worked out by hand.
import {
  adapterDelay,
  decodeDelay,
  prefillDelay,
  pressureDelay,
  queueDelay,
  spaceDelay,
} from "../../../filter/pick/delay";

function expectNear(actual: f64, expected: f64): void {
  expect(Math.abs(actual - expected)).toBeLessThan(1e-12 + Math.abs(expected) * 1e-12);
}

describe("the queue", () => {
  test("is our backlog and the unseen prompts, at the rate of prefill", () => {
    expectNear(queueDelay(0, 0, 1000, 62e-6), 0);
    expectNear(queueDelay(5000, 0, 1000, 62e-6), 0.31);
    expectNear(queueDelay(0, 3, 1000, 62e-6), 0.186);
    expectNear(queueDelay(5000, 3, 1000, 62e-6), 0.496);
  });
});

describe("space", () => {
  test("is not waited for where there is enough", () => {
    expect(spaceDelay(1300, 1300, 10, 300, 1300, 0.012)).toBe(0);
    expect(spaceDelay(1300, 90000, 10, 300, 1300, 0.012)).toBe(0);
  });
  test("comes back as running answers end", () => {
    // 10 answers of 300 tokens at 12 ms: one ends each 0.36 s, and gives back 1300 tokens.
    expectNear(spaceDelay(1300, 0, 10, 300, 1300, 0.012), 0.36);
    expectNear(spaceDelay(2600, 0, 10, 300, 1300, 0.012), 0.72);
    expectNear(spaceDelay(1300, 650, 10, 300, 1300, 0.012), 0.18);
    expectNear(spaceDelay(1300, 0, 20, 300, 1300, 0.012), 0.18);
  });
  test("that nobody holds is not waited for", () => {
    expect(spaceDelay(1300, 0, 0, 300, 1300, 0.012)).toBe(0);
  });
});

describe("a nearly full cache", () => {
  test("costs nothing up to nine tenths, or where the pod does not tell", () => {
    expect(pressureDelay(0.2, 10, 300, 0.012, 0.1)).toBe(0);
    expect(pressureDelay(0.9, 10, 300, 0.012, 0.1)).toBe(0);
    expect(pressureDelay(NaN, 10, 300, 0.012, 0.1)).toBe(0);
  });
  test("costs a growing part of the time until an answer ends", () => {
    // 10 answers of 300 tokens at 12 ms: one ends each 0.36 s; alpha is a tenth of that.
    expectNear(pressureDelay(0.95, 10, 300, 0.012, 0.1), 0.018);
    expectNear(pressureDelay(1, 10, 300, 0.012, 0.1), 0.036);
    expectNear(pressureDelay(1, 0, 300, 0.012, 0.1), 0.36);
  });
});

describe("an adapter", () => {
  test("costs nothing where it is held, however full the pod", () => {
    expect(adapterDelay(true, false, 0.5, 300, 0.012)).toBe(0);
    expect(adapterDelay(true, true, 0.5, 300, 0.012)).toBe(0);
  });
  test("costs its load elsewhere, and an answer's time more where no slot is free", () => {
    expectNear(adapterDelay(false, false, 0.5, 300, 0.012), 0.5);
    expectNear(adapterDelay(false, true, 0.5, 300, 0.012), 4.1);
    expectNear(adapterDelay(false, true, 0, 100, 0.02), 2);
  });
});

describe("our prefill", () => {
  test("counts once for us, and alpha of what is lost here for each other request", () => {
    expectNear(prefillDelay(0.062, 0.062, 0.1, 0), 0.062);
    expectNear(prefillDelay(0.062, 0.062, 0.1, 10), 0.124);
    expectNear(prefillDelay(0.062, 0.031, 0.1, 10), 0.093);
    expectNear(prefillDelay(0.062, 0, 0.1, 10), 0.062);
    expectNear(prefillDelay(0.062, 0.062, 0, 10), 0.062);
  });
});

describe("our decode", () => {
  test("slows the others by a sequence and by its context, in each step", () => {
    // 300 steps, each longer by 60 µs + 2000 · 56 ns = 172 µs, for 10 others, at a tenth.
    expectNear(decodeDelay(300, 60e-6, 56e-9, 2000, 0.1, 10), 0.0516);
    expectNear(decodeDelay(300, 60e-6, 56e-9, 2000, 0.1, 0), 0);
    expectNear(decodeDelay(1, 60e-6, 0, 2000, 1, 1), 60e-6);
  });
});

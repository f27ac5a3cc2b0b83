// What is known of each pod: the history of our requests there, and who may be picked.
import { ENDPOINTS_MAX } from "../../../filter/constants";
import { Endpoint, Endpoints } from "../../../filter/load/endpoint";
import { Random } from "../prefix/random";

const STEP_MS: f64 = 64;
const STEPS: i32 = 32;

function list(endpoints: Endpoints, number: u32, address: string): Endpoint {
  const endpoint = endpoints.at(number);
  const bytes = String.UTF8.encode(address);
  memory.copy(endpoint.address, changetype<usize>(bytes), bytes.byteLength);
  endpoint.addressSize = <u8>bytes.byteLength;
  endpoint.isListed = true;
  endpoint.mayBePicked = true;
  endpoints.limit = max(endpoints.limit, number + 1);
  return endpoint;
}

function find(endpoints: Endpoints, address: string): i32 {
  const bytes = String.UTF8.encode(address);
  return endpoints.find(changetype<usize>(bytes), bytes.byteLength);
}

/** The total of the last look in a step, or before it: looks are in order of time. */
function naiveIn(timesMs: Array<f64>, totals: Array<u32>, step: f64): u32 {
  for (let i = timesMs.length - 1; i >= 0; i--) {
    if (Math.floor(timesMs[i] / STEP_MS) <= step) return totals[i];
  }
  return 0;
}

/** The greatest of the steps around; before the oldest step that is kept, that one's. */
function naiveAt(timesMs: Array<f64>, totals: Array<u32>, atMs: f64): u32 {
  const oldest = Math.floor(timesMs[timesMs.length - 1] / STEP_MS) - <f64>(STEPS - 1);
  const step = Math.floor(atMs / STEP_MS);
  let greatest: u32 = 0;
  for (let side = -1; side <= 1; side++) {
    const total = naiveIn(timesMs, totals, Math.max(step + <f64>side, Math.max(oldest, 0)));
    greatest = max(greatest, total);
  }
  return greatest;
}

/** Looks at random times; what the history says wrongly first, or "". */
function historyFault(seed: u64, startMs: f64, gapMsMax: u32): string {
  const endpoint = new Endpoints().at(1023);
  const random = new Random(seed);
  const timesMs: Array<f64> = [];
  const totals: Array<u32> = [];
  let nowMs = startMs;
  for (let look = 0; look < 600; look++) {
    endpoint.ownInFlight = <i32>random.below(50);
    endpoint.otherInFlight = <i32>random.below(50);
    endpoint.noteInFlight(nowMs);
    timesMs.push(nowMs);
    totals.push(endpoint.inFlight);
    for (let i = 0; i < 5; i++) {
      const atMs = nowMs - <f64>random.below(3000) + 200;
      const expected = naiveAt(timesMs, totals, atMs);
      const actual = endpoint.inFlightAt(atMs);
      if (actual != expected) return `look ${look}, at ${atMs}: ${actual}, not ${expected}`;
    }
    nowMs += <f64>random.below(gapMsMax);
  }
  return "";
}

describe("the history of requests in flight", () => {
  test("tells the total at a time, looked at each tick", () => {
    expect(historyFault(1, 1767225600000, 20)).toBe("");
    expect(historyFault(2, 1767225600063, 20)).toBe("");
  });
  test("tells the total of the last look where nobody looked", () => {
    expect(historyFault(3, 1767225600000, 300)).toBe("");
    expect(historyFault(4, 1767225600000, 5000)).toBe("");
  });
  test("is right from the first millisecond on, as in a simulation", () => {
    expect(historyFault(5, 0, 20)).toBe("");
  });
  test("goes on when the clock steps back", () => {
    const endpoint = new Endpoints().at(0);
    endpoint.ownInFlight = 3;
    endpoint.noteInFlight(1767225600000);
    endpoint.ownInFlight = 5;
    endpoint.noteInFlight(1767225000000);
    expect(endpoint.inFlightAt(1767225000000)).toBe(5);
    endpoint.ownInFlight = 2;
    endpoint.noteInFlight(1767225000128);
    expect(endpoint.inFlightAt(1767225000000)).toBe(5);
    expect(endpoint.inFlightAt(1767225600000)).toBe(2);
  });
  test("has no negative totals", () => {
    const endpoint = new Endpoints().at(0);
    endpoint.otherInFlight = -4;
    endpoint.noteInFlight(1000);
    expect(endpoint.inFlightAt(1000)).toBe(0);
  });
  test("does not touch the neighbouring endpoints", () => {
    const endpoints = new Endpoints();
    list(endpoints, 6, "x".repeat(47));
    list(endpoints, 8, "y".repeat(47));
    const endpoint = list(endpoints, 7, "z".repeat(47));
    endpoint.ownInFlight = -1;
    for (let i = 0; i < 100; i++) endpoint.noteInFlight(<f64>i * 64);
    expect(find(endpoints, "x".repeat(47))).toBe(6);
    expect(find(endpoints, "z".repeat(47))).toBe(7);
    expect(find(endpoints, "y".repeat(47))).toBe(8);
    expect(endpoints.at(8).ownInFlight).toBe(0);
    expect(endpoints.at(6).inFlightAt(0)).toBe(0);
  });
});

describe("an endpoint is found", () => {
  test("by its whole address, while it is listed", () => {
    const endpoints = new Endpoints();
    list(endpoints, 3, "10.0.0.1:80");
    list(endpoints, 900, "10.0.0.1:8000");
    expect(find(endpoints, "10.0.0.1:80")).toBe(3);
    expect(find(endpoints, "10.0.0.1:8000")).toBe(900);
    expect(find(endpoints, "10.0.0.1:800")).toBe(-1);
    expect(find(endpoints, "")).toBe(-1);
    endpoints.at(3).isListed = false;
    expect(find(endpoints, "10.0.0.1:80")).toBe(-1);
  });
});

describe("pods that may be picked", () => {
  test("are the listed and ready ones, as list and as bitmap", () => {
    const random = new Random(5);
    const endpoints = new Endpoints();
    for (let round = 0; round < 50; round++) {
      const expected: Array<u32> = [];
      endpoints.limit = 1 + random.below(ENDPOINTS_MAX);
      for (let number: u32 = 0; number < endpoints.limit; number++) {
        const endpoint = endpoints.at(number);
        endpoint.isListed = random.chance(2, 3);
        endpoint.mayBePicked = random.chance(2, 3);
        if (endpoint.isListed && endpoint.mayBePicked) expected.push(number);
      }
      endpoints.listPickable();
      expect(endpoints.pickableCount).toBe(expected.length);
      for (let i = 0; i < expected.length; i++) expect(endpoints.pickableAt(i)).toBe(expected[i]);
      for (let number: u32 = 0; number < ENDPOINTS_MAX; number++) {
        const word = load<u64>(endpoints.pickableBits + ((number >> 6) << 3));
        const isSet = ((word >> (number & 63)) & 1) != 0;
        if (isSet != expected.includes(number)) expect(number).toBe(u32.MAX_VALUE);
      }
    }
  });
});

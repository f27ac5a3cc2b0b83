// The arguments of `./build.sh test`: which suites, and the soak's minutes and seed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { testOptions } from "../scripts/test-options.js";

const ALL = ["unit", "soak"];
const read = (...args: string[]): ReturnType<typeof testOptions> =>
  testOptions(args, ALL, () => 42);
const soakOf = (...args: string[]): string[] => {
  const { env } = read(...args);
  return [env["WARMROUTE_SOAK_MINUTES"] ?? "", env["WARMROUTE_SOAK_SEED"] ?? ""];
};

test("without a suite all run, and the soak is as short as it decides itself", () => {
  assert.deepEqual(read(), { suites: ALL, env: {}, soakTimeoutMs: 0 });
  assert.deepEqual(read("unit"), { suites: ["unit"], env: {}, soakTimeoutMs: 0 });
});

test("a soak that is named has ten minutes and a drawn seed, or what is given", () => {
  assert.deepEqual(soakOf("soak"), ["10", "42"]);
  assert.deepEqual(soakOf("soak", "--minutes", "3", "--seed", "0"), ["3", "0"]);
  assert.deepEqual(soakOf("--seed=4294967295", "unit", "soak", "--minutes=0.5"), [
    "0.5",
    "4294967295",
  ]);
  assert.equal(read("soak", "--minutes", "600").soakTimeoutMs > 600 * 60_000, true);
});

test("what is wrong is named, with what is allowed", () => {
  const cases: [string[], RegExp][] = [
    [["nothing"], /there is no suite nothing; there are unit, soak/],
    [["soak", "--hours", "1"], /there is no option --hours; there are --minutes and --seed/],
    [["--minutes", "3"], /--minutes: for the suite soak alone/],
    [["unit", "--seed", "3"], /--seed: for the suite soak alone/],
    [["soak", "--minutes", "0"], /--minutes 0: a number from 0.2 to 1440 is allowed/],
    [["soak", "--minutes"], /--minutes : a number from/],
    [["soak", "--minutes", "ten"], /--minutes ten: a number/],
    [["soak", "--seed", "1.5"], /--seed 1.5: a whole number from 0 to 4294967295 is allowed/],
    [["soak", "--seed", "-1"], /--seed -1: a whole number/],
  ];
  for (const [args, message] of cases) assert.throws(() => read(...args), { message });
});

// Reads the arguments of `./build.sh test`: suites, and how long and by which seed the soak runs.

const MINUTES_DEFAULT = 10;
const MINUTES_MIN = 0.2;
const MINUTES_MAX = 1440;
const SEED_MAX = 2 ** 32 - 1;
/** Its stack starts, heals and stops outside of its minutes. */
const SOAK_SPARE_MS = 10 * 60_000;
const SOAK = "soak";

export interface TestOptions {
  suites: string[];
  /** Added to the environment of the tests. */
  env: Record<string, string>;
  /** A soak that is not done by then hangs. */
  soakTimeoutMs: number;
}

/**
 * Without a suite all of them run, the soak a short one that is the same each time. Where it is
 * named it runs for `--minutes`, by `--seed` or one that is drawn. Throws what is wrong.
 */
export function testOptions(
  args: readonly string[],
  all: readonly string[],
  drawSeed: () => number = () => Math.floor(Math.random() * SEED_MAX),
): TestOptions {
  const suites: string[] = [];
  const given = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [name = "", joined] = (args[i] as string).split("=", 2);
    if (name === "--minutes" || name === "--seed") {
      given.set(name, joined ?? args[++i] ?? "");
    } else if (name.startsWith("-")) {
      throw new Error(`there is no option ${name}; there are --minutes and --seed, for ${SOAK}`);
    } else suites.push(name);
  }
  const unknown = suites.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    throw new Error(`there is no suite ${unknown.join(", ")}; there are ${all.join(", ")}`);
  }
  const isNamed = suites.includes(SOAK);
  if (given.size > 0 && !isNamed) {
    const options = [...given.keys()].join(" and ");
    throw new Error(`${options}: for the suite soak alone, as in test soak --minutes 10`);
  }
  if (!isNamed) return { suites: suites.length > 0 ? suites : [...all], env: {}, soakTimeoutMs: 0 };
  const minutes = numberOf(given, "--minutes", MINUTES_DEFAULT);
  if (!(minutes >= MINUTES_MIN && minutes <= MINUTES_MAX)) {
    throw refused(given, "--minutes", `a number from ${MINUTES_MIN} to ${MINUTES_MAX}`);
  }
  const seed = numberOf(given, "--seed", drawSeed());
  if (!(Number.isInteger(seed) && seed >= 0 && seed <= SEED_MAX)) {
    throw refused(given, "--seed", `a whole number from 0 to ${SEED_MAX}`);
  }
  const env = { WARMROUTE_SOAK_MINUTES: String(minutes), WARMROUTE_SOAK_SEED: String(seed) };
  return { suites, env, soakTimeoutMs: minutes * 60_000 + SOAK_SPARE_MS };
}

function numberOf(given: ReadonlyMap<string, string>, name: string, otherwise: number): number {
  const text = given.get(name);
  if (text === undefined) return otherwise;
  return /^[0-9.]+$/.test(text) ? Number(text) : NaN;
}

function refused(given: ReadonlyMap<string, string>, name: string, allowed: string): Error {
  return new Error(`${name} ${given.get(name) ?? ""}: ${allowed} is allowed`);
}

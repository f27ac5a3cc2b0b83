// How long a soak runs and by which seed, as ./build.sh test hands it on.

/** Without ./build.sh's options: short, and the same each time. */
const MINUTES_DEFAULT = 0.4;
const SEED_DEFAULT = 20_260;

export interface Settings {
  minutes: number;
  /** Traffic and faults follow from it; when exactly they meet does not. */
  seed: number;
}

/** From WARMROUTE_SOAK_MINUTES and WARMROUTE_SOAK_SEED; throws what is wrong with one. */
export function settingsOf(env: NodeJS.ProcessEnv): Settings {
  return {
    minutes: numberOf(env, "WARMROUTE_SOAK_MINUTES", MINUTES_DEFAULT),
    seed: numberOf(env, "WARMROUTE_SOAK_SEED", SEED_DEFAULT),
  };
}

function numberOf(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const text = env[name] ?? "";
  if (text === "") return otherwise;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name}=${text}: a number above 0 is allowed`);
  return value;
}

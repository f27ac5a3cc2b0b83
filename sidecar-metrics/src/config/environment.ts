// Reads configuration keys from environment variables: WARMROUTE_POOLS_0_PODS_FILE and the like.
import { type ConfigKey, configKeys } from "./keys.js";

const PREFIX = "WARMROUTE_";
/** Names the configuration file itself; the command reads it. */
export const FILE_VARIABLE = "WARMROUTE_CONFIG";
/** What Kubernetes sets for a Service named warmroute or warmroute-something. */
const SERVICE_VARIABLE = /_(SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_(TCP|UDP|SCTP)\w*)$/;
const INDEX_MAX = 63;

export interface EnvironmentValue {
  variable: string;
  path: (string | number)[];
  value: unknown;
}

export interface Environment {
  values: EnvironmentValue[];
  /** Variables with our prefix that are no key: most likely typing mistakes. */
  unknown: string[];
}

function isElsewhere(variable: string): boolean {
  return variable === FILE_VARIABLE || SERVICE_VARIABLE.test(variable);
}

/** `listen.port` is WARMROUTE_LISTEN_PORT; list indices count from 0. */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const patterns = configKeys()
    // The parts of a pod are for files: in a variable a list of pods is a list of addresses.
    .filter(({ path }) => !path.includes(".static[]"))
    .map((key) => ({ key, pattern: toPattern(key.path) }));
  const environment: Environment = { values: [], unknown: [] };
  for (const [variable, raw] of Object.entries(variables)) {
    if (!variable.startsWith(PREFIX) || raw === undefined) continue;
    const value = patterns
      .map(({ key, pattern }) => read(variable, raw, key, pattern))
      .find((found) => found !== null);
    if (value !== undefined) environment.values.push(value);
    else if (!isElsewhere(variable)) environment.unknown.push(variable);
  }
  return environment;
}

function toPattern(path: string): RegExp {
  const words = path.split(".").map((word) =>
    word
      // One word, not two.
      .replace("MiB", "Mib")
      .replace(/([a-z])([A-Z])/g, "$1_$2")
      .toUpperCase()
      .replace("[]", "_(\\d{1,2})"),
  );
  return new RegExp(`^${PREFIX}${words.join("_")}$`);
}

function read(
  variable: string,
  raw: string,
  { path, type }: ConfigKey,
  pattern: RegExp,
): EnvironmentValue | null {
  const indices = pattern.exec(variable)?.slice(1).map(Number);
  if (indices === undefined || indices.some((index) => index > INDEX_MAX)) return null;
  const words: (string | number)[] = [];
  for (const word of path.split(".")) {
    words.push(word.replace("[]", ""));
    if (word.endsWith("[]")) words.push(indices.shift() ?? 0);
  }
  return { variable, path: words, value: convert(raw, type) };
}

/** What cannot be converted stays text, for the schema to refuse with the value in its words. */
function convert(raw: string, type: ConfigKey["type"]): unknown {
  if (type === "integer") return /^-?\d+$/.test(raw) ? Number(raw) : raw;
  if (type === "boolean") return raw === "true" ? true : raw === "false" ? false : raw;
  if (type === "pods") return raw.split(",").map((address) => address.trim());
  return raw;
}

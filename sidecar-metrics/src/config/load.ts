// Loads the configuration from a YAML file and the environment, or says in one line what is wrong.
import { explainFileError, readBounded } from "../files.js";
import { type EnvironmentValue, readEnvironment } from "./environment.js";
import { ConfigError, contentOf, explainIssue, parseSource, type Source } from "./explain.js";
import { type Config, configSchema } from "./schema.js";

const CONFIG_BYTES_MAX = 4 * 1024 * 1024;

export interface Loaded {
  config: Config;
  /** Variables that look meant for us and are no key. */
  unknownVariables: string[];
}

/** Environment variables win over the file; `file` null: the environment alone. */
export async function loadConfig(
  file: string | null,
  variables: NodeJS.ProcessEnv,
): Promise<Loaded> {
  const source = file === null ? null : parseSource(file, await readConfig(file));
  const environment = readEnvironment(variables);
  // An empty file is an object without keys.
  const content: unknown = (source === null ? null : contentOf(source)) ?? {};
  for (const value of environment.values) setAt(content, value);
  return {
    config: check(content, source, environment.values),
    unknownVariables: environment.unknown,
  };
}

async function readConfig(file: string): Promise<string> {
  try {
    return (await readBounded(file, CONFIG_BYTES_MAX)).toString("utf8");
  } catch (error) {
    throw new ConfigError(`${file}: ${explainFileError(error)}`);
  }
}

function check(content: unknown, source: Source | null, set: EnvironmentValue[]): Config {
  const parsed = configSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw new ConfigError("the configuration is refused");
  const variableOf = (path: readonly PropertyKey[]): string | undefined =>
    set.find((value) => value.path.every((part, index) => part === path[index]))?.variable;
  throw new ConfigError(explainIssue(issue, content, source, variableOf));
}

/** Makes the objects and lists on the way; a scalar in the way stays, for the schema to refuse. */
function setAt(content: unknown, { path, value }: EnvironmentValue): void {
  let at = content;
  path.forEach((part, index) => {
    if (typeof at !== "object" || at === null) return;
    const holder = at as Record<PropertyKey, unknown>;
    if (index === path.length - 1) holder[part] = value;
    else at = holder[part] ??= typeof path[index + 1] === "number" ? [] : {};
  });
}

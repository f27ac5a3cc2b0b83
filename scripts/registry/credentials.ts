// Finds the login for a registry: from the command line, else where `docker login` keeps it.
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** A password on the command line would show in the process list. */
export const PASSWORD_VARIABLE = "WARMROUTE_REGISTRY_PASSWORD";
/** The key under which `docker login` without a host keeps the login of docker.io. */
const DOCKER_HUB_KEY = "index.docker.io";

export interface Login {
  username: string;
  password: string;
}

/** What was found, and for an error's text where it was looked for. */
export interface FoundLogin {
  login: Login | null;
  source: string;
}

interface AuthEntry {
  auth?: unknown;
  username?: unknown;
  password?: unknown;
}

interface DockerConfig {
  auths?: Record<string, AuthEntry>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

type Environment = Record<string, string | undefined>;

/** The login for `registry` (host and port). Throws when a name is given without its password. */
export function findLogin(
  registry: string,
  username: string | undefined,
  env: Environment,
): FoundLogin {
  if (username !== undefined) {
    const password = env[PASSWORD_VARIABLE];
    if (password === undefined || password === "") {
      throw new Error(`--username ${username} needs the password in ${PASSWORD_VARIABLE}`);
    }
    return { login: { username, password }, source: `--username ${username}` };
  }
  const folder = env["DOCKER_CONFIG"] ?? join(env["HOME"] ?? homedir(), ".docker");
  const path = join(folder, "config.json");
  const config = readConfig(path);
  if (config === null) return { login: null, source: `no login: there is no ${path}` };
  for (const [key, entry] of Object.entries(config.auths ?? {})) {
    if (!isSameHost(key, registry)) continue;
    const login = loginOf(entry);
    if (login !== null) return { login, source: path };
  }
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  const hint =
    helper === undefined
      ? ""
      : ` (its logins are kept by the helper "${helper}", which is not asked: ` +
        `use --username and ${PASSWORD_VARIABLE})`;
  return { login: null, source: `no login for ${registry} in ${path}${hint}` };
}

function readConfig(path: string): DockerConfig | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return JSON.parse(text) as DockerConfig;
  } catch (error) {
    // The parser's own words could quote a password.
    throw new Error(`${path} is no JSON`, { cause: error });
  }
}

/** Keys are hosts, or URLs as `https://ghcr.io` and docker.io's `https://index.docker.io/v1/`. */
function isSameHost(key: string, registry: string): boolean {
  const host = key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return host === registry || (registry === "docker.io" && host === DOCKER_HUB_KEY);
}

function loginOf(entry: AuthEntry): Login | null {
  if (typeof entry.auth === "string" && entry.auth !== "") {
    const text = Buffer.from(entry.auth, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  const { username, password } = entry;
  if (typeof username !== "string" || typeof password !== "string") return null;
  return { username, password };
}

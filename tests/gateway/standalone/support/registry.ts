// Image registries on loopback: an open one, and one that asks for a login.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start, type Child } from "../../../../lab/processes.js";
import { tool } from "../../support/tools.js";

export const LOGIN = { username: "warmroute", password: "a-test-password" };
/** `htpasswd -nbB warmroute a-test-password`; the registry takes bcrypt only. */
const HTPASSWD = "warmroute:$2b$05$nffHgynkOhqcOpSyMtIOBeoqox2yxNHsg8WkLhya0aoBNpjVd.SVi";

/** Starts one at `host` (address and port); with `hasLogin` it admits LOGIN alone. */
export async function startRegistry(
  folder: string,
  host: string,
  hasLogin: boolean,
): Promise<Child> {
  mkdirSync(folder, { recursive: true });
  const htpasswd = join(folder, "htpasswd");
  writeFileSync(htpasswd, `${HTPASSWD}\n`);
  const config = {
    version: "0.1",
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: host },
    ...(hasLogin ? { auth: { htpasswd: { realm: "warmroute", path: htpasswd } } } : {}),
  };
  const path = join(folder, "registry.json");
  writeFileSync(path, JSON.stringify(config));
  return await start({
    name: "registry",
    command: tool("WARMROUTE_REGISTRY_BIN"),
    args: ["serve", path],
    logPath: join(folder, "registry.log"),
    // The API itself answers 401 where a login is asked for.
    readyUrl: `http://${host}/`,
  });
}

// The connections of one pool: kept alive, with the pool's TLS settings and bearer token.
import { readFile } from "node:fs/promises";
import type { SecureContextOptions } from "node:tls";
import { Agent } from "undici";
import { ConfigError } from "../config/explain.js";
import type { PoolConfig } from "../config/schema.js";
import { explainFileError, type FileWatch, readBounded, watchFile } from "../files.js";

const TOKEN_BYTES_MAX = 64 * 1024;
/** Longer than any interval between scrapes, unless the pod says otherwise. */
const KEEP_ALIVE_MS = 65_000;
const HEADER_BYTES_MAX = 16 * 1024;

export async function createAgent(
  { name, tls }: Pick<PoolConfig, "name" | "tls">,
  timeoutMs: number,
  keepAliveMs: number = KEEP_ALIVE_MS,
): Promise<Agent> {
  const secure: SecureContextOptions & { servername?: string; rejectUnauthorized: boolean } = {
    rejectUnauthorized: !tls.insecureSkipVerify,
  };
  if (tls.serverName !== undefined) secure.servername = tls.serverName;
  if (tls.caFile !== undefined) secure.ca = await readAuthority(name, tls.caFile);
  return new Agent({
    // One scrape of a pod at a time needs one connection.
    connections: 1,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: HEADER_BYTES_MAX,
    // The scrape's own deadline ends it; these only clean up behind it.
    headersTimeout: timeoutMs * 2,
    bodyTimeout: timeoutMs * 2,
    connect: { ...secure, timeout: timeoutMs },
  });
}

/** Throws a ConfigError when the files that the pool's settings name are not as they must be. */
export async function checkFiles({
  name,
  tls,
  bearerTokenFile,
}: Pick<PoolConfig, "name" | "tls" | "bearerTokenFile">): Promise<void> {
  if (tls.caFile !== undefined) await readAuthority(name, tls.caFile);
  if (bearerTokenFile === undefined) return;
  const where = `pool ${name}: bearerTokenFile: ${bearerTokenFile}`;
  const bytes = await readBounded(bearerTokenFile, TOKEN_BYTES_MAX).catch((error: unknown) => {
    throw new ConfigError(`${where}: ${explainFileError(error)}`);
  });
  if (parseToken(bytes) === null) throw new ConfigError(`${where}: its content is no token`);
}

function readAuthority(pool: string, path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new ConfigError(`pool ${pool}: tls.caFile: ${path}: ${explainFileError(error)}`);
  });
}

/** Null for a content that would make a header that no client may send. */
function parseToken(bytes: Buffer): string | null {
  const text = bytes.toString("utf8").trim();
  return /^[\x21-\x7e]+$/.test(text) ? text : null;
}

export interface TokenFile {
  token: () => string | null;
  watch: FileWatch;
}

export function watchToken(path: string, problem: (text: string | null) => void): TokenFile {
  let token: string | null = null;
  const watch = watchFile(path, TOKEN_BYTES_MAX, {
    unreadable: (reason) => problem(`bearerTokenFile ${path}: ${reason}`),
    content: (bytes) => {
      const read = parseToken(bytes);
      problem(read === null ? `bearerTokenFile ${path}: its content is no token` : null);
      token = read ?? token;
    },
  });
  return { token: () => token, watch };
}

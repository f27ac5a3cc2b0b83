// The connections of one pool: kept alive, with the pool's TLS settings and bearer token.
import { readFile } from "node:fs/promises";
import type { SecureContextOptions } from "node:tls";
import { Agent } from "undici";
import { ConfigError } from "../config/explain.js";
import type { PoolConfig } from "../config/schema.js";
import { explainFileError, type FileWatch, watchFile } from "../files.js";

const TOKEN_BYTES_MAX = 64 * 1024;
/** Longer than any interval between scrapes, unless the pod says otherwise. */
const KEEP_ALIVE_MS = 65_000;
const HEADER_BYTES_MAX = 16 * 1024;

export async function createAgent({ name, tls }: PoolConfig, timeoutMs: number): Promise<Agent> {
  const secure: SecureContextOptions & { servername?: string; rejectUnauthorized: boolean } = {
    rejectUnauthorized: !tls.insecureSkipVerify,
  };
  if (tls.serverName !== undefined) secure.servername = tls.serverName;
  if (tls.caFile !== undefined) {
    const path = tls.caFile;
    secure.ca = await readFile(path, "utf8").catch((error: unknown) => {
      throw new ConfigError(`pool ${name}: tls.caFile: ${path}: ${explainFileError(error)}`);
    });
  }
  return new Agent({
    // One scrape of a pod at a time needs one connection.
    connections: 1,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    // The scrape's own deadline ends it; these only clean up behind it.
    headersTimeout: timeoutMs * 2,
    bodyTimeout: timeoutMs * 2,
    connect: { ...secure, timeout: timeoutMs },
  });
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
      const text = bytes.toString("utf8").trim();
      // Anything else would make a header that no client may send.
      const isToken = /^[\x21-\x7e]+$/.test(text);
      problem(isToken ? null : `bearerTokenFile ${path}: its content is no token`);
      if (isToken) token = text;
    },
  });
  return { token: () => token, watch };
}

// The key of the prompt hashes: configured, from a watched file, or made up for this run.
import type { Logger } from "pino";
import { ConfigError } from "./config/explain.js";
import type { Config } from "./config/schema.js";
import { explainFileError, type FileWatch, readBounded, watchFile } from "./files.js";

const KEY_BYTES = 16;
const FILE_BYTES_MAX = 4 * 1024;
const ALLOWED = "32 hexadecimal characters";

export interface HashKeyEvents {
  key(key: Buffer): void;
  problem(text: string | null): void;
}

/** The key to start with. Throws a ConfigError when the file does not hold one. */
export async function firstHashKey(
  config: Config,
  randomBytes: (size: number) => Buffer,
  log: Logger,
): Promise<Buffer> {
  if (config.hashKey !== undefined) return Buffer.from(config.hashKey, "hex");
  if (config.hashKeyFile === undefined) {
    log.warn(
      "no hashKey: made one up; gateways of sidecars with other keys share nothing with ours",
    );
    return randomBytes(KEY_BYTES);
  }
  return readHashKey(config.hashKeyFile);
}

/** Throws a ConfigError when the file does not hold a key. */
export async function readHashKey(path: string): Promise<Buffer> {
  const where = `hashKeyFile: ${path}`;
  const content = await readBounded(path, FILE_BYTES_MAX).catch((error: unknown) => {
    throw new ConfigError(`${where}: ${explainFileError(error)}`);
  });
  const key = parseKey(content);
  if (key === null) throw new ConfigError(`${where}: its content must be ${ALLOWED}`);
  return key;
}

/** Follows the file from then on; one without a key changes nothing and is shown. */
export function watchHashKey(path: string, events: HashKeyEvents): FileWatch {
  return watchFile(path, FILE_BYTES_MAX, {
    unreadable: (reason) => events.problem(`hashKeyFile ${path}: ${reason}`),
    content: (bytes) => {
      const key = parseKey(bytes);
      events.problem(key === null ? `hashKeyFile ${path}: its content must be ${ALLOWED}` : null);
      if (key !== null) events.key(key);
    },
  });
}

function parseKey(content: Buffer): Buffer | null {
  const text = content.toString("latin1").trim();
  return /^[0-9a-fA-F]{32}$/.test(text) ? Buffer.from(text, "hex") : null;
}

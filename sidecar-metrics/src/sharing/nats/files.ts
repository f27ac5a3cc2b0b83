// The files that a connection needs: read anew each time, so that what was renewed counts.
import { ConfigError } from "../../config/explain.js";
import type { NatsConfig } from "../../config/sharing.js";
import { explainFileError, readBounded } from "../../files.js";

const FILE_BYTES_MAX = 64 * 1024;
const CREDENTIALS = /-{3,}BEGIN NATS USER JWT-{3,}[\s\S]+-{3,}BEGIN USER NKEY SEED-{3,}/;
const PEM = /-----BEGIN [A-Z ]+-----/;

export interface ConnectionFiles {
  credentials: Buffer | null;
  password: string | null;
  ca: string | null;
  cert: string | null;
  key: string | null;
}

/** Throws a ConfigError that names the key and the file. */
export async function readFiles(config: NatsConfig): Promise<ConnectionFiles> {
  const { caFile, certFile, keyFile } = config.tls ?? {};
  const credentials = await read("credentialsFile", config.credentialsFile);
  if (credentials !== null && !CREDENTIALS.test(credentials.toString("latin1"))) {
    const must = "it must hold a NATS user JWT and a user NKEY seed, as nsc writes them";
    throw new ConfigError(`sharing.nats.credentialsFile: ${config.credentialsFile}: ${must}`);
  }
  const password = await read("passwordFile", config.passwordFile);
  return {
    credentials,
    // Files of Secrets often end in a newline that is no part of the password.
    password: password?.toString("utf8").replace(/\r?\n$/, "") ?? null,
    ca: await readPem("tls.caFile", caFile),
    cert: await readPem("tls.certFile", certFile),
    key: await readPem("tls.keyFile", keyFile),
  };
}

async function readPem(key: string, file: string | undefined): Promise<string | null> {
  const text = (await read(key, file))?.toString("latin1") ?? null;
  if (text === null || PEM.test(text)) return text;
  throw new ConfigError(`sharing.nats.${key}: ${file}: it must be a PEM file`);
}

async function read(key: string, file: string | undefined): Promise<Buffer | null> {
  if (file === undefined) return null;
  return readBounded(file, FILE_BYTES_MAX).catch((error: unknown) => {
    throw new ConfigError(`sharing.nats.${key}: ${file}: ${explainFileError(error)}`);
  });
}

// What nsc makes: an operator, accounts and users as signed tokens, and a user's `.creds` file.
import { createHash } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";

type KeyPair = ReturnType<typeof nkeys.createAccount>;

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function base32(bytes: Uint8Array): string {
  let bits = "";
  for (const byte of bytes) bits += byte.toString(2).padStart(8, "0");
  const words = bits.match(/.{1,5}/g) ?? [];
  return words.map((word) => BASE32[parseInt(word.padEnd(5, "0"), 2)]).join("");
}

const base64 = (data: string | Uint8Array): string => Buffer.from(data).toString("base64url");
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

/** A token of NATS: a JWT whose id is the hash of its claims. */
function sign(
  issuer: KeyPair,
  subject: KeyPair,
  name: string,
  nats: object,
  times: object = {},
): string {
  const ids = { iss: issuer.getPublicKey(), sub: subject.getPublicKey() };
  const claims = { ...ids, name, iat: 1, ...times, nats };
  const id = base32(createHash("sha512-256").update(JSON.stringify(claims)).digest());
  const head = base64(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }));
  const body = `${head}.${base64(JSON.stringify({ jti: id, ...claims }))}`;
  return `${body}.${base64(issuer.sign(Buffer.from(body)))}`;
}

const UNLIMITED = -1;
const NATS_LIMITS = { subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED };
const ACCOUNT_LIMITS = {
  ...NATS_LIMITS,
  imports: UNLIMITED,
  exports: UNLIMITED,
  conn: UNLIMITED,
  leaf: UNLIMITED,
  wildcards: true,
  mem_storage: UNLIMITED,
  disk_storage: UNLIMITED,
  streams: UNLIMITED,
  consumer: UNLIMITED,
};

export interface Identities {
  /** For the server's configuration. */
  config: Record<string, unknown>;
  /** The content of a `.creds` file of a new user of an account, for ever or so many seconds. */
  credentials(account: string, seconds?: number): string;
}

/** A server's accounts by their names; one more is the system's, as JetStream needs. */
export function makeIdentities(accounts: readonly string[]): Identities {
  const operator = nkeys.createOperator();
  const keys = new Map(["SYS", ...accounts].map((name) => [name, nkeys.createAccount()]));
  const tokens = [...keys].map(([name, key]) => {
    const limits = name === "SYS" ? { ...ACCOUNT_LIMITS, mem_storage: 0, disk_storage: 0 } : null;
    const nats = { limits: limits ?? ACCOUNT_LIMITS, type: "account", version: 2 };
    return [key.getPublicKey(), sign(operator, key, name, nats)];
  });
  return {
    config: {
      operator: sign(operator, operator, "operator", { type: "operator", version: 2 }),
      system_account: keys.get("SYS")!.getPublicKey(),
      resolver: "MEMORY",
      resolver_preload: Object.fromEntries(tokens),
    },
    credentials: (account, seconds) => {
      const user = nkeys.createUser();
      const nats = { ...NATS_LIMITS, pub: {}, sub: {}, type: "user", version: 2 };
      const times = seconds === undefined ? {} : { exp: Math.floor(Date.now() / 1000) + seconds };
      const token = sign(keys.get(account)!, user, "user", nats, times);
      return [
        "-----BEGIN NATS USER JWT-----",
        token,
        "------END NATS USER JWT------\n",
        "-----BEGIN USER NKEY SEED-----",
        text(user.getSeed()),
        "------END USER NKEY SEED------\n",
      ].join("\n");
    },
  };
}

// Says in one sentence what is wrong with a connection, and what a person can do about it.
import { errors } from "@nats-io/transport-node";
import { ConfigError } from "../../config/explain.js";
import type { NatsConfig } from "../../config/sharing.js";

/** What went wrong and lies at the bottom of it, as the client wraps errors. */
function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && chain.length < 8; at = at.cause) chain.push(at);
  return chain;
}

function codeOf(error: unknown): string {
  const codes = chainOf(error).map((one) => (one as { code?: unknown }).code);
  return String(codes.find((code) => typeof code === "string") ?? "");
}

const CA_ADVICE = "name the authority that signed it in sharing.nats.tls.caFile";
const BY_CODE: Record<string, string> = {
  ECONNREFUSED: "refuses the connection: no server listens there",
  ENOTFOUND: "cannot be found: the host name is unknown",
  EAI_AGAIN: "cannot be found: no name server answers",
  EHOSTUNREACH: "cannot be reached: there is no way to the host",
  ENETUNREACH: "cannot be reached: there is no way to its network",
  ETIMEDOUT: "does not answer",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `shows a certificate that we do not trust: ${CA_ADVICE}`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: `shows a certificate that we do not trust: ${CA_ADVICE}`,
  SELF_SIGNED_CERT_IN_CHAIN: `shows a certificate that we do not trust: ${CA_ADVICE}`,
  DEPTH_ZERO_SELF_SIGNED_CERT: `shows a certificate that we do not trust: ${CA_ADVICE}`,
  CERT_SIGNATURE_FAILURE: `shows a certificate that we do not trust: ${CA_ADVICE}`,
  CERT_HAS_EXPIRED: "shows a certificate that has expired",
  CERT_NOT_YET_VALID: "shows a certificate that is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "shows a certificate of another name: sharing.nats.servers must hold a name that is in it",
};

/** Why there is no connection to a server. */
export function explainConnection(server: string, config: NatsConfig, error: unknown): string {
  if (error instanceof ConfigError) return `${error.message}.`;
  const told = BY_CODE[codeOf(error)];
  if (told !== undefined) return `NATS at ${server} ${told}.`;
  const [first] = chainOf(error);
  if (first instanceof errors.AuthorizationError) return explainRefusal(server, config);
  if (first instanceof errors.TimeoutError) return `NATS at ${server} does not answer in time.`;
  const message = first?.message ?? String(error);
  if (message.includes("does not support 'tls'")) {
    return `NATS at ${server} offers no TLS, and the configuration requires it.`;
  }
  if (isTlsRefusal(error, config)) {
    const advice = "it may want another sharing.nats.tls.certFile and keyFile, or one at all";
    return `NATS at ${server} ends the connection while TLS begins: ${advice}.`;
  }
  if (message.includes("unable to parse credentials")) {
    return `sharing.nats.credentialsFile: ${config.credentialsFile}: it holds no credentials.`;
  }
  return `NATS at ${server}: ${message}.`;
}

/** With TLS 1.3 a server that refuses our certificate does so when we believe to be connected. */
function isTlsRefusal(error: unknown, { tls, servers }: NatsConfig): boolean {
  const code = codeOf(error);
  if (code.startsWith("ERR_SSL_")) return true;
  const hasTls = tls !== undefined || servers.some((server) => server.startsWith("tls:"));
  return hasTls && (code === "ECONNRESET" || code === "EPIPE");
}

function explainRefusal(server: string, { user, credentialsFile }: NatsConfig): string {
  if (user !== undefined) {
    return `NATS at ${server} refuses the user ${user}: check sharing.nats.user and passwordFile.`;
  }
  if (credentialsFile !== undefined) {
    return `NATS at ${server} refuses the credentials in ${credentialsFile}.`;
  }
  const advice = "set sharing.nats.credentialsFile, or user and passwordFile";
  return `NATS at ${server} refuses a client without credentials: ${advice}.`;
}

/** The part of a subject that is different each time, left open. */
function general(subject: string): string {
  return subject
    .replace(/\.warmroute-[0-9a-f]{16}-\d+/, ".*")
    .replace(/^_INBOX\..*/, "_INBOX.>")
    .replace(/^\$JS\.FC\..*/, "$JS.FC.>");
}

/** What a server forbids; null for any other error. `key` is the same for the same thing. */
export function explainDenial(
  server: string,
  error: unknown,
): { key: string; sentence: string } | null {
  const denial = chainOf(error).find((one) => one instanceof errors.PermissionViolationError);
  if (denial === undefined) return null;
  const what = denial.operation === "subscription" ? "subscribe" : "publish";
  const subject = general(denial.subject);
  const sentence = `NATS at ${server} does not permit our user to ${what} to ${subject}.`;
  return { key: `${what} ${subject}`, sentence };
}

/** Why a pool has no stream; null where the reason is told elsewhere. */
export function explainStream(server: string, subject: string, error: unknown): string | null {
  const chain = chainOf(error);
  if (explainDenial(server, error) !== null) return null;
  if (chain.some((one) => one instanceof errors.ClosedConnectionError)) return null;
  const [first] = chain;
  const why = first?.message ?? String(error);
  if (first?.name === "JetStreamNotEnabled" || /not enabled for account/.test(why)) {
    const advice = "turn it on for the server and our account";
    return `NATS at ${server} has no JetStream for us: ${advice}. Load is shared, records are not.`;
  }
  if (first instanceof errors.TimeoutError) {
    return `JetStream of NATS at ${server} does not answer in time about ${subject}.`;
  }
  if (first instanceof StreamProblem) return why;
  return `JetStream of NATS at ${server} gives no stream for ${subject}: ${why}.`;
}

/** A stream that is not as it must be; the message is a whole sentence. */
export class StreamProblem extends Error {}

// The keys by which gateways of several sidecars share what they know over NATS.
import { z } from "zod";
import { choice, flag, path, section, text, wholeNumber } from "./fields.js";

const SERVERS_MAX = 16;
const SERVERS_ALLOWED = `a list of 1 to ${SERVERS_MAX} servers`;
const SERVER_ALLOWED = "nats://HOST or tls://HOST, with :PORT where it is not 4222";
const HOST = String.raw`([A-Za-z0-9]([A-Za-z0-9.-]{0,252})|\[[0-9a-fA-F:.]{2,45}\])`;
const PORT = String.raw`([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])`;
const SERVER = new RegExp(`^(nats|tls)://${HOST}(:${PORT})?$`);
const PREFIX_ALLOWED = "1 to 128 characters: words of A-Z a-z 0-9 _ - joined by dots";

const server = text(SERVER, SERVER_ALLOWED);

const tls = section({
  caFile: path()
    .optional()
    .describe("PEM file of the authority that signed the servers' certificates"),
  certFile: path().optional().describe("PEM file of the certificate that we show, with `keyFile`"),
  keyFile: path().optional().describe("PEM file of its key"),
});

const stream = section({
  name: text(/^[A-Za-z0-9_-]{1,64}$/, "1 to 64 of A-Z a-z 0-9 _ -")
    .default("WARMROUTE")
    .describe("what the stream is called when we make it"),
  create: flag()
    .default(true)
    .describe("false: only a stream that is there already is used, under any name"),
  maxAgeSeconds: wholeNumber(10, 86_400)
    .default(300)
    .describe("how long a stream that we make keeps records"),
  maxMiB: wholeNumber(1, 1_048_576)
    .default(256)
    .describe("how much it keeps; the oldest records go first"),
  replicas: wholeNumber(1, 5).default(1).describe("on how many servers of a cluster it is kept"),
  storage: choice(["file", "memory"]).default("file").describe("where the servers keep it"),
});

const nats = section({
  servers: z
    .array(
      server.describe("a NATS server with JetStream; tls:// requires TLS of all of them"),
      SERVERS_ALLOWED,
    )
    .min(1, SERVERS_ALLOWED)
    .max(SERVERS_MAX, SERVERS_ALLOWED),
  subjectPrefix: text(/^(?=.{1,128}$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, PREFIX_ALLOWED)
    .default("warmroute")
    .describe("begins every subject; gateways that share have the same one"),
  credentialsFile: path()
    .optional()
    .describe("a `.creds` file with the user's JWT and key; read again at each connect"),
  user: text(/^[\x21-\x7e]{1,256}$/, "1 to 256 printable characters")
    .optional()
    .describe("the user, for servers with passwords; with `passwordFile`"),
  passwordFile: path()
    .optional()
    .describe("a file with the user's password; read again at each connect"),
  tls: tls.optional(),
  stream: stream.prefault({}),
}).superRefine((config, context) => {
  const refuse = (key: string[], message: string): void =>
    context.addIssue({ code: "custom", path: key, message });
  const { user, passwordFile, credentialsFile } = config;
  if (user !== undefined && passwordFile === undefined) {
    refuse(["passwordFile"], "set where user is");
  }
  if (passwordFile !== undefined && user === undefined) {
    refuse(["user"], "set where passwordFile is");
  }
  if (credentialsFile !== undefined && user !== undefined) {
    refuse(["user"], "absent where credentialsFile is set");
  }
  const { certFile, keyFile } = config.tls ?? {};
  if (certFile !== undefined && keyFile === undefined) {
    refuse(["tls", "keyFile"], "set where certFile is");
  }
  if (keyFile !== undefined && certFile === undefined) {
    refuse(["tls", "certFile"], "set where keyFile is");
  }
});

export const sharing = section({
  name: text(/^[\x21-\x7e]{1,64}$/, "1 to 64 printable characters")
    .optional()
    .describe("names the gateway to people; absent: the name of the host"),
  replaySeconds: wholeNumber(0, 3_600)
    .default(300)
    .describe("records as old as this are read at the start; 0: none"),
  nats,
});

export type SharingConfig = z.output<typeof sharing>;
export type NatsConfig = SharingConfig["nats"];

// The keys of sharing: defaults, what is refused and in which words, variables, files.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadConfig } from "../../../sidecar-metrics/src/config/load.js";
import { sharing } from "../../../sidecar-metrics/src/config/sharing.js";
import { readFiles } from "../../../sidecar-metrics/src/sharing/nats/files.js";
import { temporaryFolder } from "../support/support.js";

const KEY = "hashKey: 00112233445566778899aabbccddeeff\n";
const POOL = "pools:\n  - name: a\n    pods: {static: ['10.0.0.1:80']}\n";

async function load(t: TestContext, yaml: string, variables: Record<string, string> = {}) {
  const file = join(await temporaryFolder(t), "sidecar.yaml");
  await writeFile(file, yaml);
  return (await loadConfig(file, variables)).config;
}

async function refusal(t: TestContext, nats: string, before = KEY): Promise<string> {
  const yaml = `${before}${POOL}sharing:\n  nats:\n    ${nats.split("\n").join("\n    ")}\n`;
  const error = await load(t, yaml).then(
    () => assert.fail("was not refused"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Error);
  return error.message.replace(/^\S*\/sidecar\.yaml/, "sidecar.yaml");
}

const SERVERS = "servers: [nats://nats:4222]";

test("defaults of sharing", async (t) => {
  assert.equal((await load(t, POOL)).sharing, undefined);
  const config = await load(t, `${KEY}${POOL}sharing: {nats: {${SERVERS}}}\n`);
  assert.deepEqual(config.sharing, {
    replaySeconds: 300,
    nats: {
      servers: ["nats://nats:4222"],
      subjectPrefix: "warmroute",
      stream: {
        name: "WARMROUTE",
        create: true,
        maxAgeSeconds: 300,
        maxMiB: 256,
        replicas: 1,
        storage: "file",
      },
    },
  });
});

test("variables, a list among them", async (t) => {
  const config = await load(t, KEY + POOL, {
    WARMROUTE_SHARING_NAME: "gateway-a",
    WARMROUTE_SHARING_NATS_SERVERS_0: "nats://one",
    WARMROUTE_SHARING_NATS_SERVERS_1: "tls://two:4223",
    WARMROUTE_SHARING_NATS_SUBJECT_PREFIX: "prod.warmroute",
    WARMROUTE_SHARING_NATS_STREAM_MAX_MIB: "64",
    WARMROUTE_SHARING_NATS_STREAM_CREATE: "false",
    WARMROUTE_SHARING_NATS_TLS_CA_FILE: "/ca.pem",
  });
  assert.equal(config.sharing?.name, "gateway-a");
  assert.deepEqual(config.sharing.nats.servers, ["nats://one", "tls://two:4223"]);
  assert.equal(config.sharing.nats.subjectPrefix, "prod.warmroute");
  assert.equal(config.sharing.nats.stream.maxMiB, 64);
  assert.equal(config.sharing.nats.stream.create, false);
  assert.deepEqual(config.sharing.nats.tls, { caFile: "/ca.pem" });
});

const REFUSED: [string, string][] = [
  ["servers: []", "servers: [] is not allowed; it must be a list of 1 to 16 servers"],
  [
    "servers: ['http://nats']",
    'servers[0]: "http://nats" is not allowed; it must be nats://HOST or tls://HOST, ' +
      "with :PORT where it is not 4222",
  ],
  [
    `${SERVERS}\nsubjectPrefix: a..b`,
    'subjectPrefix: "a..b" is not allowed; it must be 1 to 128 characters: words of ' +
      "A-Z a-z 0-9 _ - joined by dots",
  ],
  [`${SERVERS}\nuser: me`, "passwordFile: is missing; it must be set where user is"],
  [`${SERVERS}\npasswordFile: /p`, "user: is missing; it must be set where passwordFile is"],
  [
    `${SERVERS}\nuser: me\npasswordFile: /p\ncredentialsFile: /c`,
    'user: "me" is not allowed; it must be absent where credentialsFile is set',
  ],
  [`${SERVERS}\ntls: {certFile: /c}`, "tls.keyFile: is missing; it must be set where certFile is"],
  [`${SERVERS}\ntls: {keyFile: /k}`, "tls.certFile: is missing; it must be set where keyFile is"],
  [
    `${SERVERS}\nstream: {maxAgeSeconds: 9}`,
    "stream.maxAgeSeconds: 9 is not allowed; it must be a whole number from 10 to 86400",
  ],
  [
    `${SERVERS}\nstream: {storage: disk}`,
    'stream.storage: "disk" is not allowed; it must be one of file, memory',
  ],
];

for (const [yaml, expected] of REFUSED) {
  test(`refused: ${yaml.replaceAll("\n", ", ")}`, async (t) => {
    assert.match(await refusal(t, yaml), /^sidecar\.yaml:\d+: sharing\.nats\./);
    assert.equal((await refusal(t, yaml)).split(": sharing.nats.")[1], expected);
  });
}

test("a password in a URL is refused without being repeated", async (t) => {
  const said = await refusal(t, "servers: ['nats://me:secret@nats:4222']");
  assert.ok(said.includes("servers[0]: its value is not allowed"), said);
});

test("sharing without a key is refused, with a key file it is not", async (t) => {
  const said = await refusal(t, SERVERS, "");
  assert.match(said, /hashKey: is missing; it must be set, or hashKeyFile, where sharing is/);
  const yaml = `hashKeyFile: /key\n${POOL}sharing: {nats: {${SERVERS}}}\n`;
  assert.ok((await load(t, yaml)).sharing);
});

const GOOD_SERVERS = ["nats://10.0.0.1", "tls://nats.nats.svc:65535", "nats://[fd00::7]:4222"];
const BAD_SERVERS = ["nats://a:0", "nats://a:65536", "nats://", "a:4222", "nats://a/b", "ws://a"];

test("which servers are allowed", () => {
  const isAllowed = (server: string): boolean =>
    sharing.safeParse({ nats: { servers: [server] } }).success;
  assert.deepEqual(
    GOOD_SERVERS.filter((server) => !isAllowed(server)),
    [],
  );
  assert.deepEqual(BAD_SERVERS.filter(isAllowed), []);
});

const CREDENTIALS = [
  "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.sig\n------END NATS USER JWT------\n",
  "-----BEGIN USER NKEY SEED-----\nSUAK\n------END USER NKEY SEED------\n",
];

test("files are read whole, and what they lack is said with key and path", async (t) => {
  const folder = await temporaryFolder(t);
  const at = (name: string): string => join(folder, name);
  await writeFile(at("password"), "s3cret\n");
  await writeFile(at("user.creds"), CREDENTIALS.join("\n"));
  await writeFile(at("ca.pem"), "-----BEGIN CERTIFICATE-----\n");
  const read = (nats: object) =>
    readFiles(sharing.parse({ nats: { servers: ["nats://a"], ...nats } }).nats);
  const files = await read({ user: "me", passwordFile: at("password") });
  assert.equal(files.password, "s3cret");
  const withTls = await read({ credentialsFile: at("user.creds"), tls: { caFile: at("ca.pem") } });
  assert.equal(withTls.credentials?.toString(), CREDENTIALS.join("\n"));
  await assert.rejects(read({ user: "me", passwordFile: at("none") }), {
    message: `sharing.nats.passwordFile: ${at("none")}: there is no such file`,
  });
  await assert.rejects(read({ credentialsFile: at("password") }), /must hold a NATS user JWT/);
  await assert.rejects(read({ tls: { caFile: at("password") } }), /tls\.caFile: .*a PEM file/);
});

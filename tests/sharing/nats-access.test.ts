// Who may use a NATS server, and how that is said: users, permissions, accounts, TLS.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeAuthority } from "./support/certificates.js";
import { makeIdentities } from "./support/identities.js";
import {
  configOf,
  eventually,
  type Gateway,
  operate,
  options,
  problemOf,
  startGateway,
  startServer,
} from "./support/nats.js";

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "warmroute-access-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function writeSecret(t: TestContext, content: string): Promise<string> {
  const path = join(await folderOf(t), "secret");
  await writeFile(path, content);
  return path;
}

/** Both ways carry, and nothing is wrong. */
async function assertShares(from: Gateway, to: Gateway): Promise<void> {
  await Promise.all([from.ready(), to.ready()]);
  const [records, loads] = [to.pool.records.length, to.pool.loads.length];
  from.pool.say("record");
  from.pool.sayLoad("load");
  await eventually(to.carrier, "a record", () => to.pool.records.length > records);
  await eventually(to.carrier, "load", () => to.pool.loads.length > loads);
  assert.deepEqual(from.carrier.status.problems, []);
}

/** What docs/sharing.md says a user needs. */
const PERMISSIONS = {
  publish: [
    "warmroute.v1.>",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.INFO.WARMROUTE",
    "$JS.API.STREAM.CREATE.WARMROUTE",
    "$JS.API.CONSUMER.CREATE.WARMROUTE.>",
    "$JS.FC.WARMROUTE.>",
  ],
  subscribe: ["warmroute.v1.load.>", "_INBOX.>"],
};

const user = (name: string, permissions?: object) => ({
  user: name,
  password: "right",
  ...(permissions === undefined ? {} : { permissions }),
});

describe("access to NATS", { ...options, concurrency: 4 }, () => {
  test("a password that is wrong is said, and read again until it is right", async (t) => {
    const server = await startServer(t, { config: { authorization: { users: [user("me")] } } });
    const passwordFile = await writeSecret(t, "wrong\n");
    const gateway = await startGateway(t, configOf(server.url, { user: "me", passwordFile }));
    const address = `127.0.0.1:${server.port}`;
    assert.equal(
      await problemOf(gateway.carrier, /./),
      `NATS at ${address} refuses the user me: check sharing.nats.user and passwordFile.`,
    );
    const without = await startGateway(t, configOf(server.url));
    assert.match(
      await problemOf(without.carrier, /./),
      /refuses a client without credentials: set/,
    );
    // More tries than the two after which the client by itself would give up.
    await sleep(1_500);
    await writeFile(passwordFile, "right\n");
    await gateway.ready();
    assert.deepEqual(gateway.carrier.status.problems, []);
    await rm(passwordFile);
    await server.kill();
    await server.start();
    const problem = await problemOf(gateway.carrier, /passwordFile/);
    assert.equal(problem, `sharing.nats.passwordFile: ${passwordFile}: there is no such file.`);
    await writeFile(passwordFile, "right");
    await gateway.ready();
  });

  test("a user with the permissions that the manual lists shares", async (t) => {
    const users = [user("me", PERMISSIONS)];
    const server = await startServer(t, { config: { authorization: { users } } });
    const passwordFile = await writeSecret(t, "right");
    const config = configOf(server.url, { user: "me", passwordFile });
    const [a, b] = [await startGateway(t, config), await startGateway(t, config)];
    await assertShares(a, b);
    // As many as flow control is needed for.
    const big = Buffer.alloc(100_000);
    for (let count = 0; count < 300; count++) a.pool.sayBytes(big);
    await eventually(b.carrier, "all", () => b.pool.records.length === 301);
    const late = await startGateway(t, config);
    await late.ready();
    assert.equal(late.pool.records.length, 301);
    assert.deepEqual(late.carrier.status.problems, []);
  });

  for (const lacking of [...PERMISSIONS.publish, ...PERMISSIONS.subscribe]) {
    // Without it a consumer stalls only behind more than a test sends.
    if (lacking.startsWith("$JS.FC")) continue;
    test(`a permission that is missing is named: ${lacking}`, async (t) => {
      const permissions = {
        publish: PERMISSIONS.publish.filter((subject) => subject !== lacking),
        subscribe: PERMISSIONS.subscribe.filter((subject) => subject !== lacking),
      };
      const users = [user("me", permissions), user("admin")];
      const server = await startServer(t, { config: { authorization: { users } } });
      if (!lacking.includes("STREAM.CREATE")) {
        const { jsm } = await operate(t, server, { user: "admin", pass: "right" });
        const limits = { max_age: 600e9 };
        await jsm.streams.add({
          name: "WARMROUTE",
          subjects: ["warmroute.v1.records.>"],
          ...limits,
        });
      }
      const passwordFile = await writeSecret(t, "right");
      const config = configOf(server.url, { user: "me", passwordFile });
      const { carrier, pool } = await startGateway(t, config);
      pool.say("record");
      const fixed = lacking.replace(/\.?>$/, "").replaceAll(".", "\\.").replaceAll("$", "\\$");
      await problemOf(carrier, new RegExp(`does not permit our user to \\w+ to ${fixed}`));
      assert.notEqual(carrier.status.server, null);
    });
  }

  test("accounts of one server never hear each other", async (t) => {
    const accounts = {
      ONE: { jetstream: "enabled", users: [user("one")] },
      TWO: { jetstream: "enabled", users: [user("two")] },
    };
    const server = await startServer(t, { config: { accounts } });
    const passwordFile = await writeSecret(t, "right");
    const start = (name: string) =>
      startGateway(t, configOf(server.url, { user: name, passwordFile }));
    const [one, alsoOne, two] = [await start("one"), await start("one"), await start("two")];
    await assertShares(one, alsoOne);
    await two.ready();
    two.pool.say("of two");
    await eventually(two.carrier, "its own", () => two.pool.records.length > 0);
    await assertShares(one, alsoOne);
    assert.deepEqual([two.pool.records, two.pool.loads], [["of two"], []]);
    assert.deepEqual(one.pool.records, ["record", "record"]);
  });

  test("nor do installations with prefixes of their own", async (t) => {
    const server = await startServer(t);
    const start = (name: string) => {
      const stream = { name: name.toUpperCase() };
      return startGateway(t, configOf(server.url, { subjectPrefix: name, stream }));
    };
    const [one, alsoOne, two] = [await start("one"), await start("one"), await start("two")];
    await two.ready();
    await assertShares(one, alsoOne);
    await assertShares(alsoOne, one);
    assert.deepEqual([two.pool.records, two.pool.loads], [[], []]);
  });

  test("credentials of accounts with signed tokens; those of a stranger are refused", async (t) => {
    const identities = makeIdentities(["ONE", "TWO"]);
    const server = await startServer(t, { config: identities.config });
    const start = async (credentials: string) => {
      const credentialsFile = await writeSecret(t, credentials);
      return startGateway(t, configOf(server.url, { credentialsFile }));
    };
    const one = await start(identities.credentials("ONE"));
    const alsoOne = await start(identities.credentials("ONE"));
    const two = await start(identities.credentials("TWO"));
    await two.ready();
    await assertShares(one, alsoOne);
    assert.deepEqual([two.pool.records, two.pool.loads], [[], []]);
    const stranger = await start(makeIdentities(["ONE"]).credentials("ONE"));
    assert.match(await problemOf(stranger.carrier, /./), /^NATS at .* refuses the credentials in /);
  });

  test("credentials that expire are read again, and refused until they are new", async (t) => {
    const identities = makeIdentities(["ONE"]);
    const server = await startServer(t, { config: identities.config });
    const credentialsFile = await writeSecret(t, identities.credentials("ONE", 2));
    const gateway = await startGateway(t, configOf(server.url, { credentialsFile }));
    const { carrier } = gateway;
    await gateway.ready();
    assert.match(await problemOf(carrier, /refuses/), /refuses the credentials in /);
    assert.ok(carrier.status.disconnects > 0);
    await writeFile(credentialsFile, identities.credentials("ONE"));
    await gateway.ready();
    assert.deepEqual(carrier.status.problems, []);
  });

  test("TLS with an authority of its own, and a certificate of ours", async (t) => {
    const folder = await folderOf(t);
    const authority = await makeAuthority(join(folder, "ours"));
    const other = await makeAuthority(join(folder, "other"));
    const { certFile, keyFile } = await authority.sign("server", "DNS:localhost,IP:127.0.0.1");
    const ours = await authority.sign("client", "DNS:client");
    const theirs = await other.sign("client", "DNS:client");
    const wrongName = await authority.sign("elsewhere", "DNS:elsewhere");
    const tls = { cert_file: certFile, key_file: keyFile, ca_file: authority.caFile };
    const server = await startServer(t, { config: { tls: { ...tls, verify: true } } });
    const open = await startServer(t);
    const wrong = await startServer(t, {
      config: { tls: { cert_file: wrongName.certFile, key_file: wrongName.keyFile } },
    });
    const start = (url: string, files: object) => startGateway(t, configOf(url, { tls: files }));
    const { caFile } = authority;
    const good = await start(`tls://127.0.0.1:${server.port}`, { caFile, ...ours });
    const byName = await start(`nats://localhost:${server.port}`, { caFile, ...ours });
    await assertShares(good, byName);

    const told = async (url: string, files: object): Promise<string> => {
      const { carrier } = await start(url, files);
      const problem = await problemOf(carrier, /./);
      assert.equal(carrier.status.server, null);
      return problem.replace(/(127\.0\.0\.1|localhost):\d+/, "HERE");
    };
    const untrusted =
      "NATS at HERE shows a certificate that we do not trust: name the authority that signed it " +
      "in sharing.nats.tls.caFile.";
    assert.equal(await told(server.url, { caFile: other.caFile, ...ours }), untrusted);
    assert.equal(await told(server.url, {}), untrusted);
    const refused =
      "NATS at HERE ends the connection while TLS begins: it may want another " +
      "sharing.nats.tls.certFile and keyFile, or one at all.";
    assert.equal(await told(server.url, { caFile, ...theirs }), refused);
    assert.equal(await told(server.url, { caFile }), refused);
    assert.equal(
      await told(open.url, { caFile }),
      "NATS at HERE offers no TLS, and the configuration requires it.",
    );
    assert.equal(
      await told(wrong.url, { caFile }),
      "NATS at HERE shows a certificate of another name: sharing.nats.servers must hold a name " +
        "that is in it.",
    );
  });
});

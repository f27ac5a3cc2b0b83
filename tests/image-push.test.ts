// Pushing an image: names, logins, what is sent, and what a person reads when a registry says no.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { writeImage } from "../scripts/image/layout.js";
import { policyLines } from "../scripts/image/policy-lines.js";
import { parseChallenge } from "../scripts/registry/challenge.js";
import { RegistryClient } from "../scripts/registry/client.js";
import { findLogin } from "../scripts/registry/credentials.js";
import { pushImage, type Pushed } from "../scripts/registry/push.js";
import { apiOrigin, parseReference } from "../scripts/registry/reference.js";
import { startFakeRegistry, type RegistryOptions } from "./fixtures/fake-registry.js";

const folder = mkdtempSync(join(tmpdir(), "warmroute-push-"));
after(() => rmSync(folder, { recursive: true }));

const LOGIN = "robot:s3cret:with:colons";
const NO_CONFIG = { DOCKER_CONFIG: join(folder, "none") };

describe("image references", () => {
  const good: [text: string, registry: string, repository: string, tag: string][] = [
    ["ghcr.io/warmroute/filter:0.1.0", "ghcr.io", "warmroute/filter", "0.1.0"],
    ["127.0.0.1:5000/filter:v1", "127.0.0.1:5000", "filter", "v1"],
    ["[::1]:5000/a/b_c/d--e:_T.1-x", "[::1]:5000", "a/b_c/d--e", "_T.1-x"],
    ["localhost/f:1", "localhost", "f", "1"],
  ];
  for (const [text, registry, repository, tag] of good) {
    test(text, () => assert.deepEqual(parseReference(text), { registry, repository, tag }));
  }

  const bad: [text: string, message: RegExp][] = [
    ["filter:1", /must be HOST\[:PORT\]\/PATH:TAG/],
    ["warmroute/filter:1", /"warmroute" is no registry's host/],
    ["https://ghcr.io/filter:1", /no URL/],
    ["ghcr.io/filter", /no tag/],
    ["ghcr.io/filter:", /tag "" is not/],
    ["ghcr.io/filter:-1", /tag "-1" is not/],
    [`ghcr.io/filter:${"t".repeat(129)}`, /is not 1 to 128/],
    ["ghcr.io/filter@sha256:00", /push to a tag/],
    ["ghcr.io/Filter:1", /"Filter" of the path/],
    ["ghcr.io/a//b:1", /"" of the path/],
    ["ghcr.io/a..b:1", /"a\.\.b" of the path/],
    ["ghcr.io:0/a:1", /port 0 is not/],
    ["ghcr.io:65536/a:1", /port 65536 is not/],
    ["ghcr_io.x/a:1", /no host name/],
    ["ghcr.io/a b:1", /white space/],
    [`ghcr.io/${"a".repeat(256)}:1`, /longer than 255/],
  ];
  for (const [text, message] of bad) {
    test(`refused: ${text.slice(0, 40)}`, () => {
      assert.throws(() => parseReference(text), { message });
    });
  }

  test("plain HTTP goes to loopback, and elsewhere only when asked for", () => {
    assert.equal(apiOrigin("127.0.0.1:5000", false), "http://127.0.0.1:5000");
    assert.equal(apiOrigin("[::1]:5000", false), "http://[::1]:5000");
    assert.equal(apiOrigin("localhost:5000", false), "http://localhost:5000");
    assert.equal(apiOrigin("ghcr.io", false), "https://ghcr.io");
    assert.equal(apiOrigin("GHCR.io:443", false), "https://ghcr.io");
    assert.equal(apiOrigin("127.example:5000", false), "https://127.example:5000");
    assert.equal(apiOrigin("10.0.0.1:5000", true), "http://10.0.0.1:5000");
    assert.equal(apiOrigin("docker.io", false), "https://registry-1.docker.io");
  });
});

describe("logins", () => {
  const config = (name: string, content: object | string): { DOCKER_CONFIG: string } => {
    mkdirSync(join(folder, name));
    const text = typeof content === "string" ? content : JSON.stringify(content);
    writeFileSync(join(folder, name, "config.json"), text);
    return { DOCKER_CONFIG: join(folder, name) };
  };
  const auth = Buffer.from(LOGIN).toString("base64");
  const login = { username: "robot", password: "s3cret:with:colons" };

  test("by host, by URL, and docker.io by its old name", () => {
    const auths = { "ghcr.io": { auth }, "https://x.example:5000/v2/": { auth } };
    const env = config("auths", { auths: { ...auths, "https://index.docker.io/v1/": { auth } } });
    for (const host of ["ghcr.io", "x.example:5000", "docker.io"]) {
      assert.deepEqual(findLogin(host, undefined, env).login, login);
    }
    assert.equal(findLogin("x.example", undefined, env).login, null);
  });

  test("name and password in two fields", () => {
    const env = config("fields", { auths: { "ghcr.io": login } });
    assert.deepEqual(findLogin("ghcr.io", undefined, env).login, login);
  });

  test("a credential helper is named and not asked", () => {
    const env = config("helper", { auths: { "ghcr.io": {} }, credsStore: "desktop" });
    const found = findLogin("ghcr.io", undefined, env);
    assert.equal(found.login, null);
    assert.match(found.source, /helper "desktop".*--username/);
  });

  test("no file is no login; a file that is no JSON is named without its content", () => {
    assert.equal(findLogin("ghcr.io", undefined, NO_CONFIG).login, null);
    const env = config("broken", `{"auths": ${auth}`);
    assert.throws(() => findLogin("ghcr.io", undefined, env), {
      message: /config\.json is no JSON$/,
    });
  });

  test("--username takes its password from the environment, and wins", () => {
    const env = { ...NO_CONFIG, WARMROUTE_REGISTRY_PASSWORD: "p" };
    const { login: found } = findLogin("ghcr.io", "me", env);
    assert.deepEqual(found, { username: "me", password: "p" });
    assert.throws(() => findLogin("ghcr.io", "me", NO_CONFIG), {
      message: /WARMROUTE_REGISTRY_PASSWORD/,
    });
  });
});

describe("challenges", () => {
  test("the specification's example", () => {
    const header =
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",' +
      'scope="repository:samalba/my-app:pull,push"';
    assert.deepEqual(parseChallenge(header), {
      scheme: "bearer",
      realm: "https://auth.docker.io/token",
      service: "registry.docker.io",
      scope: "repository:samalba/my-app:pull,push",
    });
  });

  test("basic, none, and one without a realm", () => {
    assert.deepEqual(parseChallenge('Basic realm="x"'), { scheme: "basic" });
    assert.equal(parseChallenge(undefined), null);
    assert.equal(parseChallenge("Bearer service=x"), null);
    assert.deepEqual(parseChallenge(["Negotiate", 'basic realm="x"']), { scheme: "basic" });
  });
});

describe("pushing", () => {
  const image = join(folder, "image");
  const digest = writeImage(Buffer.from("a module"), image);

  interface Outcome {
    registry: Awaited<ReturnType<typeof startFakeRegistry>>;
    push: (login?: string) => Promise<Pushed>;
  }

  /** A registry and a push of the image to it as `w/filter:1`. */
  async function setUp(options: RegistryOptions): Promise<Outcome> {
    const registry = await startFakeRegistry(options);
    after(() => registry.close());
    const reference = parseReference(`${registry.host}/w/filter:1`);
    const push = async (text?: string): Promise<Pushed> => {
      const [username = "", ...rest] = text?.split(":") ?? [];
      const login = text === undefined ? null : { username, password: rest.join(":") };
      const origin = apiOrigin(registry.host, false);
      const scope = "repository:w/filter:pull,push";
      const client = new RegistryClient(origin, { login, source: "the test" }, scope);
      try {
        return await pushImage(image, reference, client);
      } finally {
        await client.close();
      }
    };
    return { registry, push };
  }

  test("blobs first, then the manifest; a second push sends the manifest alone", async () => {
    const { registry, push } = await setUp({});
    assert.deepEqual(await push(), { digest, sentCount: 2, keptCount: 0 });
    assert.equal(registry.blobs.size, 2);
    const manifest = registry.manifests.get("w/filter:1");
    assert.equal(manifest?.type, "application/vnd.oci.image.manifest.v1+json");
    assert.equal(registry.requests.at(-1), "PUT /v2/w/filter/manifests/1");
    registry.requests.length = 0;
    assert.deepEqual(await push(), { digest, sentCount: 0, keptCount: 2 });
    assert.deepEqual(
      registry.requests.map((line) => line.split(" ")[0]),
      ["HEAD", "HEAD", "PUT"],
    );
  });

  test("a login by Basic", async () => {
    const { push } = await setUp({ auth: "basic", login: LOGIN });
    assert.equal((await push(LOGIN)).digest, digest);
  });

  test("a token by Bearer, for this repository, asked for once", async () => {
    const { registry, push } = await setUp({ auth: "bearer", login: LOGIN });
    assert.equal((await push(LOGIN)).digest, digest);
    assert.deepEqual(
      registry.tokenQueries.map((query) => [query.get("service"), query.get("scope")]),
      [["the registry", "repository:w/filter:pull,push"]],
    );
  });

  test("a login is not shown to the storage that a registry leads to", async () => {
    const storage = await startFakeRegistry();
    after(() => storage.close());
    const { registry, push } = await setUp({ auth: "basic", login: LOGIN, storage });
    assert.deepEqual(await push(LOGIN), { digest, sentCount: 2, keptCount: 0 });
    assert.deepEqual(storage.authorizations, [undefined, undefined]);
    assert.ok(registry.authorizations.slice(1).every((one) => one?.startsWith("Basic ")));
  });

  const refused: [title: string, options: RegistryOptions, login: string | undefined, RegExp][] = [
    ["no login", { auth: "basic", login: LOGIN }, undefined, /answered 401 to HEAD .*\(the test\)/],
    [
      "a wrong password",
      { auth: "basic", login: LOGIN },
      "robot:no",
      /401 .*\(as robot, from the test\)/,
    ],
    [
      "a wrong password for a token",
      { auth: "bearer", login: LOGIN },
      "robot:no",
      /no token \(401\)/,
    ],
    [
      "no right to push",
      {
        fault: { on: /^POST/, status: 403, body: '{"errors":[{"code":"DENIED","message":"no"}]}' },
      },
      LOGIN,
      /403 to POST \/v2\/w\/filter\/blobs\/uploads\/: DENIED no \(as robot/,
    ],
    [
      "a proxy's page",
      { fault: { on: /^PUT .*manifests/, status: 502, body: "<h1>Bad\n gateway</h1>" } },
      LOGIN,
      /502 to PUT \/v2\/w\/filter\/manifests\/1: <h1>Bad gateway<\/h1>$/,
    ],
    ["another digest", { manifestDigest: "sha256:0" }, LOGIN, /stored sha256:0, not sha256:/],
  ];
  for (const [title, options, login, message] of refused) {
    test(`refused: ${title}`, async () => {
      const { push } = await setUp(options);
      await assert.rejects(push(login), (error: Error) => {
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /s3cret|:no\b/);
        return true;
      });
    });
  }

  test("refused: nobody listens", async () => {
    const { registry, push } = await setUp({});
    registry.close();
    await assert.rejects(push(), { message: /cannot be reached: ECONNREFUSED/ });
  });

  test("the lines to paste name the image, its digest and a vm_id of its own", () => {
    const lines = policyLines(parseReference("ghcr.io/w/f:1"), `sha256:${"ab".repeat(32)}`);
    assert.match(lines, /\n {4}url: ghcr\.io\/w\/f:1\n {4}sha256: "(ab){32}"\n/);
    assert.match(lines, /\nfilterImage: ghcr\.io\/w\/f:1\nfilterDigest: "(ab){32}"\n/);
    assert.match(lines, /value: warmroute-(ab){32}$/);
  });
});

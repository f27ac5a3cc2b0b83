// The command itself: exit codes, signals, and the one line it says when it cannot start.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { listen, page, serve, temporaryFolder, until } from "./support/support.js";

const MAIN = join(import.meta.dirname, "../../sidecar-metrics/src/main.js");

interface Command {
  child: ChildProcess;
  output: () => string;
  exit: Promise<number | null>;
}

function run(test: TestContext, args: string[], variables: Record<string, string> = {}): Command {
  const env = { PATH: process.env["PATH"] ?? "", ...variables };
  const child = spawn(process.execPath, [MAIN, ...args], { env });
  test.after(() => child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exit = once(child, "close").then(([code]) => code as number | null);
  return { child, output: () => output, exit };
}

async function writeConfig(test: TestContext, port: number, podPort = 1): Promise<string> {
  const file = join(await temporaryFolder(test), "sidecar.yaml");
  const pool = { name: "a", pods: { static: [`127.0.0.1:${podPort}`] } };
  await writeFile(file, JSON.stringify({ listen: { port }, pools: [pool] }));
  return file;
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} stops it cleanly, also while a pod hangs`, async (t) => {
    const podPort = await serve(t, () => {});
    const { child, output, exit } = run(t, ["--config", await writeConfig(t, 0, podPort)]);
    await until("listening", () => /"port":(\d+)[^}]*listening/.test(output()));
    const port = /"port":(\d+)/.exec(output())?.[1];
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/healthz`)).text(), "ok\n");
    child.kill(signal);
    assert.equal(await exit, 0);
    for (const line of output().trim().split("\n")) JSON.parse(line);
  });
}

test("the environment alone is a configuration", async (t) => {
  const podPort = await serve(t, (_, response) => response.end(page(5)));
  const { output } = run(t, [], {
    WARMROUTE_LISTEN_PORT: "0",
    WARMROUTE_POOLS_0_NAME: "a",
    WARMROUTE_POOLS_0_PODS_STATIC: `127.0.0.1:${podPort}`,
    WARMROUTE_NONSENSE: "1",
  });
  await until("listening", () => output().includes("listening"));
  assert.match(output(), /WARMROUTE_NONSENSE is no key: ignored/);
  const port = /"port":(\d+)/.exec(output())?.[1];
  const url = `http://127.0.0.1:${port}/v1/pools`;
  await until("the pod's load", async () =>
    (await (await fetch(url)).text()).includes('"waiting":5'),
  );
});

test("a port that is taken: exit 2 and one line that names it", async (t) => {
  const port = await listen(t, createServer());
  const { output, exit } = run(t, ["--config", await writeConfig(t, port)], {
    WARMROUTE_LOG_LEVEL: "silent",
  });
  assert.equal(await exit, 2);
  assert.equal(output(), `warmroute-sidecar: listen.port: port ${port} of 127.0.0.1 is taken\n`);
});

test("a refused configuration: exit 2 and one line", async (t) => {
  const { output, exit } = run(t, ["--config", await writeConfig(t, 99_999)]);
  assert.equal(await exit, 2);
  assert.match(output(), /^warmroute-sidecar: \S+:1: listen\.port: 99999 is not allowed; .*\n$/);
});

test("files named by the configuration that are not there: exit 2 and one line each", async (t) => {
  const config = await writeConfig(t, 0);
  const cases: [Record<string, string>, RegExp][] = [
    [{ WARMROUTE_HASH_KEY_FILE: "/no/key" }, /hashKeyFile: \/no\/key: there is no such file\n$/],
    [{ WARMROUTE_HASH_KEY_FILE: config }, /content must be 32 hexadecimal characters\n$/],
    [
      { WARMROUTE_POOLS_0_TLS_CA_FILE: "/no/ca" },
      /tls\.caFile: \/no\/ca: there is no such file\n$/,
    ],
  ];
  for (const [variables, text] of cases) {
    const { output, exit } = run(t, ["--config", config], {
      ...variables,
      WARMROUTE_LOG_LEVEL: "silent",
    });
    assert.equal(await exit, 2);
    assert.match(output(), text);
    assert.equal(output().split("\n").length, 2);
  }
});

test("--check reads the files that are named", async (t) => {
  const config = await writeConfig(t, 0);
  const cases: [Record<string, string>, RegExp][] = [
    [{ WARMROUTE_HASH_KEY_FILE: config }, /hashKeyFile: \S+: its content must be 32 hex.*\n$/],
    [{ WARMROUTE_POOLS_0_TLS_CA_FILE: "/no/ca" }, /pool a: tls\.caFile: \/no\/ca: there is no/],
    [{ WARMROUTE_POOLS_0_BEARER_TOKEN_FILE: "/no/t" }, /a: bearerTokenFile: \/no\/t: there is no/],
    [{ WARMROUTE_POOLS_0_BEARER_TOKEN_FILE: process.execPath }, /bearerTokenFile: .*larger than/],
  ];
  for (const [variables, text] of cases) {
    const { output, exit } = run(t, ["--check", "--config", config], variables);
    assert.equal(await exit, 2);
    assert.match(output(), text);
    assert.equal(output().split("\n").length, 2);
  }
});

test("a listen.host that is unknown: exit 2 and one line that names it", async (t) => {
  const { output, exit } = run(t, ["--config", await writeConfig(t, 0)], {
    WARMROUTE_LISTEN_HOST: "nowhere.invalid",
    WARMROUTE_LOG_LEVEL: "silent",
  });
  assert.equal(await exit, 2);
  assert.equal(output(), "warmroute-sidecar: listen.host: the name nowhere.invalid is unknown\n");
});

test("--check checks and --keys prints, without starting", async (t) => {
  const checked = run(t, ["--check", "--config", await writeConfig(t, 0)]);
  assert.equal(await checked.exit, 0);
  assert.equal(checked.output(), "the configuration is good\n");
  const keys = run(t, ["--keys"]);
  assert.equal(await keys.exit, 0);
  assert.match(keys.output(), /\| `listen\.port` \| 9110 \|/);
});

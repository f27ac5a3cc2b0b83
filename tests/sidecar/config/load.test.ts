// Configuration: what is refused, in the very words that the reader gets.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadConfig } from "../../../sidecar-metrics/src/config/load.js";
import { temporaryFolder } from "../support/support.js";

type Variables = Record<string, string>;

async function load(test: TestContext, yaml: string, variables: Variables = {}) {
  const file = join(await temporaryFolder(test), "sidecar.yaml");
  await writeFile(file, yaml);
  return loadConfig(file, variables);
}

/** The error's text, without the folder of the file. */
async function refusal(
  test: TestContext,
  yaml: string,
  variables: Variables = {},
): Promise<string> {
  const error = await load(test, yaml, variables).then(
    () => assert.fail("was not refused"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Error);
  assert.ok(!error.message.includes("\n"), "one line");
  return error.message.replace(/^\S*\/sidecar\.yaml/, "sidecar.yaml");
}

const POOL = "pools:\n  - name: a\n    pods: {static: ['10.0.0.1:80']}\n";

test("defaults", async (t) => {
  const { config } = await load(t, POOL);
  assert.deepEqual(config.listen, { host: "127.0.0.1", port: 9110 });
  assert.deepEqual(config.scrape, {
    intervalMs: 50,
    timeoutMs: 500,
    concurrency: 64,
    maxBytes: 4_194_304,
    budgetPerSecond: 1_000,
  });
  assert.equal(config.pools[0]?.engine, "vllm");
  assert.equal(config.pools[0]?.metricsPath, "/metrics");
});

test("pods as strings and as objects, IPv6 in the one spelling", async (t) => {
  const { config } = await load(
    t,
    `pools:
  - name: a
    pods:
      static:
        - "[FD00:0:0::7]:8000"
        - {address: "10.0.0.1:80", scheme: https, metricsPort: 9400, draining: true}`,
  );
  assert.deepEqual(config.pools[0]?.pods.static, [
    { address: "[fd00::7]:8000", draining: false },
    { address: "10.0.0.1:80", scheme: "https", metricsPort: 9_400, draining: true },
  ]);
});

const ADDRESS =
  "an IP and a port, as 10.0.0.7:8000 or [fd00::7]:8000 (Envoy takes no host name here)";

const POOLS = "a list of 1 to 64 pools, absent only where there is kubernetes";

const REFUSED: [string, string, string][] = [
  [
    "a number out of range",
    `listen:\n  port: 99999\n${POOL}`,
    "sidecar.yaml:2: listen.port: 99999 is not allowed; it must be a whole number from 0 to 65535",
  ],
  [
    "a text where a number belongs",
    `scrape:\n  timeoutMs: 1s\n${POOL}`,
    'sidecar.yaml:2: scrape.timeoutMs: "1s" is not allowed; ' +
      "it must be a whole number from 10 to 60000",
  ],
  [
    "an unknown key",
    `${POOL}    metricPath: /m\n`,
    "sidecar.yaml:4: pools[0].metricPath: there is no such key",
  ],
  [
    "a missing key",
    "pools:\n  - pods: {file: pods.yaml}\n",
    "sidecar.yaml:2: pools[0].name: is missing; it must be 1 to 63 of A-Z a-z 0-9 . _ / -",
  ],
  ["no pools", "listen: {}\n", `sidecar.yaml:1: pools: is missing; it must be ${POOLS}`],
  ["an empty file", "", `sidecar.yaml:1: pools: is missing; it must be ${POOLS}`],
  [
    "a list instead of keys",
    "- a\n",
    'sidecar.yaml:1: ["a"] is not allowed; it must be an object with keys of listen, logLevel, ' +
      "hashKey, hashKeyFile, statusPage, metrics, scrape, kubernetes, sharing, pools",
  ],
  [
    "a host name as pod",
    `${POOL.replace("10.0.0.1:80", "vllm-0:80")}`,
    'sidecar.yaml:3: pools[0].pods.static[0].address: "vllm-0:80" is not allowed; ' +
      `it must be ${ADDRESS}`,
  ],
  [
    "a port beyond 65535",
    `${POOL.replace(":80'", ":65536'")}`,
    'sidecar.yaml:3: pools[0].pods.static[0].address: "10.0.0.1:65536" is not allowed; ' +
      `it must be ${ADDRESS}`,
  ],
  [
    "a pod twice",
    `${POOL.replace("['10.0.0.1:80']", "['[::1]:80', '[0::1]:80']")}`,
    'sidecar.yaml:3: pools[0].pods.static[1]: "[0::1]:80" is not allowed; it must be an address ' +
      "that is listed once",
  ],
  [
    "two sources of pods",
    `${POOL.replace("static:", "file: x, static:")}`,
    'sidecar.yaml:3: pools[0].pods: {"file":"x","static":["10.0.0.1:80"]} is not allowed; ' +
      "it must be an object with exactly one of static, file, kubernetes",
  ],
  [
    "a pool twice",
    `${POOL}  - name: a\n    pods: {file: x}\n`,
    'sidecar.yaml:4: pools[1].name: "a" is not allowed; it must be a name that no other pool has',
  ],
  [
    "an unknown engine",
    `${POOL}    engine: llama\n`,
    'sidecar.yaml:4: pools[0].engine: "llama" is not allowed; it must be one of vllm',
  ],
  [
    "a bad hash key, which is not repeated",
    `hashKey: 0123secret\n${POOL}`,
    "sidecar.yaml:1: hashKey: its value is not allowed; it must be 32 hexadecimal characters",
  ],
  [
    "two hash keys",
    `hashKey: ${"0".repeat(31)}a\nhashKeyFile: k\n${POOL}`,
    'sidecar.yaml:2: hashKeyFile: "k" is not allowed; it must be absent where hashKey is set',
  ],
  [
    "broken YAML",
    "pools:\n  - name: [a\n",
    "sidecar.yaml:3: Flow sequence in block collection must be sufficiently indented " +
      "and end with a ]",
  ],
  [
    "an alias of nothing",
    "pools: *nope\n",
    "sidecar.yaml: Unresolved alias (the anchor must be set before the alias): nope",
  ],
  [
    "aliases that grow without end",
    `a: &a [${"x,".repeat(10)}]\nb: &b [${"*a,".repeat(10)}]\nc: &c [${"*b,".repeat(10)}]\n` +
      "pools: [*c, *c]\n",
    "sidecar.yaml: Excessive alias count indicates a resource exhaustion attack",
  ],
  [
    "an alias of what it stands in",
    "pools: &all [*all]\n",
    "sidecar.yaml:1: pools[0]: an alias inside of what it stands for is not allowed; " +
      "it must be an object with keys of name, engine, routingStrategy, modelName, scheme, " +
      "metricsPath, metricsPort, modelsPath, tls, bearerTokenFile, models, objectives, closed, " +
      "pods",
  ],
  ["a key twice", `${POOL}pools: []\n`, "sidecar.yaml:4: Map keys must be unique"],
];

for (const [name, yaml, text] of REFUSED) {
  test(`refused: ${name}`, async (t) => assert.equal(await refusal(t, yaml), text));
}

test("a file that is not there", async () => {
  await assert.rejects(loadConfig("no/such.yaml", {}), {
    message: "no/such.yaml: there is no such file",
  });
});

test("environment variables win over the file", async (t) => {
  const { config, unknownVariables } = await load(t, POOL, {
    WARMROUTE_LISTEN_PORT: "8123",
    WARMROUTE_STATUS_PAGE: "false",
    WARMROUTE_POOLS_0_MODEL_NAME: "m",
    WARMROUTE_POOLS_0_TLS_INSECURE_SKIP_VERIFY: "true",
    WARMROUTE_PORT_9110_TCP_ADDR: "10.0.0.1",
    WARMROUTE_SIDECAR_SERVICE_HOST: "10.0.0.1",
    WARMROUTE_CONFIG: "x",
    WARMROUTE_LISTEN_PROT: "1",
    PATH: "/bin",
  });
  assert.equal(config.listen.port, 8_123);
  assert.equal(config.statusPage, false);
  assert.equal(config.pools[0]?.modelName, "m");
  assert.equal(config.pools[0]?.tls.insecureSkipVerify, true);
  assert.deepEqual(unknownVariables, ["WARMROUTE_LISTEN_PROT"]);
});

test("environment variables alone", async () => {
  const { config } = await loadConfig(null, {
    WARMROUTE_HASH_KEY: "00112233445566778899aabbccddeeff",
    WARMROUTE_SCRAPE_BUDGET_PER_SECOND: "7",
    WARMROUTE_POOLS_0_NAME: "a",
    WARMROUTE_POOLS_0_PODS_STATIC: "10.0.0.1:80, [fd00::1]:80",
    WARMROUTE_POOLS_1_NAME: "b",
    WARMROUTE_POOLS_1_PODS_FILE: "/etc/pods.yaml",
  });
  assert.equal(config.scrape.budgetPerSecond, 7);
  assert.deepEqual(
    config.pools[0]?.pods.static?.map(({ address }) => address),
    ["10.0.0.1:80", "[fd00::1]:80"],
  );
  assert.deepEqual(config.pools[1]?.pods, { file: "/etc/pods.yaml" });
});

const REFUSED_VARIABLES: [Variables, string][] = [
  [
    { WARMROUTE_LISTEN_PORT: "many" },
    'WARMROUTE_LISTEN_PORT: listen.port: "many" is not allowed; ' +
      "it must be a whole number from 0 to 65535",
  ],
  [
    { WARMROUTE_METRICS: "yes" },
    'WARMROUTE_METRICS: metrics: "yes" is not allowed; it must be true or false',
  ],
  [
    { WARMROUTE_POOLS_0_PODS_STATIC: "localhost:1" },
    'WARMROUTE_POOLS_0_PODS_STATIC: pools[0].pods.static[0].address: "localhost:1" ' +
      `is not allowed; it must be ${ADDRESS}`,
  ],
];

for (const [variables, text] of REFUSED_VARIABLES) {
  test(`a refused variable is named: ${Object.keys(variables)[0]}`, async (t) => {
    assert.equal(await refusal(t, POOL, variables), text);
  });
}

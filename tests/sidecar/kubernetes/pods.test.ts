// Which pods become endpoints, which of them may be picked, and how they are scraped.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findEndpoints } from "../../../sidecar-metrics/src/discovery/kubernetes/pods.js";
import { pod, type PodParts } from "./objects.js";

const SPEC = { selector: { app: "p" }, ports: [8000] };
const DEFAULTS = { scheme: "http", metricsPath: "/metrics" } as const;

/** `address` of those that may be picked, `-address` of others, in the order of the list. */
function addresses(pods: PodParts[], spec = SPEC): string {
  const { pods: found } = findEndpoints(pods.map(pod), spec, DEFAULTS);
  return found.map(({ address, isDraining }) => (isDraining ? "-" : "") + address).join(" ");
}

const WORKER = "leaderworkerset.sigs.k8s.io/worker-index";

const CASES: [string, PodParts[], string][] = [
  ["a ready one", [{}], "10.0.0.1:8000"],
  ["one that is not ready", [{ ready: "False" }], "-10.0.0.1:8000"],
  ["one of which the node is silent", [{ ready: "Unknown" }], "-10.0.0.1:8000"],
  ["one that leaves, ready still", [{ isLeaving: true }], "-10.0.0.1:8000"],
  ["one without an IP", [{ ips: [] }], ""],
  ["one that has succeeded", [{ phase: "Succeeded", ready: "False" }], ""],
  ["one that has failed, evicted for example", [{ phase: "Failed" }], ""],
  ["one with other labels", [{ labels: { app: "q" } }], ""],
  ["one with more labels", [{ labels: { app: "p", pod: "1" } }], "10.0.0.1:8000"],
  ["a leader of a group", [{ labels: { app: "p", [WORKER]: "0" } }], "10.0.0.1:8000"],
  ["a worker of a group", [{ labels: { app: "p", [WORKER]: "1" } }], ""],
  ["IPv6", [{ ips: ["FD00:0:0::7"] }], "[fd00::7]:8000"],
  ["the first of two families", [{ ips: ["fd00::7", "10.0.0.7"] }], "[fd00::7]:8000"],
  ["an IP that is none", [{ ips: ["10.0.0"] }], ""],
  [
    "those that may be picked first, then by name",
    [
      { name: "a", ips: ["10.0.0.3"], ready: "False" },
      { name: "c", ips: ["10.0.0.1"] },
      { name: "b", ips: ["10.0.0.2"] },
    ],
    "10.0.0.2:8000 10.0.0.1:8000 -10.0.0.3:8000",
  ],
  [
    "one address of two pods: the ready one's",
    [{ name: "old", isLeaving: true }, { name: "new" }],
    "10.0.0.1:8000",
  ],
];

for (const [what, pods, expected] of CASES) {
  test(`endpoints: ${what}`, () => assert.equal(addresses(pods), expected));
}

test("each port is an endpoint; an empty selector selects nothing", () => {
  assert.equal(addresses([{}], { ...SPEC, ports: [80, 81] }), "10.0.0.1:80 10.0.0.1:81");
  assert.equal(addresses([{}], { ...SPEC, selector: {} as never }), "");
});

test("of two pods at one address neither of which may be picked, the younger is it", () => {
  const older = pod({ name: "older", ready: "False", created: "2026-01-01T00:00:00Z" });
  const younger = pod({ name: "younger", ready: "False", created: "2026-01-01T00:00:01Z" });
  for (const pods of [
    [older, younger],
    [younger, older],
  ]) {
    const [found] = findEndpoints(pods, SPEC, DEFAULTS).pods;
    assert.deepEqual([found?.podName, found?.uid], ["younger", "uid-younger"]);
  }
});

const ANNOTATED: [string, Record<string, string>, object][] = [
  ["none", {}, { scheme: "http", metricsPath: "/metrics", metricsPort: null }],
  [
    "the seeds' own",
    { path: "/own", port: "9400", scrape: "true" },
    { metricsPath: "/own", metricsPort: 9400 },
  ],
  [
    "not for Prometheus, for us all the same",
    { scrape: "false", path: "/m" },
    { metricsPath: "/m" },
  ],
  ["a path without its slash", { path: "metrics/v1" }, { metricsPath: "/metrics/v1" }],
  ["https", { scheme: "https" }, { scheme: "https" }],
  [
    "empty ones",
    { path: "", port: "", scheme: "" },
    { metricsPath: "/metrics", metricsPort: null },
  ],
];

for (const [what, annotations, expected] of ANNOTATED) {
  test(`prometheus.io annotations: ${what}`, () => {
    const { pods, problems } = annotated(annotations);
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual((pods[0] as unknown as Record<string, unknown>)[key], value);
    }
    assert.deepEqual(problems, []);
  });
}

function annotated(
  annotations: Record<string, string>,
  spec = SPEC,
  defaults: Parameters<typeof findEndpoints>[2] = DEFAULTS,
) {
  const prefixed = Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [`prometheus.io/${key}`, value]),
  );
  return findEndpoints([pod({ annotations: prefixed })], spec, defaults);
}

test("a bad annotation is named, and the pool's setting used", () => {
  for (const port of ["0", "65536", "99999", "http", "08", "1e3", " 80"]) {
    const { pods, problems } = annotated({ port });
    assert.equal(pods[0]?.metricsPort, null);
    const said = `Pod default/a: annotation prometheus.io/port: ${JSON.stringify(port)} is not`;
    assert.ok(problems[0]?.startsWith(said), problems[0]);
  }
  assert.equal(annotated({ port: "65535" }).pods[0]?.metricsPort, 65_535);
  assert.equal(annotated({ scheme: "ftp" }).problems.length, 1);
  assert.equal(annotated({ path: "/a b" }).problems.length, 1);
});

test("many pods with one fault are one problem", () => {
  const annotations = { "prometheus.io/port": "x" };
  const pods = ["a", "b", "c"].map((name) =>
    pod({ name, annotations, ips: [`10.0.0.${name.charCodeAt(0)}`] }),
  );
  const { problems } = findEndpoints(pods, SPEC, DEFAULTS);
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /^3 pods \(default\/a first\): annotation/);
});

test("with several ports each endpoint shows its own metrics", () => {
  const { pods } = annotated({ port: "9400" }, { ...SPEC, ports: [80, 81] });
  assert.deepEqual(
    pods.map(({ metricsPort }) => metricsPort),
    [null, null],
  );
});

test("a pod cannot talk a pool out of TLS", () => {
  const { pods } = annotated({ scheme: "http" }, SPEC, { ...DEFAULTS, scheme: "https" });
  assert.equal(pods[0]?.scheme, "https");
});

// What is kept of objects, and how the API server's troubles read.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  byAge,
  slimCustom,
  slimPod,
} from "../../../sidecar-metrics/src/discovery/kubernetes/objects.js";
import { describeTroubles } from "../../../sidecar-metrics/src/discovery/kubernetes/troubles.js";
import { custom, rawPod } from "./objects.js";

test("of a pod what counts is kept, and nothing else", () => {
  const annotations = { "prometheus.io/port": "1", "example.com/large": "x" };
  assert.deepEqual(slimPod(rawPod({ annotations })), {
    metadata: {
      name: "a",
      namespace: "default",
      uid: "uid-a",
      resourceVersion: "7",
      creationTimestamp: "2026-01-01T00:00:00Z",
      deletionTimestamp: null,
      labels: { app: "p" },
      annotations: { "prometheus.io/port": "1" },
    },
    phase: "Running",
    ips: ["10.0.0.1"],
    isReady: true,
  });
});

test("the IP of an old API server; objects with nothing in them", () => {
  assert.deepEqual(slimPod({ status: { podIP: "10.0.0.9" } }).ips, ["10.0.0.9"]);
  for (const nothing of [null, 7, "x", [], {}, { metadata: null, status: 7 }]) {
    const pod = slimPod(nothing);
    assert.deepEqual([pod.ips, pod.isReady, pod.metadata.name], [[], false, ""]);
    assert.equal(slimCustom(nothing, "v", "k").metadata.uid, "");
  }
});

test("the last applied configuration is not held twice", () => {
  const applied = "kubectl.kubernetes.io/last-applied-configuration";
  const annotations = { [applied]: "{}", kept: "1" };
  assert.deepEqual(custom("K", {}, { annotations }).metadata.annotations, { kept: "1" });
});

test("objects by age, and of one second by name", () => {
  const of = (name: string, second: number) =>
    custom("K", {}, { name, created: `2026-01-01T00:00:0${second}Z` });
  const sorted = [of("c", 1), of("b", 1), of("d", 0)].sort(byAge);
  assert.deepEqual(
    sorted.map(({ metadata }) => metadata.name),
    ["d", "b", "c"],
  );
});

test("an API server that is silent is one problem, its refusals one each", () => {
  const resource = { name: "pods", namespace: "default" };
  const trouble = (statusCode: number | null, message: string, sinceUnixMs = 0) => ({
    resource,
    trouble: { statusCode, message, sinceUnixMs },
  });
  const texts = (...all: Parameters<typeof describeTroubles>[1]) => [
    ...describeTroubles("https://10.0.0.1", all, 1_767_225_661_000).values(),
  ];
  // 2026-01-01 00:00:01 UTC.
  const since = 1_767_225_601_000;
  const silent = trouble(null, "connect ECONNREFUSED", since);
  assert.deepEqual(texts(silent, trouble(null, "later", since + 1_000)), [
    "The Kubernetes API server https://10.0.0.1 does not answer since 2026-01-01 00:00:01 UTC " +
      "(60 s): connect ECONNREFUSED. Pods, pools and models stay as they were last known.",
  ]);
  assert.deepEqual(texts(trouble(403, "pods is forbidden")), [
    "pods in namespace default: not permitted; a role with the verbs list and watch is missing " +
      "(403: pods is forbidden).",
  ]);
  assert.match(texts(trouble(401, "Unauthorized"))[0] ?? "", /does not accept our credentials/);
  assert.match(texts(trouble(500, "oops"))[0] ?? "", /answers with an error \(500: oops\)\.$/);
  assert.deepEqual(texts(trouble(404, "not there"), { resource: null, trouble: null }), []);
});

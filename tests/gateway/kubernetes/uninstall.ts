// Uninstalling: the Gateway first, then `kubectl delete -k` takes back what `apply -k` brought.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { GATEWAY_NAMESPACE } from "../support/addresses.js";
import { tryKubectl } from "../support/kubectl.js";
import { ROOT } from "../support/tools.js";
import { until } from "./client.js";
import { get, stopWorld } from "./the-world.js";

const KINDS = [
  ...["gatewayclass", "gateway", "httproute", "envoyproxy", "clienttrafficpolicy"],
  ...["backendtrafficpolicy", "envoyextensionpolicy", "envoypatchpolicy", "networkpolicy"],
  ...["role", "rolebinding"],
];

describe("uninstalling", () => {
  after(stopWorld);

  test("the Gateway's Deployment and Service go with it", async () => {
    // First and alone: when its class goes at the same time, Envoy Gateway 1.9.1 finds no class
    // any more and leaves both behind.
    await get().rig.kubectl(["delete", "gateway/inference-gateway", "--namespace", "default"]);
    await until("the gateway takes them away", async () => {
      const paths = ["apis/apps/v1/namespaces", "api/v1/namespaces"];
      const kinds = ["deployments", "services"];
      const lists = paths.map((path, i) =>
        get().rig.api.items(`/${path}/${GATEWAY_NAMESPACE}/${kinds[i]}`),
      );
      return (await Promise.all(lists)).flat().length === 0;
    });
  });

  test("and nothing of the manifests is left", async () => {
    const { rig } = get();
    await rig.kubectl(["delete", "--ignore-not-found", "-k", join(ROOT, "manifests/base")]);
    const args = ["get", KINDS.join(","), "--all-namespaces", "-o", "name"];
    const { stdout } = await tryKubectl(rig.server.kubeconfigPath, args);
    const left = stdout.split("\n").filter((line) => /warmroute|inference-gateway/.test(line));
    assert.deepEqual(left, []);
  });
});

// Both articles' files, migrated, applied to a real API server and Envoy Gateway, and asked by
// their own curl commands.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../../../lab/processes.js";
import { send, type Answer } from "../../e2e/support/rig.js";
import { GATEWAY_NAMESPACE } from "../support/addresses.js";
import type { Received } from "../support/model-pod.js";
import {
  addressCommand,
  curlsOf,
  migrateArticle,
  withModel,
  type Article,
  type Curl,
} from "./articles.js";
import { startCluster, untilAnswered, untrue, type MigrationCluster } from "./cluster.js";

const DESTINATION = "x-gateway-destination-endpoint";
const GATEWAY_API = "/apis/gateway.networking.k8s.io/v1";
const ENVOY_API = "/apis/gateway.envoyproxy.io/v1alpha1";
/** Kinds that Envoy Gateway writes conditions for. */
const PATHS = [
  ...["gatewayclasses", "gateways", "httproutes"].map((kind) => `${GATEWAY_API}/${kind}`),
  ...["backendtrafficpolicies", "clienttrafficpolicies"].map((kind) => `${ENVOY_API}/${kind}`),
  ...["envoyextensionpolicies", "envoypatchpolicies"].map((kind) => `${ENVOY_API}/${kind}`),
];
const QWQ_FILES = ["vllm", "gateway", "inference-pool", "inference-model", "benchmark"];
const QWEN_FILES = ["inference-pool", "inference-gateway", "benchmark"];

describe("the articles' files, migrated and applied", () => {
  let cluster: MigrationCluster | undefined;
  const get = (): MigrationCluster => cluster as MigrationCluster;

  before(async () => {
    cluster = await startCluster();
  });
  after(async () => {
    await cluster?.rig.stop();
  });

  /** The Gateway's address, by the article's own command; "" while it has none. */
  const addressOf = (article: Article): Promise<string> =>
    get().rig.kubectl(addressCommand(article));

  const ask = async (article: Article, curl: Curl, port: number, body = curl.body) =>
    await send(`http://${await addressOf(article)}:${port}${curl.path}`, body);

  const received = ({ pod }: Answer): Received => {
    const found = get().rig.modelPods.get(`default/${pod}`)?.received.at(-1);
    assert.ok(found !== undefined, `no pod ${pod}`);
    return found;
  };

  describe("QwQ-32B", () => {
    const [curl] = curlsOf("qwq") as [Curl];
    const named = curl.body.replace('"qwq"', '"qwq-32b"');

    test("as the article has it, port 8080 answers 500: nothing deploys its Service", async () => {
      const { yaml, stderr } = await migrateArticle("qwq", QWQ_FILES, get().filter);
      assert.match(stderr, /Service default\/vllm-llama2-7b-pool is not in the files/);
      const applied = withModel(yaml, "qwq-32b", "qwq-32b");
      await get().rig.kubectl(["apply", "-f", "-"], applied);
      const isThere = async (): Promise<boolean> => (await addressOf("qwq")) !== "";
      await until("the Gateway has an address", isThere, 60_000);
      const answer = (): Promise<Answer> => ask("qwq", curl, 8080);
      await untilAnswered("8080 answers", get().rig, answer, ({ status }) => status === 500);
    });

    test("its curl through 8081: qwq is asked for, and a pod gets qwq-32b", async () => {
      assert.equal(curl.port, null, "the article forgot the port");
      const answer = await untilAnswered(
        "8081 answers",
        get().rig,
        () => ask("qwq", curl, 8081),
        (one) => one.status === 200 && received(one).headers[DESTINATION] !== undefined,
      );
      assert.equal((JSON.parse(answer.body.toString()) as { model: string }).model, "qwq-32b");
      const { body, headers } = received(answer);
      assert.deepEqual(JSON.parse(body.toString()), {
        ...(JSON.parse(curl.body) as object),
        model: "qwq-32b",
      });
      assert.equal(headers["content-length"], String(body.length));
    });

    test("without a port, as the article has it, nothing answers", async () => {
      await assert.rejects(ask("qwq", curl, 80));
    });

    test("with --service, port 8080 serves the model by its own name, and not by qwq", async () => {
      const more = ["--service", "vllm-llama2-7b-pool=qwq-32b-v1"];
      const { yaml, stderr } = await migrateArticle("qwq", QWQ_FILES, get().filter, more);
      assert.doesNotMatch(stderr, /is not in the files/);
      await get().rig.kubectl(["apply", "-f", "-"], withModel(yaml, "qwq-32b", "qwq-32b"));
      const answer = await untilAnswered(
        "8080 answers",
        get().rig,
        () => ask("qwq", curl, 8080, named),
        ({ status }) => status === 200,
      );
      assert.equal(received(answer).headers[DESTINATION], undefined);
      assert.equal((await ask("qwq", curl, 8080)).status, 404);
    });

    test("then Envoy Gateway takes every object, and says so", async () => {
      for (const path of PATHS) {
        const wrong = (): Promise<string> => untrue(get().rig, path);
        await until(`${path} are taken`, async () => (await wrong()) === "", 30_000);
      }
    });

    test("the benchmark's model name goes through 8081 too, another one is 404", async () => {
      assert.equal((await ask("qwq", curl, 8081, named)).status, 200);
      const unknown = curl.body.replace('"qwq"', '"qwq-33b"');
      const answer = await ask("qwq", curl, 8081, unknown);
      assert.equal(answer.status, 404);
      assert.equal(answer.pod, "", "the filter answers, and no pod is asked");
    });
  });

  describe("DeepSeek-R1-Distill-Qwen-7B", () => {
    const curls = curlsOf("qwen");

    test("its files are applied beside the other article's", async () => {
      const { yaml } = await migrateArticle("qwen", QWEN_FILES, get().filter);
      await get().rig.kubectl(["apply", "-f", "-"], `${LOST_FILE}---\n${yaml}`);
      const isThere = async (): Promise<boolean> => (await addressOf("qwen")) !== "";
      await until("the Gateway has an address", isThere, 60_000);
    });

    for (const [index, port] of [8080, 8081].entries()) {
      test(`its curl through ${port}: the body comes to a pod byte by byte`, async () => {
        const curl = curls[index] as Curl;
        assert.equal(curl.port, port);
        const isRouted = (one: Answer): boolean =>
          one.status === 200 &&
          (received(one).headers[DESTINATION] !== undefined) === (port === 8081);
        const send = (): Promise<Answer> => ask("qwen", curl, port);
        const answer = await untilAnswered(`${port} answers`, get().rig, send, isRouted);
        assert.equal(received(answer).body.toString(), curl.body);
        const { model } = JSON.parse(answer.body.toString()) as { model: string };
        assert.equal(model, "/model/qwen");
      });
    }

    test("the article's labels find the gateway's Service", async () => {
      const owner = "gateway.envoyproxy.io/owning-gateway";
      const labels = `${owner}-namespace=default,${owner}-name=qwen-inference-gateway`;
      const path = "jsonpath={.items[0].spec.clusterIP}";
      const args = ["get", "svc", "-n", GATEWAY_NAMESPACE, "-l", labels, "-o", path];
      assert.match(await get().rig.kubectl(args), /^\d+\.\d+\.\d+\.\d+$/);
    });

    test("Envoy Gateway takes every object of both articles", async () => {
      for (const path of PATHS) {
        const wrong = (): Promise<string> => untrue(get().rig, path);
        await until(`${path} are taken`, async () => (await wrong()) === "", 30_000);
      }
    });

    test("and the first article's Gateway still serves its own pool", async () => {
      const [curl] = curlsOf("qwq") as [Curl];
      const answer = await ask("qwq", curl, 8081);
      assert.equal(answer.status, 200);
      assert.match(answer.pod, /^qwq-32b-/);
    });
  });
});

/** `vllm-service.yaml`, whose text the article lost: what its other files say of it. */
const LOST_FILE = `apiVersion: apps/v1
kind: Deployment
metadata: {name: qwen, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: qwen}}
  template:
    metadata: {labels: {app: qwen}, annotations: {test/model: /model/qwen}}
    spec: {containers: [{name: vllm, image: vllm, ports: [{containerPort: 8000}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: qwen, namespace: default}
spec: {selector: {app: qwen}, ports: [{port: 8000, targetPort: 8000}]}
`;

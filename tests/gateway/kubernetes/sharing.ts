// Several replicas with the component sharing, over a real NATS: what one learns the others know.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { request } from "undici";
import { NatsServer } from "../../../lab/nats.js";
import { prose, send, type Answer } from "../../e2e/support/rig.js";
import { CONTROL_ADDRESS, GATEWAY_NAMESPACE } from "../support/addresses.js";
import type { ContainerPod } from "../support/container-pod.js";
import type { KubeObject } from "../support/kube-api.js";
import type { JsonPatch } from "../support/overlay.js";
import { CHAT, POOL, shortChat } from "../support/world.js";
import { cachedTokens, until } from "./client.js";
import { get } from "./the-world.js";

const NATS_PORT = 4222;
/** Long enough that its prefill outweighs that another pod is a little less busy. */
const TEXT_BYTES = 24_000;
/** Each is asked of a newcomer once: the second time it would know it from the first. */
const TEXTS = Array.from({ length: 12 }, (_, i) => prose(`before it came ${i}`, TEXT_BYTES));
const DEBUG: JsonPatch = {
  target: { kind: "EnvoyExtensionPolicy", name: "warmroute" },
  operations: [{ op: "add", path: "/spec/wasm/0/config/debugHeaders", value: true }],
};

// Set by build.sh, which asked before the suite left the machine's network.
const {
  NATS_SERVER_BIN: program,
  WARMROUTE_SHARING_SKIP: cannot,
  WARMROUTE_SHARING_PROBLEM: problem = "NATS_SERVER_BIN is not set",
} = process.env;
const options = program === undefined ? { skip: cannot ?? problem } : {};
if ("skip" in options) console.log(`figure: replicas that share, skipped: ${options.skip}`);

interface SharingView {
  sharing: { name: string; isAlone: boolean } | null;
  pools: { name: string; sharing: { gateways: { name: string }[] } }[];
}

const nameOf = (pod: ContainerPod): string => pod.options.pod.metadata.name;

const viewOf = async (pod: ContainerPod): Promise<SharingView> => {
  const { body } = await request(`http://${pod.address}:9110/v1/pools`);
  return (await body.json()) as SharingView;
};

/** Sends a chat to one replica. */
const ask = (pod: ContainerPod, text: string): Promise<Answer> =>
  send(`http://${pod.address}:8081${CHAT}`, shortChat(text));

/** A replica that the prompt has not come to before sends it to the pod that holds it. */
const isKnown = (answer: Answer, holder: string): boolean =>
  answer.decision.reason === "prefix" && answer.pod === holder && cachedTokens(answer) > 0;

describe("replicas that share", options, () => {
  let nats: NatsServer | undefined;
  let replicas: ContainerPod[] = [];
  const apply = async (count: number): Promise<void> => {
    const natsServer = `nats://${CONTROL_ADDRESS}:${NATS_PORT}`;
    const settings = { gatewayReplicas: String(count), natsServer, natsStreamReplicas: "1" };
    await get().apply({ components: ["sharing"], settings, patches: [DEBUG] });
  };
  /** Those that run and are of the newest kind, oldest first. */
  const untilRun = async (count: number): Promise<void> => {
    await until(`${count} replicas share`, () => {
      const { errors } = get().rig.kubelet;
      if (errors.length > 0) throw new Error(get().rig.problems());
      replicas = get().rig.envoyPods.filter(({ options: { pod } }) =>
        pod.spec.initContainers?.some(({ env = [] }) =>
          env.some(({ name }) => name === "WARMROUTE_SHARING_NAME"),
        ),
      );
      return replicas.length === count;
    });
  };

  before(async () => {
    if (program === undefined) return;
    const config = { host: CONTROL_ADDRESS };
    nats = await NatsServer.start({ program, port: NATS_PORT, config });
    await apply(2);
    await untilRun(2);
  });
  after(async () => {
    await nats?.remove();
  });

  test("each hears the other, by the name of its pod", async () => {
    const [a, b] = replicas as [ContainerPod, ContainerPod];
    for (const [pod, other] of [
      [a, b],
      [b, a],
    ] as const) {
      await until(`${nameOf(pod)} hears ${nameOf(other)}`, async () => {
        const { sharing, pools } = await viewOf(pod);
        assert.equal(sharing?.name, nameOf(pod));
        const pool = pools.find(({ name }) => name === POOL);
        return pool?.sharing.gateways.some(({ name }) => name === nameOf(other)) === true;
      });
      assert.equal((await viewOf(pod)).sharing?.isAlone, false);
    }
  });

  test("a prompt that one has learnt is known to the other", async () => {
    const [a, b] = replicas as [ContainerPod, ContainerPod];
    let count = 0;
    // What the other does not know yet it learns by being asked: each time another prompt.
    await until("the other knows a prompt", async () => {
      const text = prose(`learnt by one ${count++}`, TEXT_BYTES);
      const { pod } = await ask(a, text);
      await until("the record is on its way", async () => isKnown(await ask(a, text), pod));
      return isKnown(await ask(b, text), pod);
    });
  });

  test("a replica that comes later knows what they had learnt", async () => {
    const [a] = replicas as [ContainerPod, ContainerPod];
    const learnt = await Promise.all(
      TEXTS.map(async (text) => ({ text, holder: (await ask(a, text)).pod })),
    );
    await apply(3);
    await untilRun(3);
    const newcomer = replicas[2] as ContainerPod;
    await until("the newcomer knows one of the prompts", async () => {
      const next = learnt.shift();
      if (next === undefined) throw new Error("the newcomer knew none of them");
      return isKnown(await ask(newcomer, next.text), next.holder);
    });
  });

  test("one of them at a time may be taken away", async () => {
    type Budget = KubeObject & { spec: { maxUnavailable?: number } };
    const path = `/apis/policy/v1/namespaces/${GATEWAY_NAMESPACE}/poddisruptionbudgets`;
    const budgets = await get().rig.api.items<Budget>(path);
    assert.deepEqual(
      budgets.map(({ spec }) => spec.maxUnavailable),
      [1],
    );
  });
});

// Answers through a real Envoy: not a byte of them changes, and each request's load is given back.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { until } from "../../lab/processes.js";
import { startEchoPod, type EchoPod } from "./support/echo-pod.js";
import { chat, prose, send, startRig, untilKnown, type Rig } from "./support/rig.js";

const CHAT = "/v1/chat/completions";
const IN_FLIGHT = "wasmcustom.warmroute_in_flight";

describe("answers", () => {
  let pods: EchoPod[];
  let rig: Rig;
  let url: string;

  before(async () => {
    pods = [await startEchoPod("a"), await startEchoPod("b")];
    rig = await startRig([{ name: "default", pods: pods.map((pod) => pod.address) }]);
    url = (rig.urls[0] as string) + CHAT;
  });
  after(async () => {
    await rig.stop();
    for (const pod of pods) await pod.close();
  });

  /** The filter hands its counts to Envoy once a tick. */
  const untilInFlight = (count: number): Promise<void> =>
    until(`${count} in flight`, async () => ((await rig.envoy.stat(IN_FLIGHT)) ?? 0) === count);

  test("a stream of events reaches the client byte for byte, however it is cut", async () => {
    const events = [
      'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n',
      ...Array.from(
        { length: 40 },
        (_, i) => `data: {"choices":[{"delta":{"content":"wörd ${i} 🙂"}}]}\n\n`,
      ),
      'data: {"choices":[],"usage":{"prompt_tokens":512,"completion_tokens":40}}\n\n',
      "data: [DONE]\n\n",
    ];
    const whole = Buffer.from(events.join(""));
    for (const pod of pods) {
      pod.handle((_, response) => {
        response.setHeader("content-type", "text/event-stream; charset=utf-8");
        // Headers first, as vLLM sends them before prefill; then pieces of 1, 2, 3, ... bytes.
        response.flushHeaders();
        void (async () => {
          for (let at = 0, size = 1; at < whole.length; at += size, size = (size % 97) + 1) {
            response.write(whole.subarray(at, at + size));
            await sleep(1);
          }
          response.end();
        })();
      });
    }
    const answer = await send(url, chat(prose("stream", 2000), { stream: true }));
    assert.deepEqual(answer.body, whole);
    await untilInFlight(0);
  });

  test("a compressed answer passes as it is, and its load is given back", async () => {
    const packed = gzipSync(Buffer.from('{"usage":{"prompt_tokens":5}}'));
    for (const pod of pods) {
      pod.handle((_, response) => {
        response.setHeader("content-type", "application/json");
        response.setHeader("content-encoding", "gzip");
        response.end(packed);
      });
    }
    const answer = await send(url, chat("zip"), { "accept-encoding": "gzip" });
    assert.deepEqual(answer.body, packed);
    await untilInFlight(0);
  });

  test("a client that goes away in mid-stream frees the pod and the load", async () => {
    let isCut = false;
    for (const pod of pods) {
      pod.handle((_, response) => {
        response.setHeader("content-type", "text/event-stream");
        const timer = setInterval(() => response.write('data: {"choices":[]}\n\n'), 5);
        response.on("close", () => {
          clearInterval(timer);
          isCut = true;
        });
      });
    }
    const body = chat(prose("leaver", 1000), { stream: true });
    const socket = connect(rig.ports[0] as number, "127.0.0.1");
    const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
    socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    await new Promise((resolve) => socket.once("data", resolve));
    await untilInFlight(1);
    socket.destroy();
    await until("the pod saw the client leave", () => isCut);
    await untilInFlight(0);
  });

  test("a client that goes away before its body is whole leaves nothing behind", async () => {
    const socket = connect(rig.ports[0] as number, "127.0.0.1");
    const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
    socket.write(`${head}content-length: 10000\r\n\r\n{"model":"m","messages":[`);
    await sleep(100);
    socket.destroy();
    await sleep(100);
    await untilInFlight(0);
  });

  test("what the pod counts as prompt tokens becomes what the filter expects", async () => {
    // 2 bytes a token, where the filter starts from 4.
    for (const pod of pods) {
      pod.handle((received, response) => {
        const tokens = Math.round((received.bytes - chat("").length) / 2);
        const usage = { prompt_tokens: tokens, completion_tokens: 1, prompt_tokens_details: null };
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ usage }));
      });
    }
    for (let i = 0; i < 40; i++) await send(url, chat(prose(`count ${i}`, 8000)));
    await untilKnown(url, chat(prose("counted", 8000)));
    const { decision } = await send(url, chat(prose("counted", 8000)));
    // Within a tenth: the start still has weight, and checkpoints end before the last byte.
    assert.ok(
      Math.abs(decision.cached - 4000) < 400,
      `cached ${decision.cached}, expected near 4000`,
    );
  });

  test("errors of a pod reach the client as they are, and are no cached prefix", async () => {
    for (const pod of pods) {
      pod.handle((_, response) => {
        response.writeHead(400, { "content-type": "application/json" });
        response.end('{"error":{"message":"too long"}}');
      });
    }
    const body = chat(prose("refused", 3000));
    const first = await send(url, body);
    assert.deepEqual(
      [first.status, first.body.toString()],
      [400, '{"error":{"message":"too long"}}'],
    );
    // Each time both workers have heard that it was taken back.
    for (let i = 0; i < 8; i++) {
      await sleep(50);
      assert.equal((await send(url, body)).decision.reason, "cold");
    }
    await untilInFlight(0);
  });
});

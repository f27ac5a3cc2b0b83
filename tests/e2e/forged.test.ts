// What only the filter says, on a real Envoy: clients and pods that say it too are not heard.
import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { until } from "../../lab/processes.js";
import { answerOk, startEchoPod, type EchoPod } from "./support/echo-pod.js";
import { answerOf, chat, send, startRig, type Answer, type Rig } from "./support/rig.js";
import type { TablePool } from "./support/table-server.js";

const CHAT = "/v1/chat/completions";
const DESTINATION = "x-gateway-destination-endpoint";
const DECISION = "x-warmroute-decision";
const LIE = "pod=6.6.6.6:1;reason=prefix;cached=1;eta=0";
const JSON_TYPE = "content-type: application/json";
const BODY = chat("hello");
const ANSWER_TIMEOUT_MS = 10_000;
/** Chance sends all of them to one of three pods less than once in a million runs. */
const LARGE_REQUESTS = 14;

interface RawRequest {
  title: string;
  /** Method and path; POST of the chat when absent. */
  line?: string;
  /** FORGED stands for the pod that nobody may choose. */
  headers: string[];
  /** Null: none. */
  body?: string | null;
  trailers?: string[];
}

const NAMES = [DESTINATION, "X-Gateway-Destination-Endpoint", DESTINATION.toUpperCase()];
const FORGED: RawRequest[] = [
  ...NAMES.map((name) => ({ title: name, headers: [JSON_TYPE, `${name}: FORGED`] })),
  { title: "twice", headers: [JSON_TYPE, `${DESTINATION}: FORGED`, `${DESTINATION}: FORGED`] },
  { title: "a list", headers: [JSON_TYPE, `${DESTINATION}: FORGED,FORGED, FORGED`] },
  {
    title: "an empty one first",
    headers: [JSON_TYPE, `${DESTINATION}:`, `${DESTINATION}: FORGED`],
  },
  { title: "as a trailer", headers: [JSON_TYPE], trailers: [`${DESTINATION}: FORGED`] },
  {
    title: "named by Connection",
    headers: [`connection: ${DESTINATION}`, `${DESTINATION}: FORGED`],
  },
  { title: "GET", line: "GET /v1/models", headers: [`${DESTINATION}: FORGED`], body: null },
  { title: "an unknown path", line: "POST /v2/x", headers: [`${DESTINATION}: FORGED`] },
  { title: "compressed", headers: [JSON_TYPE, "content-encoding: gzip", `${DESTINATION}: FORGED`] },
  { title: "broken JSON", headers: [JSON_TYPE, `${DESTINATION}: FORGED`], body: "{" },
  {
    title: "an upgrade",
    line: "GET /v1/realtime",
    headers: ["upgrade: websocket", "connection: upgrade", `${DESTINATION}: FORGED`],
    body: null,
  },
];

describe("forged headers", () => {
  let pods: EchoPod[];
  let forbidden: EchoPod;
  let rig: Rig;
  let tables: Map<string, TablePool>;
  /** The listener with decisions shown, and the one without. */
  let [shown, hidden] = ["", ""];

  before(async () => {
    pods = [await startEchoPod("a"), await startEchoPod("b")];
    forbidden = await startEchoPod("c");
    const all = [...pods, forbidden].map((pod) => pod.address);
    const listed = { pods: pods.map((pod) => pod.address) };
    tables = new Map(["shown", "hidden"].map((name) => [name, listed]));
    const config = { modelHeader: "x-model" };
    const listener = { upgrades: true };
    rig = await startRig(
      ["shown", "hidden"].map((name) => ({ name, pods: all, config, listener })),
      tables,
    );
    // The rig waits for decisions that are shown, so they are turned off only now.
    const listeners = [
      rig.listener(0, config),
      withLargeHeaders(rig.listener(1, { ...config, debugHeaders: false })),
    ];
    assert.equal(await rig.envoy.pushListeners(listeners), "accepted");
    [shown, hidden] = rig.urls as [string, string];
    await until("decisions are hidden", async () => {
      for (let i = 0; i < 6; i++) {
        if (DECISION in (await send(`${hidden}/health`, null)).headers) return false;
      }
      return true;
    });
    // Before the first table Envoy's own policy decides among all.
    forbidden.received.length = 0;
  });
  after(async () => {
    await rig.stop();
    for (const pod of [...pods, forbidden]) await pod.close();
  });

  for (const request of FORGED) {
    test(`a client cannot choose a pod: ${request.title}`, async () => {
      for (const port of rig.ports) {
        for (let i = 0; i < 4; i++) {
          const answer = await ask(port, request);
          assert.ok(answer.status < 300, `${answer.status}`);
          assert.ok(["", "a", "b"].includes(answer.pod), answer.pod);
        }
      }
      assert.equal(forbidden.received.length, 0);
      for (const { headers } of pods.flatMap((pod) => pod.received)) {
        assert.notEqual(headers[DESTINATION], forbidden.address);
      }
    });
  }

  function ask(port: number, request: RawRequest): Promise<Answer> {
    return askRaw(port, request, forbidden.address);
  }

  test("nor over HTTP/2, nor by a trailer there", async () => {
    const session = connectHttp2(shown);
    try {
      for (let i = 0; i < 8; i++) {
        const stream = session.request(
          {
            ":method": "POST",
            ":path": i % 2 === 0 ? CHAT : "/v2/x",
            "content-type": "application/json",
            [DESTINATION]: [forbidden.address, forbidden.address],
          },
          { waitForTrailers: true },
        );
        stream.on("wantTrailers", () => stream.sendTrailers({ [DESTINATION]: forbidden.address }));
        stream.end(BODY);
        await new Promise((resolve, reject) => stream.on("error", reject).on("response", resolve));
        stream.resume();
      }
    } finally {
      session.destroy();
    }
    assert.equal(forbidden.received.length, 0);
  });

  test("nor the header that tells routes the model", async () => {
    for (const body of [BODY, "{", null]) {
      const answer = await send(shown + CHAT, body, { "X-Model": "dear" });
      assert.equal(answer.status, 200);
    }
    const told = pods.flatMap((pod) => pod.received).map(({ headers }) => headers["x-model"]);
    assert.ok(told.includes("m"));
    assert.ok(!told.includes("dear"));
  });

  test("nor with headers so large that the filter cannot read them", async () => {
    const filler = Array.from({ length: 80 }, (_, i) => `x-filler-${i}: ${"z".repeat(60_000)}`);
    const headers = [JSON_TYPE, `${DESTINATION}: FORGED`, ...filler];
    // Without a pod that may be picked nothing overwrites what the client sent.
    const listed = tables.get("hidden")!;
    tables.set("hidden", { pods: [] });
    const fallback = "wasmcustom.warmroute_decisions_fallback_no_endpoint";
    try {
      await until("no pod is listed", async () => {
        await send(hidden + CHAT, BODY);
        return ((await rig.envoy.stat(fallback)) ?? 0) > 0;
      });
      const before = await asked(rig, forbidden);
      for (let i = 0; i < LARGE_REQUESTS; i++) {
        const answer = await ask(rig.ports[1] as number, { title: "", headers });
        // The pod's own limit; 503 where it hangs up while Envoy still sends.
        assert.ok([431, 503].includes(answer.status), `${answer.status}`);
      }
      // Envoy's own policy takes any of the three; a header that got through, always this one.
      assert.ok((await asked(rig, forbidden)) - before < LARGE_REQUESTS);
    } finally {
      tables.set("hidden", listed);
    }
  });

  test("a pod's decision header is not shown as ours, nor at all where none is", async () => {
    for (const pod of pods) {
      pod.handle((received, response) => {
        response.setHeader(DECISION, [LIE, "second"]);
        response.setHeader("X-Warmroute-Decision", [LIE, "second"]);
        answerOk(received, response);
      });
    }
    for (const [path, body] of [
      [CHAT, BODY],
      [CHAT, "{"],
      ["/v2/x", BODY],
      ["/v1/models", null],
    ] as const) {
      const answer = await send(shown + path, body, { [DECISION]: LIE });
      assert.match(String(answer.headers[DECISION]), /^pod=127\.0\.0\.1:\d+;reason=[a-z-]+;/);
      const silent = await send(hidden + path, body, { [DECISION]: LIE });
      assert.equal(silent.status, 200);
      assert.ok(!(DECISION in silent.headers), String(silent.headers[DECISION]));
    }
  });

  test("answers of the filter and of Envoy itself show no decision either", async () => {
    const [compressed] = FORGED.filter(({ title }) => title === "compressed");
    const answers = [await ask(rig.ports[1] as number, compressed as RawRequest)];
    // All three: the pods may just have been listed again, and Envoy's policy takes any of them.
    for (const pod of [...pods, forbidden]) pod.handle((_, response) => response.destroy());
    answers.push(await send(hidden + CHAT, BODY));
    assert.equal(answers[1]?.status, 503);
    for (const { headers } of answers) assert.ok(!(DECISION in headers));
  });
});

/** Requests that Envoy sent to a pod by the listener `hidden`. */
async function asked(rig: Rig, { address }: EchoPod): Promise<number> {
  const lines = (await rig.envoy.get("/clusters")).split("\n");
  const line = lines.find((one) => one.startsWith(`hidden::${address}::rq_total::`));
  assert.ok(line !== undefined, "Envoy knows the pod");
  return Number(line.split("::").at(-1));
}

/** Envoy's own limit is 60 KiB; this is the most that it can be given. */
function withLargeHeaders(listener: ReturnType<Rig["listener"]>): typeof listener {
  const large = '"max_request_headers_kb":8192,"common_http_protocol_options":' + LARGE_COUNT;
  const text = JSON.stringify(listener).replace('"codec_type"', `${large},"codec_type"`);
  return JSON.parse(text) as typeof listener;
}

const LARGE_COUNT = '{"max_headers_count":1000}';

/** Sends a request as it is written, and reads the head of its answer. */
async function askRaw(port: number, request: RawRequest, forged: string): Promise<Answer> {
  const { line = `POST ${CHAT}`, body = BODY, trailers } = request;
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error("no answer in time")));
  const lengths =
    body === null
      ? []
      : [trailers === undefined ? `content-length: ${body.length}` : "transfer-encoding: chunked"];
  const head = [`${line} HTTP/1.1`, "host: llm.example", ...lengths, ...request.headers];
  const text =
    trailers === undefined || body === null
      ? (body ?? "")
      : `${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailers.join("\r\n")}\r\n\r\n`;
  socket.write(`${head.join("\r\n")}\r\n\r\n${text}`.replaceAll("FORGED", forged));
  try {
    let seen = "";
    for await (const chunk of socket) {
      seen += (chunk as Buffer).toString("latin1");
      if (seen.includes("\r\n\r\n")) break;
    }
    const [statusLine = "", ...lines] = (seen.split("\r\n\r\n")[0] ?? "").split("\r\n");
    const headers = Object.fromEntries(
      lines.map((one) => [
        one.slice(0, one.indexOf(":")).toLowerCase(),
        one.slice(one.indexOf(":") + 1).trim(),
      ]),
    );
    return answerOf(Number(statusLine.split(" ")[1]), headers, Buffer.alloc(0));
  } finally {
    socket.destroy();
  }
}

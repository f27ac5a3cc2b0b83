// Thousands of streams and idle connections at a time: none is lost, others are served beside them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePorts, LOOPBACK } from "../../lab/ports.js";
import { start, until, type Child } from "../../lab/processes.js";
import { residentMiB } from "../../lab/resident-memory.js";
import { percentile } from "../../lab/summary.js";
import { startRig, type Rig } from "../e2e/support/rig.js";
import type { ManyResult } from "./support/many-connections-main.js";
import { msUntilIdle } from "./support/observe.js";
import { promise } from "./support/promise-table.js";
import { shortChats } from "./support/prompts.js";
import { startSteadyLoad, unixMs, type SteadyLoad } from "./support/steady-load.js";
import type { Tally } from "./support/tally.js";

const STREAMS = 2_000;
const IDLE = 10_000;
/** Files that a process may open: those of Envoy, both sides of a stream among them, and some. */
const FILES_NEEDED = IDLE + 2 * STREAMS + 1_000;
const EVENT_EVERY_MS = 1_000;
const OPEN_MS_MAX = 120_000;
const BASE_MS = 3_000;

const main = (name: string): string =>
  fileURLToPath(new URL(`./support/${name}-main.js`, import.meta.url));

describe("at a time", () => {
  let pods: Child;
  let rig: Rig;
  let load: SteadyLoad;
  let clients: Child | null = null;

  before(async () => {
    const ports = await freePorts(4);
    pods = await start({
      name: "stream pods",
      command: process.execPath,
      args: [main("stream-pods"), "--ports", ports.join()].concat(
        argsOf({ "interval-ms": EVENT_EVERY_MS, together: STREAMS }),
      ),
      readyUrl: `http://${LOOPBACK}:${ports[3]}/health`,
    });
    const addresses = ports.map((port) => `${LOOPBACK}:${port}`);
    rig = await startRig([{ name: "default", pods: addresses, listener: { retries: 2 } }]);
  });
  after(async () => {
    await load.stop(0);
    await clients?.stop();
    await rig.stop();
    await pods.stop();
  });

  test("2,000 streams and 10,000 idle connections: no error", async (context) => {
    const files = Number(execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }));
    if (files < FILES_NEEDED) {
      context.skip(
        `a process may open ${files} files here, ${FILES_NEEDED} are needed (ulimit -Hn)`,
      );
      return;
    }
    load = startSteadyLoad({ urls: rig.urls, body: shortChats() });
    await sleep(BASE_MS);
    const aloneMs = unixMs();
    const rssBefore = Math.round(residentMiB(rig.envoy.pid));
    clients = await start({
      name: "many connections",
      command: process.execPath,
      args: [main("many-connections")].concat(
        argsOf({ port: rig.ports[0], streams: STREAMS, idle: IDLE }),
      ),
    });
    const said = (word: string): (() => boolean) => {
      return () => clients?.output.includes(`\n${word} `) === true || clients?.isRunning === false;
    };
    await until("all streams are under way", said("streaming"), OPEN_MS_MAX);
    const openMs = unixMs();
    await sleep(2_000);
    const inFlight = (await rig.envoy.stat("wasmcustom.warmroute_in_flight")) ?? 0;
    const rssOpen = Math.round(residentMiB(rig.envoy.pid));
    const besideMs = unixMs();
    await until("all streams have ended", said("result"), OPEN_MS_MAX);
    const result = JSON.parse(/^result (.*)$/m.exec(clients.output)?.[1] ?? "{}") as ManyResult;
    const tally = await load.stop();
    await msUntilIdle(rig.envoy);
    const rssAfter = Math.round(residentMiB(rig.envoy.pid));
    const alone = tally.between(0, aloneMs);
    const beside = tally.between(openMs, besideMs);
    promise(
      `${STREAMS} concurrent streams and ${IDLE} idle keep-alive connections`,
      "no error; memory and p99 shown",
      `${result.streamsWhole} streams whole of ${result.streams}, ${result.idleAnswered} idle ` +
        `connections answer of ${result.idle}; other requests: ${tally.summary}, p99 of the ` +
        `first byte ${p99(alone)} ms alone, ${p99(beside)} ms beside; Envoy ${rssBefore} MiB ` +
        `before, ${rssOpen} MiB with them, ${rssAfter} MiB afterwards`,
    );
    assert.deepEqual(result.errors, []);
    assert.deepEqual([result.streamsWhole, result.idleAnswered], [STREAMS, IDLE]);
    assert.deepEqual([tally.failed, tally.cut], [0, 0]);
    assert.ok(inFlight >= STREAMS, `${inFlight} in flight`);
  });
});

function argsOf(values: Record<string, number | undefined>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

function p99(tally: Tally): string {
  const times = tally.results
    .map((one) => (one.firstByteMs ?? one.endMs) - one.dueMs)
    .sort((one, other) => one - other);
  return percentile(times, 0.99).toFixed(0);
}

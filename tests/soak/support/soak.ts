// A whole soak: a stack under mixed traffic while faults come and go, and what is left of it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../../lab/processes.js";
import { parseAccessLog, type LoggedRequest } from "../../faults/support/access-log.js";
import { startStack, type Stack } from "../../faults/support/stack.js";
import { unixMs } from "../../faults/support/steady-load.js";
import { account, type Account } from "./causes.js";
import { FILTER } from "./fault.js";
import { Plans } from "./plans.js";
import type { Settings } from "./settings.js";
import * as state from "./state.js";
import { Traffic } from "./traffic.js";
import { Trouble } from "./trouble.js";

const PODS = 5;
const PER_SECOND = 60;
/**
 * Quick enough for prompts of 90,000 tokens; a step long enough for answers of some 100 ms, so that
 * there are some to cut.
 */
const POD_ARGS = ["--prefill-us-per-token", "4", "--step-ms", "6", "--max-model-len", "200000"];
/** Longer than any answer, so that none is cut by a change of the listener. */
const DRAIN_SECONDS = 20;
/** Of the time, with faults as in the rest: afterwards the memory is not to grow. */
const WARM_SHARE = 0.3;
/** From this length on faults last as long as they may. */
const LONG_MINUTES = 2;
const SCALE_SHORT = 0.4;
/** More than twice what the longest fault that answers wait for lasts, times the scale. */
const PATIENCE_MS = 15_000;
/** A pod that is out is tried every few seconds, after many failures once in 60. */
const HEAL_TIMEOUT_MS = 70_000;
const HEAL_ROUNDS_MAX = 3;
/** Of the faults before one that does not heal. */
const FAULTS_SHOWN = 8;
const LOG_TIMEOUT_MS = 10_000;

export interface Soaked extends Account {
  settings: Settings;
  traffic: Traffic;
  trouble: Trouble;
  /** What the filter counted. */
  decisions: number;
  ejections: number;
  probes: number;
  warm: state.Memory;
  end: state.Memory;
  inFlight: number;
  waitingForPod: number;
  ejected: number;
  leftOnPods: Record<string, number>;
  traps: string[];
}

export async function soak(settings: Settings): Promise<Soaked> {
  const stack = await startStack({
    pods: PODS,
    podArgs: POD_ARGS,
    isListWatched: true,
    filter: FILTER,
    envoy: { drainSeconds: DRAIN_SECONDS },
  });
  try {
    return await soakStack(stack, settings);
  } finally {
    await stack.stop();
  }
}

async function soakStack(stack: Stack, settings: Settings): Promise<Soaked> {
  const { minutes, seed } = settings;
  await state.untilIdle(stack);
  stack.clearLog();
  const before = await state.decisionsOf(stack);
  const port = Number(new URL(stack.url).port);
  const scale = minutes < LONG_MINUTES ? SCALE_SHORT : 1;
  const traffic = new Traffic(port, new Plans(seed), PER_SECOND, PATIENCE_MS * scale, seed + 1);
  const trouble = new Trouble(stack, seed + 2, scale);
  const warm = await run(stack, traffic, trouble, minutes * 60_000 * WARM_SHARE);
  const end = await run(stack, traffic, trouble, minutes * 60_000 * (1 - WARM_SHARE));
  const log = await wholeLog(stack, traffic);
  return {
    settings,
    traffic,
    trouble,
    ...account(traffic.results, log, trouble.faults),
    decisions: (await state.decisionsOf(stack)) - before,
    ejections: await stack.metric("ejections"),
    probes: await stack.metric("probes"),
    warm,
    end,
    inFlight: await stack.metric("in_flight"),
    waitingForPod: await stack.metric("waiting_for_pod"),
    ejected: await stack.metric("ejected"),
    leftOnPods: await state.leftOnPods(stack),
    traps: await state.trapsOf(stack),
  };
}

/** Traffic and faults for so long, then traffic alone until all is healed, then nothing. */
async function run(
  stack: Stack,
  traffic: Traffic,
  trouble: Trouble,
  forMs: number,
): Promise<state.Memory> {
  for (let round = 0; round < HEAL_ROUNDS_MAX; round++) {
    traffic.start();
    if (round === 0) await trouble.run(forMs);
    await untilHealed(stack, trouble);
    await traffic.stop();
    await state.untilIdle(stack);
    // Who still waits at a pod that forgot its request makes it look silent when no others come.
    if ((await stack.metric("ejected")) === 0) break;
  }
  return await state.memoryOf(stack);
}

/** A pod that is out is let back by requests. */
async function untilHealed(stack: Stack, trouble: Trouble): Promise<void> {
  const isHealed = async (): Promise<boolean> => (await stack.metric("ejected")) === 0;
  try {
    await until("every pod is back", isHealed, HEAL_TIMEOUT_MS);
  } catch (error) {
    const pods = JSON.stringify(await state.podsOf(stack));
    const ago = (atMs: number): string => ((unixMs() - atMs) / 1000).toFixed(1);
    const faults = trouble.faults.slice(-FAULTS_SHOWN).map(({ kind, pod, fromMs, toMs }) => {
      return `${kind.name} (${pod.address}) ${ago(fromMs)} to ${ago(toMs)} s ago`;
    });
    throw new Error(`${String(error)}: ${pods}; ${faults.join("; ")}`);
  }
}

/** Envoy's record, once it has each request that was answered; the last are written in a while. */
async function wholeLog(stack: Stack, traffic: Traffic): Promise<Map<number, LoggedRequest>> {
  const path = join(stack.folder, "access.log");
  const answered = traffic.results.filter(({ status }) => status !== 0);
  let log = parseAccessLog(readFileSync(path, "utf8"));
  for (let waitedMs = 0; waitedMs < LOG_TIMEOUT_MS; waitedMs += 200) {
    if (answered.every(({ id }) => log.has(id))) break;
    await sleep(200);
    log = parseAccessLog(readFileSync(path, "utf8"));
  }
  return log;
}

// What the demo says before and after the table: the workload and pods played, and what to try.
import { profile } from "../simulator/engine/profiles.js";
import { workloadSize, type Workload } from "../simulator/workloads/workload.js";
import type { DemoOptions } from "./options.js";
import { ENGINE_PROFILE, MODEL, POD_COUNT } from "./service.js";
import type { Stack } from "./stack.js";
import { summarize } from "../lab/summary.js";
import type { Phase } from "./phases.js";

const US_PER_MS = 1000;
const NS_PER_MS = 1_000_000;

/** Printed first: everything that a reader needs to judge the table. */
export function introduction(options: DemoOptions, workload: Workload, kvTokens: number): string {
  return [
    `warmroute demo, workload "${options.workload}", --seed ${options.seed}`,
    "",
    ...workloadLines(options, workload),
    ...podLines(workload, kvTokens),
    `4 phases of ${options.seconds} s: http, llm-gw, llm-gw, http; fresh pods, new texts in each`,
    ...(options.sameRoute ? ["--same-route: llm-gw is a second standard route"] : []),
    "",
  ].join("\n");
}

/** One line when a phase is over. */
export function phaseLine(phase: Phase, index: number, listener: string): string {
  const { requests, errors, ttftMs, cachedShare } = summarize(phase.results);
  return (
    `phase ${index + 1} of 4, ${listener.padEnd(6)}  ${requests} requests, ${errors} errors, ` +
    `TTFT ${ttftMs.mean.toFixed(0)} ms, ${(100 * cachedShare).toFixed(0)} % cached`
  );
}

/** The addresses to play with, while everything stays up. */
export function playground(stack: Stack): string {
  // A prompt of about 2,200 tokens, long enough that its second run is served from a cache.
  const prompt = `"'"$(seq -s ' ' 2000)"'"`;
  const curl = (url: string) => [
    `  curl -i ${url}/v1/completions -H 'content-type: application/json' \\`,
    `    -d '{"model":"${MODEL}","max_tokens":9,"prompt":${prompt}}'`,
  ];
  return [
    "Everything stays up until Ctrl-C. Try twice or more, and see x-pod:",
    ...curl(stack.standardUrl),
    "The same through warmroute; x-warmroute-decision tells why it chose that pod:",
    ...curl(stack.routedUrl),
    `Status page of the sidecar: ${stack.sidecarUrl}/`,
    `Envoy's admin page:         ${stack.adminUrl}/`,
    `Logs:                       ${stack.folder}`,
  ].join("\n");
}

function workloadLines(options: DemoOptions, workload: Workload): string[] {
  const size = workloadSize(workload);
  const mean = (tokens: number) => (tokens / Math.max(1, size.requests)).toFixed(0);
  const rate = (size.requests / options.seconds).toFixed(1);
  const working = thousands(size.distinctTokens);
  return [
    ...(options.workload === "unique" ? uniqueLines() : chatLines(workload)),
    `  a phase has ${size.requests} requests (${rate}/s, Poisson); mean prompt ` +
      `${mean(size.promptTokens)} tokens,`,
    `  mean answer ${mean(size.outputTokens)}, streamed; working set ${working} tokens`,
    "  (all prompts of a phase, what they share counted once)",
  ];
}

function chatLines(workload: Workload): string[] {
  const chats = workload.conversations.length;
  const used = new Set(workload.conversations.map((one) => one.shared)).size;
  return [
    `${chats} chats with ${used} assistants, a few of them popular; each assistant has a`,
    "system prompt of 2,000 to 4,000 tokens; 1 to 5 turns, each with all before it",
  ];
}

function uniqueLines(): string[] {
  return [
    "Prompts that share nothing: no prefix to route by. What differs between the",
    "routes is balance of load and chance; compare the phases of one route.",
  ];
}

function podLines(workload: Workload, kvTokens: number): string[] {
  const { timing } = profile(ENGINE_PROFILE);
  const poolTokens = kvTokens * POD_COUNT;
  const share = ((100 * poolTokens) / workloadSize(workload).distinctTokens).toFixed(0);
  return [
    `${POD_COUNT} simulated vLLM V1 pods (${ENGINE_PROFILE}), prefix caching on`,
    `  KV ${thousands(kvTokens)} tokens each, ${thousands(poolTokens)} together: ` +
      `${share} % of the working set`,
    `  a step takes ${timing.stepMs} ms + ${us(timing.prefillTokenMs)} us per prompt token ` +
      "that is not cached",
    `  + ${us(timing.sequenceMs)} us per running request ` +
      `+ ${ns(timing.kvTokenMs)} ns per token in context`,
  ];
}

function thousands(value: number): string {
  return value.toLocaleString("en-US");
}

function us(ms: number): string {
  return String(Number((ms * US_PER_MS).toPrecision(4)));
}

function ns(ms: number): string {
  return String(Number((ms * NS_PER_MS).toPrecision(4)));
}

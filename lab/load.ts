// Plays a workload against gateways: open loop, each latency counted from its planned time.
import { setMaxListeners } from "node:events";
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Workload } from "../simulator/workloads/workload.js";
import type { WorkloadText } from "../simulator/workloads/text.js";
import { askChat, type ChatAnswer } from "./chat-request.js";

export interface LoadOptions {
  /** `http://host:port` of the listener; or, asked when a request is sent, of one of several. */
  url: string | (() => string);
  model: string;
  workload: Workload;
  text: WorkloadText;
  nowMs: () => number;
  /** Ends the load early; what was not sent is left out. */
  signal: AbortSignal;
  progress: LoadProgress;
}

/** Counted while the load runs, for the progress line. */
export interface LoadProgress {
  sent: number;
  done: number;
  errors: number;
  ttftMsSum: number;
  startMs: number;
}

/** One request as the user saw it. */
export interface RequestResult {
  /** `http://host:port` that it was sent to. */
  url: string;
  /** When it was to be sent, on the clock of the load. */
  dueMs: number;
  /** From the planned send time to the first content; null where none came. */
  ttftMs: number | null;
  /** How late the load itself was in sending, which `ttftMs` contains. */
  lateMs: number;
  promptTokens: number;
  cachedTokens: number;
  outputTokens: number;
  error: string | null;
}

/** A fresh set of counters. */
export function newProgress(startMs: number): LoadProgress {
  return { sent: 0, done: 0, errors: 0, ttftMsSum: 0, startMs };
}

/** Resolves when every conversation has ended, with a result for each request sent. */
export async function playLoad(options: LoadOptions): Promise<RequestResult[]> {
  // One listener for each request that is under way, and no leak.
  setMaxListeners(0, options.signal);
  const users = options.workload.conversations.map((_, index) => playConversation(options, index));
  return (await Promise.all(users)).flat();
}

/**
 * A user asks the next question at its planned time, or when the last answer is there if that is
 * later: nobody can reply to what is not written yet, and waiting for it is not the next turn's
 * latency. A conversation ends with its first error.
 */
async function playConversation(options: LoadOptions, index: number): Promise<RequestResult[]> {
  const { nowMs, progress, signal } = options;
  const turns = options.workload.conversations[index]?.turns ?? [];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const results: RequestResult[] = [];
  const answers: string[] = [];
  let readyMs = 0;
  try {
    for (const [turn, { plannedMs, outputTokens }] of turns.entries()) {
      const dueMs = Math.max(progress.startMs + plannedMs, readyMs);
      await sleep(Math.max(0, dueMs - nowMs()), undefined, { signal });
      const messages = options.text.messages(index, turn, answers);
      const body = chatBody(options.model, messages, outputTokens);
      progress.sent += 1;
      const lateMs = nowMs() - dueMs;
      const url = typeof options.url === "string" ? options.url : options.url();
      const answer = await askChat({ url, agent, body, nowMs, signal });
      const result = resultOf(answer, url, dueMs, lateMs);
      results.push(result);
      progress.done += 1;
      progress.ttftMsSum += result.ttftMs ?? 0;
      if (answer.error !== null) {
        progress.errors += 1;
        break;
      }
      answers.push(answer.text);
      readyMs = answer.endMs;
    }
  } catch (error) {
    // The sleep that was cut short by the signal; anything else is a mistake of ours.
    if (!signal.aborted) throw error;
  } finally {
    agent.destroy();
  }
  return results;
}

/** Streamed; `ignore_eos` makes every answer as long as planned, as load tests of vLLM do. */
export function chatBody(model: string, messages: object[], outputTokens: number): string {
  return JSON.stringify({
    model,
    messages,
    max_tokens: outputTokens,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
  });
}

function resultOf(answer: ChatAnswer, url: string, dueMs: number, lateMs: number): RequestResult {
  const { firstContentMs, promptTokens, cachedTokens, outputTokens, error } = answer;
  const ttftMs = firstContentMs === null ? null : firstContentMs - dueMs;
  return { url, dueMs, ttftMs, lateMs, promptTokens, cachedTokens, outputTokens, error };
}

// The two schedulers of vLLM: which sequences the next step computes, and what the step costs.
import type { Engine } from "./engine.js";
import type { Sequence } from "./sequence.js";

export interface StepCost {
  durationMs: number;
  prefillTokens: number;
}

/**
 * V0: a step either prefills whole prompts from the queue, as many as fit, or decodes one token of
 * every running sequence. Prefill goes first, so running answers pause while prompts come in.
 */
export function scheduleV0<T>(engine: Engine<T>, nowMs: number): StepCost | null {
  const { options, waiting, running, scheduled } = engine;
  const { timing } = options;
  let prefillTokens = 0;
  let at = engine.nextWaiting(0);
  for (; at < waiting.length && running.length < options.maxRunning; at = engine.nextWaiting(at)) {
    const sequence = waiting[at] as Sequence<T>;
    const cachedBlocks = engine.kv.cachedBlocks(sequence);
    const count = sequence.totalTokens - cachedBlocks * options.blockTokens;
    // A prompt longer than the budget runs alone: this model must not refuse what V1 accepts.
    if (prefillTokens > 0 && prefillTokens + count > options.maxStepTokens) break;
    if (!engine.kv.canAdmit(sequence, cachedBlocks, sequence.totalTokens)) break;
    engine.admit(at, cachedBlocks, nowMs);
    engine.schedule(sequence, count);
    prefillTokens += count;
  }
  if (prefillTokens > 0) {
    return {
      durationMs: timing.prefillStepMs + prefillTokens * timing.prefillTokenMs,
      prefillTokens,
    };
  }
  for (let i = 0; i < running.length; i++) {
    if (!engine.scheduleOrPreempt(running[i] as Sequence<T>, 1)) break;
  }
  if (scheduled.length === 0) return null;
  return { durationMs: timing.stepMs + runningCostMs(engine), prefillTokens: 0 };
}

/**
 * V1: one token budget a step. Running sequences first, in order of arrival, each with the tokens
 * it lacks (one when decoding); what is left goes to the queue, and a long prompt is cut to it.
 */
export function scheduleV1<T>(engine: Engine<T>, nowMs: number): StepCost | null {
  const { options, waiting, running, scheduled } = engine;
  const { timing } = options;
  let budget = options.maxStepTokens;
  let prefillTokens = 0;
  for (let i = 0; i < running.length && budget > 0; i++) {
    const sequence = running[i] as Sequence<T>;
    const missing = sequence.totalTokens - sequence.computedTokens;
    const count = Math.min(missing, budget);
    if (!engine.scheduleOrPreempt(sequence, count)) break;
    budget -= count;
    if (missing > 1 || sequence.generatedTokens === 0) prefillTokens += count;
  }
  // After a preemption nothing new is admitted in the same step: it would take the room just made.
  let at = engine.hasPreempted ? waiting.length : engine.nextWaiting(0);
  for (; at < waiting.length && budget > 0; at = engine.nextWaiting(at)) {
    if (running.length >= options.maxRunning) break;
    const sequence = waiting[at] as Sequence<T>;
    const cachedBlocks = engine.kv.cachedBlocks(sequence);
    const cachedTokens = cachedBlocks * options.blockTokens;
    const count = Math.min(sequence.totalTokens - cachedTokens, budget);
    const tokens = options.admitWholePrompt ? sequence.totalTokens : cachedTokens + count;
    if (!engine.kv.canAdmit(sequence, cachedBlocks, tokens)) break;
    engine.admit(at, cachedBlocks, nowMs);
    engine.schedule(sequence, count);
    budget -= count;
    prefillTokens += count;
  }
  if (scheduled.length === 0) return null;
  return {
    durationMs: timing.stepMs + prefillTokens * timing.prefillTokenMs + runningCostMs(engine),
    prefillTokens,
  };
}

function runningCostMs<T>(engine: Engine<T>): number {
  const { timing } = engine.options;
  let kvTokens = 0;
  for (const sequence of engine.scheduled) {
    kvTokens += sequence.computedTokens + sequence.scheduledTokens;
  }
  return engine.running.length * timing.sequenceMs + kvTokens * timing.kvTokenMs;
}

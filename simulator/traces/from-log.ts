// Turns logged requests into a trace: lengths from bytes, shared prefixes from the decisions.
import type { LoggedRequest } from "./access-log.js";
import type { TraceLine } from "./trace-line.js";

/** Blocks of the trace; what is shared is rounded down to them. */
export const LOG_BLOCK_TOKENS = 64;
/** Earlier requests of a pod that a prefix is looked for in. */
const RECENT_MAX = 256;
const SESSIONS_MAX = 100_000;
/** Lengths are estimates: a prefix may look this much longer than the prompt that it is. */
const LENGTH_SLACK = 1.05;
/** A stream's events that hold no token: the role before them, the usage after them. */
const OTHER_EVENTS = 2;
/** What stands around the text in vLLM's answer that is not streamed, 0.11. */
const WHOLE_ANSWER_BYTES = 600;

export interface LengthOptions {
  /** Of the request's body. */
  bytesPerToken: number;
  /** Of a streamed answer: one event of vLLM's chat stream holds one token. */
  streamBytesPerToken: number;
  /** Means that the pods' metrics tell: lengths are scaled to them. */
  meanPromptTokens?: number;
  meanOutputTokens?: number;
}

export interface LogTrace {
  lines: TraceLine[];
  /** Decisions whose prefix no earlier request of the log can have had. */
  unknownPrefixes: number;
  /** Prompt tokens, and those of them shared with an earlier request. */
  promptTokens: number;
  sharedTokens: number;
}

/** A request whose blocks are known. */
interface Known {
  promptTokens: number;
  cachedTokens: number;
  blocks: number[];
}

/** The trace, by time. Without decisions and sessions nothing is shared. */
export function traceOf(requests: LoggedRequest[], options: LengthOptions): LogTrace {
  const sorted = [...requests].sort((a, b) => a.atMs - b.atMs);
  const prompts = scaled(
    sorted.map(({ requestBytes }) => requestBytes / options.bytesPerToken),
    options.meanPromptTokens,
  );
  const outputs = scaled(
    sorted.map((request) => outputTokens(request, options)),
    options.meanOutputTokens,
  );
  const prefixes = new Prefixes();
  const lines = sorted.map((request, index): TraceLine => ({
    atMs: request.atMs,
    promptTokens: prompts[index]!,
    outputTokens: outputs[index]!,
    hashIds: prefixes.blocksOf(request, prompts[index]!),
    blockTokens: LOG_BLOCK_TOKENS,
    session: null,
    model: request.model,
    stream: request.isStreamed,
  }));
  const { unknownPrefixes, sharedTokens } = prefixes;
  const promptTokens = prompts.reduce((sum, tokens) => sum + tokens, 0);
  return { lines, unknownPrefixes, promptTokens, sharedTokens };
}

function outputTokens(request: LoggedRequest, options: LengthOptions): number {
  const { answerBytes, isStreamed } = request;
  if (isStreamed) return answerBytes / options.streamBytesPerToken - OTHER_EVENTS;
  return (answerBytes - WHOLE_ANSWER_BYTES) / options.bytesPerToken;
}

function scaled(lengths: readonly number[], mean: number | undefined): number[] {
  const positive = lengths.map((length) => Math.max(1, length));
  const sum = positive.reduce((total, length) => total + length, 0);
  const factor = mean === undefined ? 1 : (mean * lengths.length) / sum;
  return positive.map((length) => Math.max(1, Math.round(length * factor)));
}

class Prefixes {
  unknownPrefixes = 0;
  sharedTokens = 0;
  private blockCount = 0;
  /** By pod and model, the newest last. */
  private readonly recent = new Map<string, Known[]>();
  /** By session and model the last request, the session used last at the end. */
  private readonly sessions = new Map<string, Known>();

  /** The blocks of a prompt; those in front are those of the earlier request that it goes on. */
  blocksOf(request: LoggedRequest, promptTokens: number): number[] {
    const model = request.model ?? "";
    const session = request.session === null ? null : `${model}\n${request.session}`;
    const cachedTokens = Math.min(request.cachedTokens ?? 0, promptTokens);
    const recent = this.recentOf(`${model}\n${request.pod ?? ""}`);
    const before = session === null ? undefined : this.sessions.get(session);
    const [parent, shared] = this.parentOf({ before, recent, promptTokens, cachedTokens });
    const sharedBlocks = Math.floor(shared / LOG_BLOCK_TOKENS);
    const blocks = parent === null ? [] : parent.blocks.slice(0, sharedBlocks);
    this.sharedTokens += blocks.length * LOG_BLOCK_TOKENS;
    while (blocks.length * LOG_BLOCK_TOKENS < promptTokens) blocks.push(this.blockCount++);
    const known = { promptTokens, cachedTokens, blocks };
    recent.push(known);
    if (recent.length > RECENT_MAX) recent.shift();
    if (session !== null) this.keepSession(session, known);
    return blocks;
  }

  /** Which earlier request a prompt goes on, and how many tokens they share. */
  private parentOf(of: {
    before: Known | undefined;
    recent: readonly Known[];
    promptTokens: number;
    cachedTokens: number;
  }): [Known | null, number] {
    const { before, recent, promptTokens, cachedTokens } = of;
    const upTo = (parent: Known, tokens: number): [Known, number] => [
      parent,
      Math.min(tokens, parent.promptTokens, promptTokens),
    ];
    // The prompts of a chat go on each other, whatever the pod still held.
    if (before && before.promptTokens <= promptTokens) return upTo(before, promptTokens);
    if (cachedTokens === 0) return [null, 0];
    const parent = before ?? nearest(recent, cachedTokens);
    if (parent === null) {
      if (cachedTokens >= LOG_BLOCK_TOKENS) this.unknownPrefixes++;
      return [null, 0];
    }
    return upTo(parent, cachedTokens);
  }

  private recentOf(key: string): Known[] {
    const known = this.recent.get(key);
    if (known !== undefined) return known;
    const made: Known[] = [];
    this.recent.set(key, made);
    return made;
  }

  private keepSession(session: string, known: Known): void {
    this.sessions.delete(session);
    this.sessions.set(session, known);
    if (this.sessions.size <= SESSIONS_MAX) return;
    for (const oldest of this.sessions.keys()) {
      this.sessions.delete(oldest);
      return;
    }
  }
}

/**
 * Of a pod's earlier requests the one whose prompt ends where the prefix ends (a chat that goes
 * on), or that had a prefix of that length itself (the same system prompt); the newest of equals.
 */
function nearest(recent: readonly Known[], cachedTokens: number): Known | null {
  let best: Known | null = null;
  let bestGap = Infinity;
  for (const known of recent) {
    if (known.promptTokens * LENGTH_SLACK < cachedTokens) continue;
    const gap = Math.min(
      Math.abs(known.promptTokens - cachedTokens),
      Math.abs(known.cachedTokens - cachedTokens),
    );
    if (gap > bestGap) continue;
    best = known;
    bestGap = gap;
  }
  return best;
}

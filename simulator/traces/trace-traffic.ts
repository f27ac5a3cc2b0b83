// A trace as traffic: each request at its own time, with prompts that share what the trace says.
import { basename } from "node:path";
import { PROFILE_DEFAULT } from "../engine/profiles.js";
import type { Message, Traffic, TrafficRequest, TrafficSource } from "../traffic/traffic.js";
import { BlockTree, BLOCKS_MAX } from "./block-tree.js";
import { FileError, readLines } from "./lines.js";
import { parseTraceLine, type TraceLine, type UnknownKeys } from "./trace-line.js";

const PODS_DEFAULT = 8;
export const REQUESTS_MAX = 5_000_000;
/** A rule's clock ticks all this time; times of two kinds in one file would make it 50 years. */
export const SPAN_MAX_MS = 7 * 86_400_000;
const NOBODY = -1;

type Content = Pick<Message, "id" | "tokens">;

/** What is kept of a line. */
interface Kept {
  atMs: number;
  promptTokens: number;
  outputTokens: number;
  blockTokens: number;
  /** Of the block tree; -1: only lengths are known. */
  lastNode: number;
  session: string | null;
  stream: boolean | null;
  line: number;
}

export interface Trace {
  traffic: Traffic;
  /** Keys of the file that mean nothing here. */
  unknownKeys: string[];
  /** Requests with more tokens, prompt and answer together. */
  longerThan: (tokens: number) => number;
}

/** Reads a trace; throws a FileError that says what is wrong, and where. */
export function readTrace(file: string, blockTokens?: number): Trace {
  const unknown: UnknownKeys = new Set();
  const tree = new BlockTree();
  const kept: Kept[] = [];
  for (const { number, text } of readLines(file)) {
    const place = `${file}:${number}`;
    const line = parseTraceLine(text, place, unknown, blockTokens);
    if (kept.length === REQUESTS_MAX) {
      throw new FileError(`${place}: more than ${REQUESTS_MAX} requests, the most of one trace`);
    }
    const lastNode = tree.add(line.hashIds, `${line.blockTokens} ${line.model ?? ""}`);
    if (lastNode === null) {
      throw new FileError(
        `${place}: more than ${BLOCKS_MAX} different blocks, the most of one trace`,
      );
    }
    kept.push(keep(line, lastNode, number));
  }
  if (kept.length === 0) throw new FileError(`${file}: there is no request in it`);
  // Logs are written when answers end, and joined from several gateways.
  kept.sort((a, b) => a.atMs - b.atMs || a.line - b.line);
  checkSpan(file, kept);
  return {
    traffic: trafficOf(basename(file), kept, tree),
    unknownKeys: [...unknown],
    longerThan: (tokens) =>
      kept.filter((line) => line.promptTokens + line.outputTokens > tokens).length,
  };
}

function keep(line: TraceLine, lastNode: number, number: number): Kept {
  const { atMs, promptTokens, outputTokens, blockTokens, session, model, stream } = line;
  const own = session === null ? null : `${model ?? ""}\n${session}`;
  return {
    ...{ atMs, promptTokens, outputTokens, blockTokens, lastNode, stream, line: number },
    // Hashes say better than a session what is shared.
    session: lastNode === NOBODY ? own : null,
  };
}

function checkSpan(file: string, kept: readonly Kept[]): void {
  const [first, last] = [kept[0]!, kept.at(-1)!];
  if (last.atMs - first.atMs <= SPAN_MAX_MS) return;
  throw new FileError(
    `${file}:${last.line}: time ${last.atMs} is ${last.atMs - first.atMs} ms after the first, ` +
      `${first.atMs} on line ${first.line}; a trace must not last longer than ${SPAN_MAX_MS} ms, ` +
      `and all its times must begin at the same moment`,
  );
}

function trafficOf(name: string, kept: readonly Kept[], tree: BlockTree): Traffic {
  const startMs = kept[0]!.atMs;
  return {
    name,
    title: "requests of a trace",
    profile: PROFILE_DEFAULT,
    pods: PODS_DEFAULT,
    load: { speed: 1 },
    arrivalsMs: kept.map(({ atMs }) => atMs - startMs),
    seconds: 0,
    requests: kept.length,
    turns: 1,
    source: () => new TraceSource(kept, tree),
  };
}

class TraceSource implements TrafficSource {
  /** By session: prompt and answer of its last request. */
  private readonly sessions = new Map<string, Content[]>();

  constructor(
    private readonly kept: readonly Kept[],
    private readonly tree: BlockTree,
  ) {}

  first(number: number): TrafficRequest {
    const line = this.kept[number]!;
    const { promptTokens, outputTokens, session, lastNode } = line;
    const ownId = this.tree.size + 1 + 2 * number;
    const contents =
      lastNode === NOBODY
        ? firstTokens(this.sessions.get(session ?? "") ?? [], promptTokens)
        : this.tree.contents(lastNode, promptTokens, line.blockTokens);
    const left = contents.reduce((sum, { tokens }) => sum - tokens, promptTokens);
    if (left > 0) contents.push({ id: ownId, tokens: left });
    const answerId = session === null ? 0 : ownId + 1;
    if (session !== null) {
      this.sessions.set(session, [...contents, { id: answerId, tokens: outputTokens }]);
    }
    const messages = contents.map((content, index) => ({ role: roleOf(index), ...content }));
    const isStreamed = line.stream ?? true;
    return { messages, outputTokens, answerId, conversation: number, turn: 0, isStreamed };
  }

  /** Requests come at the times of the trace, whenever the answers before them end. */
  next(): null {
    return null;
  }
}

/** The trace does not say whose words a block holds; the routing rules do not ask. */
function roleOf(index: number): Message["role"] {
  return index === 0 ? "system" : "user";
}

function firstTokens(contents: readonly Content[], count: number): Content[] {
  const taken: Content[] = [];
  let left = count;
  for (const { id, tokens } of contents) {
    if (left === 0) break;
    taken.push({ id, tokens: Math.min(tokens, left) });
    left -= Math.min(tokens, left);
  }
  return taken;
}

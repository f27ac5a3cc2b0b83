// The VM that is fuzzed: the built filter with a count of its steps, one pod, and a tap on what it
// writes to shared data, where the hashes of a prompt can be seen.
import { readFileSync } from "node:fs";
import {
  DESTINATION_HEADER,
  HeaderMap,
  type HttpCall,
  type Pair,
  type RootContext,
  SharedData,
  Stats,
  type StreamContext,
  WasmHost,
} from "../../../simulator/host/index.js";
import { filterPath } from "../../host/filter/support/gateway.js";
import { encodeModels, type ModelsSpec } from "../../host/filter/support/models-section.js";
import { encodeAnswer, encodeTable, type PodRow } from "../../host/filter/support/wire.js";
import { randomFrom } from "../../host/filter/support/random.js";
import { STEPS_EXPORT, withStepLimit } from "./step-limit.js";

export const HASH_KEY = Uint8Array.from({ length: 16 }, (_, i) => 37 * i + 11);
export const MODEL_HEADER = "x-model";
/** This name is asked for, and the pod's is put into the body. */
export const ALIAS = "alias-1";
export const TARGET = "target-1";

const MODELS: ModelsSpec = { models: [{ name: ALIAS, targets: [TARGET] }] };
const PODS: readonly PodRow[] = [
  { number: 0, address: "10.0.0.1:8000", capacityTokens: 1_000_000 },
];
const ANSWER_BYTES = encodeAnswer(
  encodeTable({ rows: PODS, hashKey: HASH_KEY, models: encodeModels(MODELS) }),
);
const SEGMENT_KEY = /\/s[0-9a-f]{4}$/;
const SEGMENT_HEADER_BYTES = 16;
const RECORD_HEADER_BYTES = 12;
const ENTRY_BYTES = 12;
const INSERT = 1;

let instrumented: WebAssembly.Module | null = null;

export function limitedModule(): WebAssembly.Module {
  instrumented ??= new WebAssembly.Module(withStepLimit(readFileSync(filterPath())));
  return instrumented;
}

/** Sees each journal segment as it is written. */
class TappedData extends SharedData {
  readonly records: DataView[] = [];
  private sequence = -1;
  private used = SEGMENT_HEADER_BYTES;

  override set(
    vmId: string,
    key: string,
    source: Uint8Array,
    start: number,
    size: number,
    cas = 0,
  ): ReturnType<SharedData["set"]> {
    if (SEGMENT_KEY.test(key)) this.take(source.slice(start, start + size));
    return super.set(vmId, key, source, start, size, cas);
  }

  private take(segment: Uint8Array): void {
    const view = new DataView(segment.buffer);
    const sequence = view.getUint32(8, true);
    if (sequence !== this.sequence) this.used = SEGMENT_HEADER_BYTES;
    this.sequence = sequence;
    while (this.used < segment.length) {
      const bytes = view.getUint16(this.used, true);
      this.records.push(new DataView(segment.buffer, this.used, bytes));
      this.used += bytes;
    }
  }
}

export interface MachineOptions {
  config?: Record<string, unknown>;
  /** Plays the sidecar; absent: each poll gets the same table. */
  onHttpCall?: (call: HttpCall) => void;
}

export class Machine {
  readonly host: WasmHost;
  readonly root: RootContext;
  readonly stats = new Stats();
  readonly warnings: string[] = [];
  private readonly data = new TappedData();
  private readonly steps: { value: number };
  private nowNs = 1_767_225_600_000_000_000n;

  constructor(private readonly options: MachineOptions = {}) {
    this.host = new WasmHost({
      module: limitedModule(),
      sharedData: this.data,
      stats: this.stats,
      clock: { nowNs: () => this.nowNs },
      random: randomFrom(1),
      log: (_, message) => {
        if (this.warnings.length < 100) this.warnings.push(message);
      },
      onHttpCall: (call) => this.handle(call),
    });
    this.steps = this.host.exports[STEPS_EXPORT] as { value: number };
    const config = { pool: "default", debugHeaders: true, modelHeader: MODEL_HEADER };
    this.root = this.host.newRoot(JSON.stringify({ ...config, ...options.config }));
    if (!this.root.accepted) throw new Error("the configuration was refused");
    for (let i = 0; i < 3; i++) this.tick();
  }

  /** Ticks after so much time. */
  tick(ms = 10): void {
    this.pass(ms);
    this.root.tick();
  }

  pass(ms: number): void {
    this.nowNs += BigInt(ms) * 1_000_000n;
  }

  /** The steps of a whole request, answer and end may be so many; then the VM traps. */
  allowSteps(count: number): void {
    this.steps.value = count;
  }

  get stepsLeft(): number {
    return this.steps.value;
  }

  newStream(keepBodies = false): StreamContext {
    return this.host.newStream(this.root, { keepBodies });
  }

  /** What the VM has told its neighbours since the last call: an insert each, or null. */
  takeRecords(): DataView[] {
    this.tick();
    return this.data.records.splice(0);
  }

  /** A poll that got no answer would be kept, with its report, as long as the host. */
  private handle(call: HttpCall): void {
    const { onHttpCall } = this.options;
    if (onHttpCall !== undefined) return onHttpCall(call);
    call.respond(200, [["content-type", "application/octet-stream"]], ANSWER_BYTES);
  }
}

/** The number of entries of an insert; -1: it is another kind. */
export function entryCount(record: DataView): number {
  return record.getUint8(2) === INSERT ? record.getUint16(10, true) : -1;
}

/** One entry of an insert: both halves of the hash, and the tokens before it. */
export function entryOf(record: DataView, i: number): { lo: number; hi: number; tokens: number } {
  const at = RECORD_HEADER_BYTES + i * ENTRY_BYTES;
  return {
    lo: record.getInt32(at, true),
    hi: record.getInt32(at + 4, true),
    tokens: record.getUint32(at + 8, true),
  };
}

export const PATHS = {
  chat: "/v1/chat/completions",
  completions: "/v1/completions",
  responses: "/v1/responses",
  embeddings: "/v1/embeddings",
  messages: "/v1/messages",
  generate: "/generate",
} as const;

const ANSWER: readonly Pair[] = [
  [":status", "200"],
  ["content-type", "application/json"],
];

/** What the world sees of one request. */
export interface Outcome {
  reason: string;
  model: string | null;
  /** The pods that the filter named. */
  destination: string | null;
  /** The bytes that the pod got; null where the filter answered itself. */
  body: Uint8Array | null;
}

/** Sends a body, cut at the given offsets, and an empty answer. */
export function sendBody(
  machine: Machine,
  path: string,
  body: Buffer,
  cuts: readonly number[],
): Outcome {
  const stream = machine.newStream(true);
  const headers: Pair[] = [
    [":method", "POST"],
    [":path", path],
    [":authority", "llm.example"],
    ["content-type", "application/json"],
    ["content-length", String(body.length)],
  ];
  stream.requestHeaders(HeaderMap.from(headers), false);
  let from = 0;
  for (const cut of cuts) {
    stream.requestBody(body.subarray(from, cut), false);
    from = cut;
  }
  stream.requestBody(body.subarray(from), true);
  const { upstream } = stream;
  const isPassed = upstream.headers !== null && stream.localResponse === null;
  if (isPassed) {
    stream.upstreamAddress = upstream.headers?.get(DESTINATION_HEADER)?.split(",")[0] ?? null;
    stream.attempts = 1;
    stream.responseHeaders(HeaderMap.from(ANSWER), true);
  }
  const decision = stream.downstream.headers?.get("x-warmroute-decision") ?? "";
  stream.done();
  return {
    reason: /reason=([a-z-]+)/.exec(decision)?.[1] ?? (isPassed ? "none" : "held"),
    model: upstream.headers?.get(MODEL_HEADER) ?? null,
    destination: upstream.headers?.get(DESTINATION_HEADER) ?? null,
    body: isPassed ? (upstream.body?.toBytes() ?? new Uint8Array(0)) : null,
  };
}

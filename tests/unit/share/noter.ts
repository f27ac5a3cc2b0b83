// Helpers of the share specs: a sink that notes what it is told, and a VM with all that it shares.
import { Endpoints } from "../../../filter/load/endpoint";
import { OwnHead } from "../../../filter/share/head";
import { Journal } from "../../../filter/share/journal";
import { SharedKeys } from "../../../filter/share/keys";
import { RecordSink } from "../../../filter/share/record";

/** Writes each call down as words; ranges are summed. */
export class Noter implements RecordSink {
  words: Array<string> = [];
  rangeBytes: u32 = 0;
  ranges: u32 = 0;

  onInsert(endpoint: u32, epoch: u32, hashes: usize, tokenEnds: usize, count: u32): void {
    let text = "insert " + endpoint.toString() + " " + epoch.toString();
    for (let i: usize = 0; i < <usize>count; i++) {
      const hash = load<u64>(hashes + (i << 3));
      const end = load<u32>(tokenEnds + (i << 2));
      text += " " + hash.toString() + ":" + end.toString();
    }
    this.words.push(text);
  }

  onForget(endpoint: u32, epoch: u32, ageMs: u32): void {
    const words = ["forget", endpoint.toString(), epoch.toString(), ageMs.toString()];
    this.words.push(words.join(" "));
  }

  onWithdraw(
    endpoint: u32,
    epoch: u32,
    hashes: usize,
    count: u32,
    ageMs: u32,
    isPassedOn: bool,
  ): void {
    let text = (isPassedOn ? "passed on: " : "") + "withdraw ";
    text += endpoint.toString() + " " + epoch.toString();
    text += " " + ageMs.toString() + "ms";
    for (let i: usize = 0; i < <usize>count; i++) {
      text += " " + load<u64>(hashes + (i << 3)).toString();
    }
    this.words.push(text);
  }

  onCharge(endpoint: u32, epoch: u32, prompt: u64, tokens: u32): void {
    const words = ["charge", endpoint.toString(), epoch.toString(), tokens.toString()];
    this.words.push(words.join(" ") + " after " + prompt.toString());
  }

  onRange(_at: usize, bytes: u32): void {
    this.rangeBytes += bytes;
    this.ranges += 1;
  }

  take(): string {
    const text = this.words.join(", ");
    this.words = [];
    return text;
  }
}

/** One worker of a pool, as far as it shares: without a filter around it. */
export class Worker {
  readonly keys: SharedKeys;
  readonly endpoints: Endpoints = new Endpoints();
  readonly own: OwnHead;
  readonly journal: Journal;
  readonly noter: Noter = new Noter();
  private readonly hash: usize = heap.alloc(8);
  private readonly end: usize = heap.alloc(4);

  constructor(
    readonly vm: u32,
    readonly incarnation: u64,
    nowMs: f64,
  ) {
    const keys = new SharedKeys("pool");
    this.keys = keys;
    this.own = new OwnHead(incarnation, nowMs);
    this.journal = new Journal(keys, incarnation);
  }

  /** Requests in flight on an endpoint. */
  holds(endpoint: u32, inFlight: i32, backlogTokens: i64, kvTokens: i64): void {
    const row = this.endpoints.at(endpoint);
    row.ownInFlight = inFlight;
    row.ownUnprefilled = inFlight;
    row.ownBacklogTokens = backlogTokens;
    row.ownKvTokens = kvTokens;
    this.endpoints.limit = max(this.endpoints.limit, endpoint + 1);
  }

  /** An insert of one checkpoint. */
  inserts(endpoint: u32, hash: u64): void {
    store<u64>(this.hash, hash);
    store<u32>(this.end, 64);
    this.journal.insert(this.vm, endpoint, 1, this.hash, this.end, 1);
  }

  /** Shows journal and head, as a tick does. */
  shows(nowMs: f64): bool {
    this.journal.publish(this.vm);
    this.own.head.segmentSequence = this.journal.sequence;
    this.own.head.segmentUsed = this.journal.published;
    return this.own.publish(this.keys, this.vm, this.endpoints, nowMs, 0);
  }
}

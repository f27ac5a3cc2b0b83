// The VMs of one pool: this VM's own number among them, and what the others show.
import {
  HEADS_PER_DECISION_MAX,
  HEAD_FRESH_MS,
  HEARTBEAT_STALE_MS,
  SEGMENT_BYTES,
  SEGMENTS_PER_TICK_MAX,
  VMS_MAX,
} from "../constants";
import { getShared, resultAt, resultCas, resultSize } from "../host/calls";
import { Endpoints } from "../load/endpoint";
import { Head, isHead, OwnHead } from "./head";
import { Journal, SEGMENT_HEADER_BYTES } from "./journal";
import { SharedKeys } from "./keys";
import { Neighbour } from "./neighbour";
import { RECORD_BYTES_MAX, RecordSink } from "./record";

export class Neighbourhood {
  /** This VM's number, -1 before its first request: VMs that serve nothing take none. */
  vm: i32 = -1;
  /** Those whose heartbeat goes on. */
  readonly others: Neighbour[] = [];
  readonly journal: Journal;
  private next: i32 = 0;
  private firstRead: i32 = 0;
  private shownAtMs: f64 = 0;
  private sink: RecordSink | null = null;

  constructor(
    private readonly keys: SharedKeys,
    private readonly endpoints: Endpoints,
    readonly own: OwnHead,
  ) {
    this.journal = new Journal(keys, own.head.incarnation);
  }

  /** Says who takes the neighbours' records. */
  attach(sink: RecordSink): void {
    this.sink = sink;
    this.journal.sink = sink;
  }

  /**
   * Takes a number: the first that nobody holds, or whose holder's heartbeat stopped. Two VMs may
   * write to a new one at once, so `tick` looks whether it was kept.
   */
  join(nowMs: f64): void {
    if (this.vm >= 0) return;
    // Before the head is shown: its sequence must be that of the new ring.
    this.journal.restart();
    this.own.head.segmentSequence = this.journal.sequence;
    this.own.head.segmentUsed = this.journal.published;
    for (let vm: u32 = 0; vm < VMS_MAX; vm++) {
      let cas: u32 = 0;
      const key = this.keys.head(vm);
      if (getShared(key, this.keys.size)) {
        if (isHead(resultAt, resultSize) && !isStale(changetype<Head>(resultAt), nowMs)) continue;
        cas = resultCas;
      }
      if (!this.own.publish(this.keys, vm, this.endpoints, nowMs, cas)) continue;
      this.vm = <i32>vm;
      this.forgetHolder(vm);
      return;
    }
  }

  /** The number's former holder is no neighbour any more: from now on its head is ours. */
  private forgetHolder(vm: u32): void {
    for (let i = this.others.length - 1; i >= 0; i--) {
      if (unchecked(this.others[i]).vm == vm) this.forget(i);
    }
  }

  /** Looks at every VM's head and reads what the journals have; shows our own. */
  tick(nowMs: f64): void {
    if (this.vm >= 0) this.journal.publish(this.vm);
    for (let vm: u32 = 0; vm < VMS_MAX; vm++) {
      const key = this.keys.head(vm);
      // Numbers are taken from 0 up, so the first that was never taken ends the walk.
      if (!getShared(key, this.keys.size)) break;
      if (<i32>vm == this.vm) this.keepNumber(nowMs);
      else this.look(vm, nowMs);
    }
    this.readJournals();
  }

  /** Before a decision: a few heads, in turn, that were not looked at within a millisecond. */
  refresh(nowMs: f64): void {
    const count = min<i32>(this.others.length, HEADS_PER_DECISION_MAX);
    for (let i = 0; i < count; i++) {
      this.next = this.next + 1 < this.others.length ? this.next + 1 : 0;
      const other = unchecked(this.others[this.next]);
      if (nowMs - other.readAtMs < HEAD_FRESH_MS) continue;
      const key = this.keys.head(other.vm);
      if (!getShared(key, this.keys.size) || !isHead(resultAt, resultSize)) continue;
      // What the tick has forgotten stays so: a head lies there for good after its VM's end.
      if (isStale(changetype<Head>(resultAt), nowMs)) continue;
      other.update(resultAt, resultSize, this.endpoints, nowMs);
    }
  }

  /** After a decision: shows our own load, no oftener than the others look at it. */
  showLoad(nowMs: f64): void {
    if (nowMs - this.shownAtMs < HEAD_FRESH_MS) return;
    this.shownAtMs = nowMs;
    this.publishHead(nowMs);
  }

  /** Shows our own load, as it is now. */
  publishHead(nowMs: f64): void {
    if (this.vm < 0) return;
    this.own.head.segmentSequence = this.journal.sequence;
    this.own.head.segmentUsed = this.journal.published;
    this.own.publish(this.keys, this.vm, this.endpoints, nowMs, 0);
  }

  /**
   * Ticks after which the neighbours have read `bytes` of records that were published at once, even
   * where all of them have something to tell: who is first in a tick is read as far as the budget
   * reaches, and each one before takes a segment from those behind it.
   */
  ticksToRead(bytes: u32): u32 {
    const count = <u32>this.others.length;
    if (count == 0) return 0;
    // Records are not split, so a segment may end early; and it may be one that was begun before.
    const segments = bytes / (SEGMENT_BYTES - SEGMENT_HEADER_BYTES - RECORD_BYTES_MAX) + 2;
    const turns = min(count, SEGMENTS_PER_TICK_MAX);
    const readInCountTicks = (turns * (2 * SEGMENTS_PER_TICK_MAX + 1 - turns)) / 2;
    return (segments * count + readInCountTicks - 1) / readInCountTicks;
  }

  /** One budget for all, from another neighbour each tick: a tick is bounded, none is starved. */
  private readJournals(): void {
    const sink = this.sink;
    const count = this.others.length;
    if (sink == null || count == 0) return;
    let budget = SEGMENTS_PER_TICK_MAX;
    this.firstRead = this.firstRead + 1 < count ? this.firstRead + 1 : 0;
    for (let i = 0; i < count && budget > 0; i++) {
      const other = unchecked(this.others[(this.firstRead + i) % count]);
      budget -= other.readJournal(this.keys, sink, budget);
    }
  }

  private forget(index: i32): void {
    const other = unchecked(this.others[index]);
    other.forget(this.endpoints);
    other.dispose();
    this.others.splice(index, 1);
  }

  /** Two VMs took one number: the one that wrote first looks for another. */
  private keepNumber(nowMs: f64): void {
    const isOurs =
      isHead(resultAt, resultSize) &&
      changetype<Head>(resultAt).incarnation == this.own.head.incarnation;
    if (isOurs) {
      this.publishHead(nowMs);
      return;
    }
    this.vm = -1;
    this.join(nowMs);
  }

  private look(vm: u32, nowMs: f64): void {
    const at = resultAt;
    const size = resultSize;
    if (!isHead(at, size)) return;
    let index = -1;
    for (let i = 0; i < this.others.length; i++) {
      if (unchecked(this.others[i]).vm == vm) index = i;
    }
    if (isStale(changetype<Head>(at), nowMs)) {
      if (index >= 0) this.forget(index);
      return;
    }
    if (index < 0) {
      index = this.others.length;
      this.others.push(new Neighbour(vm));
    }
    unchecked(this.others[index]).update(at, size, this.endpoints, nowMs);
  }
}

function isStale(head: Head, nowMs: f64): bool {
  return nowMs - head.heartbeatMs > HEARTBEAT_STALE_MS;
}

// Pods in trouble, as all VMs of a gateway see them: failures in a row, ejections and probes.
import {
  HEAD_FRESH_MS,
  HUNG_MS,
  PROBE_ANSWER_MS,
  PROBE_CRITICAL_MS,
  PROBE_FIRST_MS,
  PROBE_HUNG_MS,
  PROBE_MAX_MS,
} from "../constants";
import { count, Counter } from "../metrics";
import { SharedKeys } from "../share/keys";
import { Endpoint, Endpoints } from "./endpoint";
import { Trouble, Troubles } from "./troubles";

/** VMs write at the same moment when a pod fails under load; then one reads again. */
const TRIES_MAX: u32 = 8;

export class Health {
  /** Pods that are out of the pick now. */
  ejectedCount: u32 = 0;
  /** Failures in a row that put a pod out; 0: nothing does. */
  ejectAfterFailures: u32 = 0;
  private readonly troubles: Troubles;
  private lookedAtMs: f64 = 0;
  /** When a request was last routed, to whichever pod. */
  private askedAtMs: f64 = 0;

  constructor(
    keys: SharedKeys,
    private readonly endpoints: Endpoints,
  ) {
    this.troubles = new Troubles(keys, endpoints);
  }

  /** Takes over what other VMs have written, and lets silent pods go. Once a tick. */
  tick(nowMs: f64): void {
    this.look(nowMs);
    this.dropGone();
    for (let number: u32 = 0; number < this.endpoints.limit; number++) {
      const endpoint = this.endpoints.at(number);
      if (endpoint.isAnew) {
        endpoint.isAnew = false;
        this.clear(number, false);
      }
      if (endpoint.isEjected) {
        if (endpoint.isHung && this.hasMoved(number, endpoint)) this.clear(number, false);
      } else if (endpoint.isListed && endpoint.mayBePicked && endpoint.isSilent(nowMs)) {
        // Without requests there is nothing to lose, and nobody to find out that it is well.
        if (endpoint.inFlight > 0 || nowMs - this.askedAtMs < HUNG_MS) this.eject(number, nowMs);
      }
    }
  }

  /** Before a decision: while a pod is in trouble, what the others have written of late. */
  refresh(nowMs: f64): void {
    this.askedAtMs = nowMs;
    if (this.troubles.count > 0 && nowMs - this.lookedAtMs >= HEAD_FRESH_MS) this.look(nowMs);
  }

  private look(nowMs: f64): void {
    const had = this.troubles.count;
    this.lookedAtMs = nowMs;
    this.troubles.read();
    if (had > 0 || this.troubles.count > 0) this.apply();
  }

  /** Drops the rows of pods that have left, or each look would cost something for ever. */
  private dropGone(): void {
    // Before the first table nobody is known, and nobody has left.
    if (this.endpoints.limit == 0 || !this.troubles.removeGone()) return;
    // Where another VM has written meanwhile, the next tick does it.
    this.troubles.write();
    this.apply();
  }

  /** A model request failed there. `isProbe`: it was sent to see whether it would. */
  failed(number: u32, nowMs: f64, isProbe: bool): void {
    if (this.ejectAfterFailures == 0) return;
    for (let i: u32 = 0; i < TRIES_MAX; i++) {
      this.troubles.read();
      const row = this.troubles.rowFor(number);
      if (row == null) return;
      if (row.ejectedAtMs != 0) {
        // Requests from before the ejection say nothing new.
        if (!isProbe) return;
        row.backoffMs = Math.min(row.backoffMs * 2, PROBE_MAX_MS);
        row.probeAtMs = nowMs + row.backoffMs;
        row.probeUntilMs = 0;
      } else {
        row.failures = <u16>min<u32>(<u32>row.failures + 1, 0xffff);
        if (<u32>row.failures >= this.ejectAfterFailures) this.putOut(row, nowMs, false);
      }
      if (!this.troubles.write()) continue;
      if (row.ejectedAtMs == nowMs) count(Counter.Ejections, 1);
      else if (<u32>row.failures >= this.ejectAfterFailures && row.ejectedAtMs == 0) {
        count(Counter.EjectionsWithheld, 1);
      }
      break;
    }
    this.apply();
  }

  /** A model request was answered there. Only to be called where the endpoint is troubled. */
  succeeded(number: u32, isProbe: bool): void {
    const endpoint = this.endpoints.at(number);
    if (!endpoint.isEjected || isProbe || endpoint.isHung) this.clear(number, isProbe);
  }

  /** The pod is well, or it is another process: nothing is held against it. */
  private clear(number: u32, isProbe: bool): void {
    if (!this.endpoints.at(number).isTroubled) return;
    for (let i: u32 = 0; i < TRIES_MAX; i++) {
      this.troubles.read();
      const at = this.troubles.find(number);
      if (at < 0) break;
      // Another VM has ejected it since this one looked: an older request speaks here.
      if (!isProbe && this.troubles.at(<u32>at).ejectedAtMs > this.lookedAtMs) break;
      this.troubles.remove(<u32>at);
      if (this.troubles.write()) break;
    }
    this.apply();
  }

  /**
   * The pod that a request is to try now, and that is promised to it alone; -1 for none. A critical
   * request tries one only where no other has for a while.
   */
  claimProbe(nowMs: f64, isCritical: bool): i32 {
    const dueMs = isCritical ? nowMs - PROBE_CRITICAL_MS : nowMs;
    if (this.ejectedCount == 0 || this.dueRow(nowMs, dueMs) < 0) return -1;
    // Another VM may have sent one since the last tick.
    this.troubles.read();
    const at = this.dueRow(nowMs, dueMs);
    if (at < 0) return -1;
    const row = this.troubles.at(<u32>at);
    row.probeUntilMs = nowMs + PROBE_ANSWER_MS;
    if (!this.troubles.write()) return -1;
    count(Counter.Probes, 1);
    return <i32>row.number;
  }

  /** The probe ended without a verdict: its client left, or the pod refused the prompt. */
  releaseProbe(number: u32, nowMs: f64): void {
    for (let i: u32 = 0; i < TRIES_MAX; i++) {
      this.troubles.read();
      const at = this.troubles.findKept(number);
      if (at < 0) return;
      const row = this.troubles.at(<u32>at);
      row.probeUntilMs = 0;
      row.probeAtMs = nowMs + row.backoffMs;
      if (this.troubles.write()) return;
    }
  }

  /** Marks the endpoints by the rows as last read, and lists those that may be picked. */
  private apply(): void {
    const endpoints = this.endpoints;
    for (let number: u32 = 0; number < endpoints.limit; number++) {
      const endpoint = endpoints.at(number);
      endpoint.isTroubled = false;
      endpoint.wasEjected = endpoint.isEjected;
      endpoint.isEjected = false;
    }
    // Without one that is ejected the list is of all that might be picked.
    endpoints.listPickable();
    const ejectedMax = this.ejectAfterFailures > 0 ? endpoints.pickableCount / 2 : 0;
    let ejected: u32 = 0;
    for (let i: u32 = 0; i < this.troubles.count; i++) {
      const row = this.troubles.at(i);
      const endpoint = this.troubles.endpointOf(row);
      if (endpoint == null) continue;
      endpoint.isTroubled = true;
      // Where the others have left the pool, more than half would be out.
      if (row.ejectedAtMs == 0 || !endpoint.mayBePicked || ejected >= ejectedMax) continue;
      endpoint.isEjected = true;
      endpoint.isHung = row.isHung;
      ejected += 1;
    }
    this.ejectedCount = ejected;
    if (ejected > 0) endpoints.listPickable();
    for (let number: u32 = 0; number < endpoints.limit; number++) {
      const endpoint = endpoints.at(number);
      // Another VM has seen it answer: what this one holds against it is old.
      if (endpoint.wasEjected && !endpoint.isEjected) endpoint.silentSinceMs = 0;
    }
  }

  private eject(number: u32, nowMs: f64): void {
    if (this.ejectAfterFailures == 0) return;
    for (let i: u32 = 0; i < TRIES_MAX; i++) {
      this.troubles.read();
      const row = this.troubles.rowFor(number);
      if (row == null || row.ejectedAtMs != 0) break;
      if (!this.putOut(row, nowMs, true)) return;
      if (!this.troubles.write()) continue;
      count(Counter.Ejections, 1);
      break;
    }
    this.apply();
  }

  /** At most half of the pods: where more fail, the requests are at fault and not the pods. */
  private putOut(row: Trouble, nowMs: f64, isHung: bool): bool {
    let ejected: u32 = 0;
    for (let i: u32 = 0; i < this.troubles.count; i++) {
      const other = this.troubles.at(i);
      if (other.ejectedAtMs == 0) continue;
      // Of those that may be picked: one that the table has out is not ejected as well.
      const endpoint = this.troubles.endpointOf(other);
      if (endpoint != null && endpoint.mayBePicked) ejected += 1;
    }
    if (ejected + 1 > (this.endpoints.pickableCount + this.ejectedCount) / 2) return false;
    row.ejectedAtMs = nowMs;
    row.isHung = isHung;
    row.backoffMs = PROBE_FIRST_MS;
    row.probeAtMs = nowMs + PROBE_FIRST_MS;
    row.probeUntilMs = 0;
    return true;
  }

  /** A silent pod that shows progress, to whichever VM. */
  private hasMoved(number: u32, endpoint: Endpoint): bool {
    const at = this.troubles.find(number);
    return at >= 0 && endpoint.progressAtMs > this.troubles.at(<u32>at).ejectedAtMs;
  }

  /** The first row that was to be probed at `dueMs` or before. */
  private dueRow(nowMs: f64, dueMs: f64): i32 {
    for (let i: u32 = 0; i < this.troubles.count; i++) {
      const row = this.troubles.at(i);
      if (row.ejectedAtMs == 0 || nowMs < row.probeUntilMs) continue;
      const endpoint = this.troubles.endpointOf(row);
      if (endpoint == null || !endpoint.isEjected) continue;
      // Those that wait there should tell first: one more would only wait as well.
      const isWaitedFor = row.isHung && endpoint.inFlight > 0;
      if (dueMs >= row.probeAtMs + (isWaitedFor ? PROBE_HUNG_MS : 0)) return <i32>i;
    }
    return -1;
  }
}

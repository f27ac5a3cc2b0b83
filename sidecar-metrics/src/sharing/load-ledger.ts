// The requests of each gateway on each pod, as they last told, and their sums.
import { ENDPOINTS_MAX } from "../pools/endpoint-numbers.js";
import type { SharedLoad } from "../sync/table.js";

/**
 * A gateway tells its load several times a second, and at least once where nothing changes; one
 * that has been silent for so long is taken to be gone, and its requests with it.
 */
export const SILENT_AFTER_MS = 3_000;
/** Beyond this the one silent for longest is forgotten. */
export const MEMBERS_MAX = 1_024;

const FIELDS = ["inFlight", "unprefilled", "backlogTokens", "kvTokens"] as const;

interface Member {
  /** By endpoint number; a pod without requests is absent. */
  loads: Map<number, SharedLoad>;
  heardAtMs: number;
}

export class LoadLedger {
  /** In the order of their last word. */
  private readonly members = new Map<string, Member>();
  private readonly sums = new Float64Array(ENDPOINTS_MAX * FIELDS.length);

  get size(): number {
    return this.members.size;
  }

  /** Takes what a gateway has on some pods; with `isWhole` it has nothing on all others. */
  take(
    gateway: string,
    loads: ReadonlyMap<number, SharedLoad>,
    isWhole: boolean,
    nowMs: number,
  ): void {
    const member = this.members.get(gateway) ?? {
      loads: new Map<number, SharedLoad>(),
      heardAtMs: 0,
    };
    member.heardAtMs = nowMs;
    this.members.delete(gateway);
    this.members.set(gateway, member);
    if (isWhole) {
      for (const number of member.loads.keys()) {
        if (!loads.has(number)) this.put(member, number, null);
      }
    }
    for (const [number, load] of loads) this.put(member, number, load);
    this.forgetSilent(nowMs);
  }

  /** What all gateways but this one have on a pod. */
  others(number: number, gateway: string): SharedLoad {
    const own = this.members.get(gateway)?.loads.get(number);
    const at = number * FIELDS.length;
    return {
      inFlight: this.sums[at]! - (own?.inFlight ?? 0),
      unprefilled: this.sums[at + 1]! - (own?.unprefilled ?? 0),
      backlogTokens: this.sums[at + 2]! - (own?.backlogTokens ?? 0),
      kvTokens: this.sums[at + 3]! - (own?.kvTokens ?? 0),
    };
  }

  /** Requests of a gateway on all pods, as it last told. */
  inFlightOf(gateway: string): number {
    let sum = 0;
    for (const { inFlight } of this.members.get(gateway)?.loads.values() ?? []) sum += inFlight;
    return sum;
  }

  /** True where there is another gateway than this one. */
  hasOthers(gateway: string): boolean {
    return this.members.size > (this.members.has(gateway) ? 1 : 0);
  }

  forgetSilent(nowMs: number): void {
    for (const [gateway, member] of this.members) {
      const isGone = nowMs - member.heardAtMs > SILENT_AFTER_MS;
      if (!isGone && this.members.size <= MEMBERS_MAX) return;
      for (const number of [...member.loads.keys()]) this.put(member, number, null);
      this.members.delete(gateway);
    }
  }

  private put(member: Member, number: number, load: SharedLoad | null): void {
    if (number >= ENDPOINTS_MAX) return;
    const before = member.loads.get(number);
    FIELDS.forEach((field, i) => {
      // Whole numbers, so that adding and taking away leave no rest.
      this.sums[number * FIELDS.length + i]! += (load?.[field] ?? 0) - (before?.[field] ?? 0);
    });
    if (load === null || FIELDS.every((field) => load[field] === 0)) member.loads.delete(number);
    else member.loads.set(number, load);
  }
}

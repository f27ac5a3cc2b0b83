// The VMs of one pool: numbers that are taken, kept and reclaimed, and load that dies with its VM.
import { HEADS_PER_DECISION_MAX, HEARTBEAT_STALE_MS, VMS_MAX } from "../../../filter/constants";
import { getShared, resultAt } from "../../../filter/host/calls";
import { Endpoints } from "../../../filter/load/endpoint";
import { Head, OwnHead } from "../../../filter/share/head";
import { SharedKeys } from "../../../filter/share/keys";
import { Neighbourhood } from "../../../filter/share/neighbourhood";
import { clearHost, dropShared, sharedCount } from "../fake-host";
import { Noter } from "./noter";

const NOW_MS: f64 = 1767225600000;

/** One VM of the pool. */
class Vm {
  readonly keys: SharedKeys;
  readonly endpoints: Endpoints;
  readonly hood: Neighbourhood;
  readonly noter: Noter = new Noter();
  private readonly hash: usize = heap.alloc(8);
  private readonly end: usize = heap.alloc(4);

  constructor(readonly incarnation: u64) {
    const keys = new SharedKeys("pool");
    const endpoints = new Endpoints();
    this.keys = keys;
    this.endpoints = endpoints;
    this.hood = new Neighbourhood(keys, endpoints, new OwnHead(incarnation, NOW_MS));
    this.hood.attach(this.noter);
  }

  get number(): i32 {
    return this.hood.vm;
  }

  joins(nowMs: f64): i32 {
    this.hood.join(nowMs);
    return this.hood.vm;
  }

  holds(endpoint: u32, inFlight: i32): void {
    this.endpoints.at(endpoint).ownInFlight = inFlight;
    this.endpoints.limit = max(this.endpoints.limit, endpoint + 1);
  }

  inserts(hash: u64): void {
    store<u64>(this.hash, hash);
    store<u32>(this.end, 64);
    this.hood.journal.insert(this.hood.vm, 2, 1, this.hash, this.end, 1);
  }

  sees(endpoint: u32): i32 {
    return this.endpoints.at(endpoint).otherInFlight;
  }
}

/** Who holds a number, by what lies in shared data; 0 for nobody. */
function holder(vm: Vm, number: u32): u64 {
  const key = vm.keys.head(number);
  return getShared(key, vm.keys.size) ? changetype<Head>(resultAt).incarnation : 0;
}

beforeEach(() => {
  clearHost();
});

describe("numbers", () => {
  test("are taken from 0 up, one for each VM, once", () => {
    for (let i: u32 = 0; i < VMS_MAX; i++) {
      const vm = new Vm(100 + i);
      expect(vm.joins(NOW_MS)).toBe(i);
      expect(vm.joins(NOW_MS)).toBe(i);
    }
    const late = new Vm(999);
    expect(late.joins(NOW_MS)).toBe(-1);
    late.hood.tick(NOW_MS);
    late.hood.publishHead(NOW_MS);
    expect(sharedCount()).toBe(VMS_MAX);
  });

  test("are not taken by a VM that serves nothing, which still sees the others", () => {
    const idle = new Vm(1);
    const vm = new Vm(2);
    vm.joins(NOW_MS);
    vm.holds(4, 3);
    vm.inserts(70);
    vm.hood.tick(NOW_MS);
    idle.hood.tick(NOW_MS);
    expect(idle.number).toBe(-1);
    expect(idle.sees(4)).toBe(3);
    expect(idle.noter.take()).toBe("insert 2 1 70:64");
    expect(sharedCount()).toBe(2);
  });

  test("of VMs whose heartbeat stopped are taken again", () => {
    const dead = new Vm(1);
    const vm = new Vm(2);
    dead.joins(NOW_MS);
    expect(vm.joins(NOW_MS + HEARTBEAT_STALE_MS + 1)).toBe(0);
    expect(holder(vm, 0)).toBe(2);
    const other = new Vm(3);
    expect(other.joins(NOW_MS + HEARTBEAT_STALE_MS + 2)).toBe(1);
  });

  test("of VMs whose heartbeat goes on are not", () => {
    const alive = new Vm(1);
    const vm = new Vm(2);
    alive.joins(NOW_MS);
    alive.hood.tick(NOW_MS + 2900);
    expect(vm.joins(NOW_MS + HEARTBEAT_STALE_MS + 1)).toBe(1);
  });

  test("that two VMs took at once stay with the one that wrote last", () => {
    const first = new Vm(1);
    const second = new Vm(2);
    first.joins(NOW_MS);
    dropShared(first.keys.head(0), first.keys.size);
    second.joins(NOW_MS);
    expect(first.number).toBe(0);
    expect(second.number).toBe(0);
    first.hood.tick(NOW_MS + 10);
    second.hood.tick(NOW_MS + 10);
    expect(first.number).toBe(1);
    expect(second.number).toBe(0);
    expect(holder(first, 0)).toBe(2);
    expect(holder(first, 1)).toBe(1);
  });

  test("that are changed for others begin a new journal, whatever lies under their keys", () => {
    const dead = new Vm(1);
    const moved = new Vm(2);
    const usurper = new Vm(3);
    dead.joins(NOW_MS);
    moved.joins(NOW_MS);
    // Journals of several segments under both numbers.
    for (let i: u64 = 0; i < 3000; i++) dead.inserts(i);
    for (let i: u64 = 0; i < 3000; i++) moved.inserts(i);
    dead.hood.tick(NOW_MS);
    moved.hood.tick(NOW_MS);
    dropShared(moved.keys.head(1), moved.keys.size);
    expect(usurper.joins(NOW_MS + 10)).toBe(1);
    usurper.hood.tick(NOW_MS + 3500);
    moved.hood.tick(NOW_MS + 3500);
    expect(moved.number).toBe(0);
    // Another reads before the moved one has shown its head a second time.
    const reader = new Vm(4);
    for (let i = 0; i < 5; i++) reader.hood.tick(NOW_MS + 3500);
    expect(reader.noter.take()).toBe("");
    moved.inserts(5000);
    moved.hood.tick(NOW_MS + 3510);
    reader.hood.tick(NOW_MS + 3520);
    expect(reader.noter.take()).toBe("insert 2 1 5000:64");
  });
});

describe("the load of the others", () => {
  test("is seen at the tick, and before a decision", () => {
    const vm = new Vm(1);
    const other = new Vm(2);
    vm.joins(NOW_MS);
    other.joins(NOW_MS);
    other.holds(6, 2);
    other.hood.tick(NOW_MS + 10);
    vm.hood.tick(NOW_MS + 10);
    expect(vm.sees(6)).toBe(2);
    other.holds(6, 5);
    other.hood.publishHead(NOW_MS + 11);
    // A head that was read within the last millisecond is not read again.
    vm.hood.refresh(NOW_MS + 10.5);
    expect(vm.sees(6)).toBe(2);
    vm.hood.refresh(NOW_MS + 11.5);
    expect(vm.sees(6)).toBe(5);
    expect(other.sees(6)).toBe(0);
  });

  test("is looked at in turn where the others are many", () => {
    const vm = new Vm(1);
    vm.joins(NOW_MS);
    const others: Vm[] = [];
    for (let i: u32 = 0; i < 10; i++) {
      others.push(new Vm(100 + i));
      others[i].joins(NOW_MS);
    }
    vm.hood.tick(NOW_MS);
    for (let i = 0; i < 10; i++) {
      others[i].holds(i, 1);
      others[i].hood.publishHead(NOW_MS);
    }
    let decisions = 0;
    for (let seen = 0; seen < 10 && decisions < 10; decisions++) {
      const before = seen;
      vm.hood.refresh(NOW_MS + 5);
      seen = 0;
      for (let i: u32 = 0; i < 10; i++) seen += vm.sees(i);
      expect(seen - before).toBeLessThanOrEqual(HEADS_PER_DECISION_MAX);
    }
    expect(decisions).toBe(3);
  });

  test("ends with the VM's heartbeat, at the tick and in the decisions after it", () => {
    const vm = new Vm(1);
    const dead = new Vm(2);
    vm.joins(NOW_MS);
    dead.joins(NOW_MS);
    dead.holds(6, 40);
    dead.hood.tick(NOW_MS + 10);
    vm.hood.tick(NOW_MS + 10);
    expect(vm.sees(6)).toBe(40);
    vm.hood.tick(NOW_MS + 3000);
    expect(vm.sees(6)).toBe(40);
    vm.hood.tick(NOW_MS + 3011);
    expect(vm.sees(6)).toBe(0);
    vm.hood.refresh(NOW_MS + 3015);
    expect(vm.sees(6)).toBe(0);
    vm.hood.tick(NOW_MS + 3020);
    expect(vm.sees(6)).toBe(0);
  });

  test("ends when its number is ours", () => {
    const dead = new Vm(1);
    dead.joins(NOW_MS);
    dead.holds(6, 40);
    dead.hood.tick(NOW_MS + 10);
    const vm = new Vm(2);
    vm.hood.tick(NOW_MS + 20);
    expect(vm.sees(6)).toBe(40);
    expect(vm.joins(NOW_MS + 4000)).toBe(0);
    vm.hood.tick(NOW_MS + 4010);
    vm.hood.refresh(NOW_MS + 4015);
    expect(vm.sees(6)).toBe(0);
    expect(vm.hood.others.length).toBe(0);
  });

  test("comes back with a VM that had only paused", () => {
    const vm = new Vm(1);
    const paused = new Vm(2);
    vm.joins(NOW_MS);
    paused.joins(NOW_MS);
    paused.holds(6, 4);
    paused.inserts(70);
    paused.hood.tick(NOW_MS + 10);
    vm.hood.tick(NOW_MS + 10);
    vm.hood.tick(NOW_MS + 9000);
    expect(vm.sees(6)).toBe(0);
    paused.inserts(71);
    paused.hood.tick(NOW_MS + 9010);
    vm.noter.take();
    vm.hood.tick(NOW_MS + 9010);
    expect(vm.sees(6)).toBe(4);
    expect(vm.noter.take().endsWith("insert 2 1 71:64")).toBe(true);
  });
});

describe("the clock", () => {
  test("that steps back leaves live VMs their numbers and their load", () => {
    const vm = new Vm(1);
    const other = new Vm(2);
    vm.joins(NOW_MS);
    other.joins(NOW_MS);
    other.holds(6, 2);
    other.hood.tick(NOW_MS);
    vm.hood.tick(NOW_MS);
    other.hood.tick(NOW_MS - 60000);
    vm.hood.tick(NOW_MS - 60000);
    expect(vm.number).toBe(0);
    expect(other.number).toBe(1);
    expect(vm.sees(6)).toBe(2);
  });
});

describe("the time until neighbours have read", () => {
  test("is none without neighbours, and grows with them and with what there is to read", () => {
    const vms: Vm[] = [];
    for (let i = 0; i < <i32>VMS_MAX; i++) {
      const vm = new Vm(<u64>(i + 1));
      vm.joins(NOW_MS);
      vms.push(vm);
      const others = i;
      // A segment of 16,384 bytes has room for 10,212 and one of the longest records: with two
      // that may be cut short, 32 KiB are 5 segments and 128 KiB 14.
      if (others != 0 && others != 1 && others != 3 && others != 15 && others != 63) continue;
      vm.hood.tick(NOW_MS);
      expect(vm.hood.others.length).toBe(others);
      const ticks = [
        vm.hood.ticksToRead(0),
        vm.hood.ticksToRead(32768),
        vm.hood.ticksToRead(131072),
      ];
      // One of one other's neighbours reads 8 a tick, of three 21 in 3, of 15 36 in 15.
      if (others == 0) expect(ticks.join(" ")).toBe("0 0 0");
      if (others == 1) expect(ticks.join(" ")).toBe("1 1 2");
      if (others == 3) expect(ticks.join(" ")).toBe("1 1 2");
      if (others == 15) expect(ticks.join(" ")).toBe("1 3 6");
      if (others == 63) expect(ticks.join(" ")).toBe("4 9 25");
    }
  });
});

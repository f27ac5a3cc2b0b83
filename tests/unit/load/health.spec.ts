// Pods in trouble as two VMs of one pool see them: one record, counted and written by either.
import { Endpoints } from "../../../filter/load/endpoint";
import { Health } from "../../../filter/load/health";
import { SharedKeys } from "../../../filter/share/keys";
import { clearHost } from "../fake-host";

const NOW_MS: f64 = 1767225600000;

class Vm {
  readonly endpoints: Endpoints;
  readonly health: Health;

  constructor(pods: u32) {
    const endpoints = new Endpoints();
    this.endpoints = endpoints;
    this.health = new Health(new SharedKeys("pool"), endpoints);
    this.health.ejectAfterFailures = 3;
    this.endpoints.limit = pods;
    for (let i: u32 = 0; i < pods; i++) this.list(i, 1000 + <u64>i);
    this.endpoints.listPickable();
  }

  list(number: u32, addressHash: u64): void {
    const endpoint = this.endpoints.at(number);
    endpoint.isListed = true;
    endpoint.mayBePicked = true;
    endpoint.addressHash = addressHash;
  }

  fails(number: u32, times: u32): void {
    for (let i: u32 = 0; i < times; i++) this.health.failed(number, NOW_MS, false);
  }

  /** Numbers that may be picked, as text. */
  get pickable(): string {
    const words: string[] = [];
    for (let i: u32 = 0; i < this.endpoints.pickableCount; i++) {
      words.push(this.endpoints.pickableAt(i).toString());
    }
    return words.join(" ");
  }
}

beforeEach(() => {
  clearHost();
});

describe("failures", () => {
  test("are counted over all VMs, and the third in a row ejects", () => {
    const a = new Vm(4);
    const b = new Vm(4);
    a.fails(2, 1);
    b.fails(2, 1);
    expect(b.pickable).toBe("0 1 2 3");
    a.fails(2, 1);
    expect(a.pickable).toBe("0 1 3");
    expect(b.pickable).toBe("0 1 2 3");
    b.health.tick(NOW_MS);
    expect(b.pickable).toBe("0 1 3");
    expect(b.health.ejectedCount).toBe(1);
  });

  test("are forgotten with an answer, whichever VM it came to", () => {
    const a = new Vm(4);
    const b = new Vm(4);
    a.fails(2, 2);
    b.health.tick(NOW_MS);
    b.health.succeeded(2, false);
    a.fails(2, 2);
    expect(a.pickable).toBe("0 1 2 3");
  });

  test("eject after as many as configured, and never with 0", () => {
    const vm = new Vm(4);
    vm.health.ejectAfterFailures = 5;
    vm.fails(2, 4);
    expect(vm.pickable).toBe("0 1 2 3");
    vm.fails(2, 1);
    expect(vm.pickable).toBe("0 1 3");
    vm.health.ejectAfterFailures = 0;
    vm.health.tick(NOW_MS);
    expect(vm.pickable).toBe("0 1 2 3");
    vm.fails(1, 9);
    vm.endpoints.at(3).ownInFlight = 1;
    vm.endpoints.at(3).noteOverdue(NOW_MS);
    vm.health.tick(NOW_MS + 9000);
    expect(vm.pickable).toBe("0 1 2 3");
  });

  test("eject at most half of the pods", () => {
    const vm = new Vm(5);
    for (let i: u32 = 0; i < 5; i++) vm.fails(i, 9);
    expect(vm.pickable).toBe("2 3 4");
  });

  test("of a pod that the table has out take nothing from the half of the others", () => {
    const vm = new Vm(5);
    vm.fails(0, 3);
    vm.endpoints.at(0).mayBePicked = false;
    vm.health.tick(NOW_MS);
    expect(vm.pickable).toBe("1 2 3 4");
    for (let i: u32 = 1; i < 5; i++) vm.fails(i, 9);
    expect(vm.pickable).toBe("3 4");
  });

  test("of a pod that has left are no other pod's", () => {
    const vm = new Vm(4);
    vm.fails(2, 2);
    vm.list(2, 77);
    vm.fails(2, 1);
    expect(vm.pickable).toBe("0 1 2 3");
    vm.fails(2, 2);
    expect(vm.pickable).toBe("0 1 3");
  });

  test("on all of 1,024 pods stay within their room", () => {
    const vm = new Vm(1024);
    for (let i: u32 = 0; i < 1024; i++) vm.fails(i, 3);
    expect(vm.health.ejectedCount).toBe(512);
    expect(vm.endpoints.pickableCount).toBe(512);
  });
});

describe("an ejected pod", () => {
  test("where the others have left, comes back before there is none", () => {
    const vm = new Vm(4);
    vm.fails(0, 3);
    vm.fails(1, 3);
    expect(vm.pickable).toBe("2 3");
    vm.endpoints.at(2).isListed = false;
    vm.endpoints.at(3).isListed = false;
    vm.health.tick(NOW_MS);
    expect(vm.pickable).toBe("1");
  });

  test("is promised to one probe of one VM", () => {
    const a = new Vm(4);
    const b = new Vm(4);
    a.fails(2, 3);
    b.health.tick(NOW_MS);
    expect(a.health.claimProbe(NOW_MS + 999, false)).toBe(-1);
    expect(a.health.claimProbe(NOW_MS + 1000, false)).toBe(2);
    expect(a.health.claimProbe(NOW_MS + 1001, false)).toBe(-1);
    expect(b.health.claimProbe(NOW_MS + 1001, false)).toBe(-1);
    // The VM that sent it has ended.
    expect(b.health.claimProbe(NOW_MS + 61000, false)).toBe(2);
  });

  test("is tried by a critical request where no other has come for 5 s", () => {
    const vm = new Vm(4);
    vm.fails(2, 3);
    expect(vm.health.claimProbe(NOW_MS + 5999, true)).toBe(-1);
    expect(vm.health.claimProbe(NOW_MS + 6000, true)).toBe(2);
  });

  test("that is silent is tried 30 s later where requests wait there", () => {
    const vm = new Vm(4);
    vm.endpoints.at(2).ownInFlight = 1;
    vm.endpoints.at(2).noteOverdue(NOW_MS);
    vm.health.tick(NOW_MS + 4500);
    expect(vm.pickable).toBe("0 1 3");
    expect(vm.health.claimProbe(NOW_MS + 35499, false)).toBe(-1);
    expect(vm.health.claimProbe(NOW_MS + 35500, false)).toBe(2);
  });

  test("leaves nothing behind when it has left the pool", () => {
    const vm = new Vm(4);
    const other = new Vm(4);
    vm.fails(2, 3);
    vm.endpoints.at(2).isListed = false;
    vm.health.tick(NOW_MS + 10);
    vm.endpoints.at(2).isListed = true;
    vm.endpoints.listPickable();
    vm.health.tick(NOW_MS + 20);
    other.health.tick(NOW_MS + 20);
    expect(vm.pickable).toBe("0 1 2 3");
    expect(other.pickable).toBe("0 1 2 3");
  });

  test("is left alone by a VM that knows no pod yet", () => {
    const vm = new Vm(4);
    const fresh = new Vm(0);
    vm.fails(2, 3);
    fresh.health.tick(NOW_MS + 10);
    vm.health.tick(NOW_MS + 20);
    expect(vm.pickable).toBe("0 1 3");
  });

  test("stays out where an answer from before speaks for it", () => {
    const a = new Vm(4);
    const b = new Vm(4);
    a.fails(2, 2);
    b.health.tick(NOW_MS - 10);
    a.fails(2, 1);
    // This VM has not looked since.
    b.health.succeeded(2, false);
    a.health.tick(NOW_MS + 10);
    expect(a.pickable).toBe("0 1 3");
  });

  test("that left the list with a probe under way begins anew once it is back", () => {
    const vm = new Vm(4);
    vm.fails(2, 3);
    expect(vm.health.claimProbe(NOW_MS + 1000, false)).toBe(2);
    vm.endpoints.at(2).isListed = false;
    vm.health.tick(NOW_MS + 1500);
    vm.health.releaseProbe(2, NOW_MS + 1600);
    vm.endpoints.at(2).isListed = true;
    vm.endpoints.listPickable();
    vm.health.tick(NOW_MS + 2000);
    expect(vm.pickable).toBe("0 1 2 3");
    vm.fails(2, 3);
    expect(vm.pickable).toBe("0 1 3");
    expect(vm.health.claimProbe(NOW_MS + 1000, false)).toBe(2);
  });

  test("waits twice as long after each failed probe, and is back after a good one", () => {
    const vm = new Vm(4);
    vm.fails(2, 3);
    let nowMs = NOW_MS;
    let waitMs: f64 = 1000;
    for (let i = 0; i < 8; i++) {
      expect(vm.health.claimProbe(nowMs + waitMs - 1, false)).toBe(-1);
      nowMs += waitMs;
      expect(vm.health.claimProbe(nowMs, false)).toBe(2);
      vm.health.failed(2, nowMs, true);
      waitMs = Math.min(waitMs * 2, 60000);
    }
    vm.health.succeeded(2, false);
    expect(vm.pickable).toBe("0 1 3");
    vm.health.succeeded(2, true);
    expect(vm.pickable).toBe("0 1 2 3");
  });

  test("that was silent comes back with its first progress, at whichever VM", () => {
    const a = new Vm(4);
    const b = new Vm(4);
    a.endpoints.at(2).ownInFlight = 1;
    a.endpoints.at(2).noteOverdue(NOW_MS);
    a.health.tick(NOW_MS + 4499);
    expect(a.pickable).toBe("0 1 2 3");
    a.health.tick(NOW_MS + 4500);
    expect(a.pickable).toBe("0 1 3");
    b.health.tick(NOW_MS + 4510);
    expect(b.endpoints.at(2).isHung).toBe(true);
    b.endpoints.at(2).progressAtMs = NOW_MS + 9000;
    b.health.tick(NOW_MS + 9010);
    expect(b.pickable).toBe("0 1 2 3");
    // What the other one holds against it is old.
    a.health.tick(NOW_MS + 9020);
    a.health.tick(NOW_MS + 9030);
    expect(a.pickable).toBe("0 1 2 3");
  });
});

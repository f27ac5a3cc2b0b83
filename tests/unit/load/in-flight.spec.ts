// A request's weight on its pod, against plain sums over all requests that are held.
import { Endpoints } from "../../../filter/load/endpoint";
import { Hold } from "../../../filter/load/in-flight";
import { Random } from "../prefix/random";

const PODS: u32 = 5;

function newHold(): Hold {
  const at = heap.alloc(offsetof<Hold>());
  memory.fill(at, 0, offsetof<Hold>());
  return changetype<Hold>(at);
}

class Request {
  isHeld: bool = false;
  isUnprefilled: bool = false;
  pod: u32 = 0;
  backlog: u32 = 0;
  kv: u32 = 0;
}

/** Compares each pod's sums with those over the requests; the first difference, or "". */
function fault(endpoints: Endpoints, requests: Request[]): string {
  for (let pod: u32 = 0; pod < PODS; pod++) {
    let inFlight = 0;
    let unprefilled = 0;
    let backlog: i64 = 0;
    let kv: i64 = 0;
    for (let i = 0; i < requests.length; i++) {
      const request = requests[i];
      if (!request.isHeld || request.pod != pod) continue;
      inFlight++;
      kv += request.kv;
      if (!request.isUnprefilled) continue;
      unprefilled++;
      backlog += request.backlog;
    }
    const endpoint = endpoints.at(pod);
    if (endpoint.ownInFlight != inFlight) return `pod ${pod}: ${endpoint.ownInFlight} in flight`;
    if (endpoint.ownUnprefilled != unprefilled) return `pod ${pod}: ${endpoint.ownUnprefilled}`;
    if (endpoint.ownBacklogTokens != backlog) return `pod ${pod}: backlog`;
    if (endpoint.ownKvTokens != kv) return `pod ${pod}: kv`;
  }
  return "";
}

describe("a hold", () => {
  test("takes, lightens and gives back once", () => {
    const endpoints = new Endpoints();
    const endpoint = endpoints.at(3);
    const hold = newHold();
    expect(hold.isHeld).toBe(false);
    hold.take(endpoints, 3, 900, 1200);
    expect(hold.isHeld && hold.isUnprefilled).toBe(true);
    expect(hold.endpoint).toBe(3);
    expect(endpoint.ownInFlight).toBe(1);
    expect(endpoint.backlogTokens).toBe(900);
    hold.releaseBacklog(endpoints);
    hold.releaseBacklog(endpoints);
    expect(hold.isHeld && !hold.isUnprefilled).toBe(true);
    expect(endpoint.backlogTokens).toBe(0);
    expect(endpoint.ownKvTokens).toBe(1200);
    hold.giveBack(endpoints);
    hold.giveBack(endpoints);
    hold.releaseBacklog(endpoints);
    expect(endpoint.ownInFlight).toBe(0);
    expect(endpoint.ownUnprefilled).toBe(0);
    expect(endpoint.ownBacklogTokens).toBe(0);
    expect(endpoint.ownKvTokens).toBe(0);
  });

  test("that was never taken has nothing to give back", () => {
    const endpoints = new Endpoints();
    const hold = newHold();
    hold.giveBack(endpoints);
    hold.releaseBacklog(endpoints);
    expect(endpoints.at(0).ownInFlight).toBe(0);
    expect(endpoints.at(0).ownUnprefilled).toBe(0);
  });

  test("moves whole when it is taken again elsewhere", () => {
    const endpoints = new Endpoints();
    const hold = newHold();
    hold.take(endpoints, 1, 10, 20);
    hold.releaseBacklog(endpoints);
    hold.take(endpoints, 2, hold.backlogTokens, hold.kvTokens);
    expect(endpoints.at(1).ownInFlight).toBe(0);
    expect(endpoints.at(1).ownKvTokens).toBe(0);
    expect(endpoints.at(2).ownInFlight).toBe(1);
    expect(endpoints.at(2).backlogTokens).toBe(10);
    expect(endpoints.at(2).ownKvTokens).toBe(20);
  });

  test("of the greatest numbers does not overflow a pod's sums", () => {
    const endpoints = new Endpoints();
    const holds: Hold[] = [];
    for (let i = 0; i < 4; i++) {
      holds.push(newHold());
      holds[i].take(endpoints, 0, u32.MAX_VALUE, u32.MAX_VALUE);
    }
    expect(endpoints.at(0).backlogTokens).toBe(17179869180);
    expect(endpoints.at(0).ownKvTokens).toBe(17179869180);
    for (let i = 0; i < 4; i++) holds[i].giveBack(endpoints);
    expect(endpoints.at(0).ownBacklogTokens).toBe(0);
  });

  test("keeps sums equal to those over all requests, in any order of events", () => {
    const endpoints = new Endpoints();
    const random = new Random(8);
    const holds: Hold[] = [];
    const requests: Request[] = [];
    for (let i = 0; i < 40; i++) {
      holds.push(newHold());
      requests.push(new Request());
    }
    for (let step = 0; step < 5000; step++) {
      const at = random.below(40);
      const request = requests[at];
      const kind = random.below(3);
      if (kind == 0) {
        request.isHeld = request.isUnprefilled = true;
        request.pod = random.below(PODS);
        request.backlog = random.below(100000);
        request.kv = random.below(100000);
        holds[at].take(endpoints, request.pod, request.backlog, request.kv);
      } else if (kind == 1) {
        request.isUnprefilled = false;
        holds[at].releaseBacklog(endpoints);
      } else {
        request.isHeld = false;
        holds[at].giveBack(endpoints);
      }
      if (step % 10 == 0) expect(fault(endpoints, requests)).toBe("");
    }
  });
});

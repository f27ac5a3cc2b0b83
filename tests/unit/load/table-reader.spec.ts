// The load table: the fixture that the sidecar's tests encode, and tables laid by hand.
import { ENDPOINTS_MAX, UNCONFIRMED_HITS_MAX } from "../../../filter/constants";
import { Endpoint, Endpoints, MISSING } from "../../../filter/load/endpoint";
import {
  isSoundTable,
  readTable,
  TableHead,
  tableBytesOf,
} from "../../../filter/load/table-reader";
import { Random } from "../prefix/random";
import { readFixture } from "../fake-host";
import { answerOf, Notes, Row, Table } from "./tables";

const NOW_MS: f64 = 1767225600000;

/** A reader with its endpoints and what its listener was told. */
class Reader {
  readonly head: TableHead = new TableHead();
  readonly endpoints: Endpoints = new Endpoints();
  readonly notes: Notes = new Notes();

  read(rows: Row[], nowMs: f64 = NOW_MS): string {
    const table = new Table(rows);
    if (!isSoundTable(table.at, table.size)) return "refused";
    readTable(table.at, nowMs, this.head, this.endpoints, this.notes);
    return this.notes.take();
  }

  pickable(): string {
    let text = "";
    for (let i: u32 = 0; i < this.endpoints.pickableCount; i++) {
      text += (i > 0 ? " " : "") + this.endpoints.pickableAt(i).toString();
    }
    return text;
  }
}

function addressOf(endpoint: Endpoint): string {
  return String.UTF8.decodeUnsafe(endpoint.address, endpoint.addressSize);
}

function shared(endpoint: Endpoint): string {
  const parts: u32[] = [
    endpoint.sharedInFlight,
    endpoint.sharedUnprefilled,
    endpoint.sharedBacklogTokens,
    endpoint.sharedKvTokens,
  ];
  return parts.join(" ");
}

function isSound(table: Table): bool {
  return isSoundTable(table.at, table.size);
}

function capped(number: u32, capacityTokens: u32): Row {
  const row = new Row(number, "10.0.0.1:80");
  row.capacityTokens = capacityTokens;
  return row;
}

describe("the fixture", () => {
  test("is sound and has the header's fields", () => {
    const bytes = readFixture("table-v1.bin");
    expect(isSoundTable(bytes.dataStart, bytes.length)).toBe(true);
    const reader = new Reader();
    readTable(bytes.dataStart, NOW_MS, reader.head, reader.endpoints, reader.notes);
    expect(reader.head.strategy).toBe(2);
    expect(reader.head.hasKey).toBe(true);
    expect(reader.head.key0).toBe(0x0706050403020100);
    expect(reader.head.key1).toBe(0x0f0e0d0c0b0a0908);
    expect(reader.head.sequence).toBe(4294967297);
    expect(reader.endpoints.limit).toBe(1024);
    expect(reader.pickable()).toBe("0 7");
    expect(reader.notes.take()).toBe("capacity 0 305008, capacity 7 4000000000, capacity 1023 0");
  });

  test("has the rows of table-v1.json", () => {
    const bytes = readFixture("table-v1.bin");
    const reader = new Reader();
    readTable(bytes.dataStart, NOW_MS, reader.head, reader.endpoints, reader.notes);
    const first = reader.endpoints.at(0);
    expect(addressOf(first)).toBe("10.0.0.7:8000");
    expect(first.isListed && first.mayBePicked).toBe(true);
    expect(first.isCacheOff).toBe(false);
    expect(first.epoch).toBe(1);
    expect(first.scrapedAtMs).toBe(NOW_MS - 37);
    expect(first.waiting).toBe(3);
    expect(first.running).toBe(12);
    expect(first.kvUse).toBe(0.5);
    expect(first.capacityTokens).toBe(305008);

    const second = reader.endpoints.at(7);
    expect(addressOf(second)).toBe("[fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:1111]:65535");
    expect(second.isCacheOff && second.mayBePicked).toBe(true);
    expect(second.epoch).toBe(4294967295);
    expect(second.scrapedAtMs).toBe(NOW_MS - 4294967294);
    expect(second.waiting).toBe(0);
    expect(second.running).toBe(MISSING);
    expect(second.kvUse).toBe(0.984375);

    const last = reader.endpoints.at(1023);
    expect(addressOf(last)).toBe("[::1]:9");
    expect(last.isListed).toBe(true);
    expect(last.mayBePicked).toBe(false);
    expect(last.scrapedAtMs).toBe(0);
    expect(last.waiting).toBe(MISSING);
    expect(isNaN(last.kvUse)).toBe(true);
  });

  test("has what other gateways share", () => {
    const bytes = readFixture("table-v1.bin");
    const reader = new Reader();
    readTable(bytes.dataStart, NOW_MS, reader.head, reader.endpoints, reader.notes);
    expect(shared(reader.endpoints.at(0))).toBe("5 2 2400 31000");
    expect(shared(reader.endpoints.at(7))).toBe("4294967294 4294967294 4294967294 4294967294");
    expect(shared(reader.endpoints.at(1023))).toBe("0 0 0 0");
  });

  test("is refused with any one byte changed, and cut anywhere", () => {
    const bytes = readFixture("table-v1.bin");
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] ^= 0x41;
      expect(isSoundTable(bytes.dataStart, bytes.length)).toBe(false);
      bytes[i] ^= 0x41;
      expect(isSoundTable(bytes.dataStart, i)).toBe(false);
    }
    expect(isSoundTable(bytes.dataStart, bytes.length)).toBe(true);
  });
});

describe("what other gateways share", () => {
  test("counts until a table says that they do not, or is of a sidecar that knows none", () => {
    const row = new Row(2, "a:1");
    row.sharedInFlight = 7;
    row.sharedUnprefilled = 6;
    row.sharedBacklogTokens = 5;
    row.sharedKvTokens = 4;
    const unshared = new Row(2, "a:1");
    unshared.sharedUnprefilled = 6;
    const reader = new Reader();
    // Rows of 124 bytes hold a part of it: as good as nothing.
    const widths: u32[] = [112, 124, 128, 140];
    const told = ["0 0 0 0", "0 0 0 0", "7 6 5 4", "7 6 5 4"];
    for (let i = 0; i < widths.length; i++) {
      const table = new Table([row], 72, widths[i]);
      expect(isSound(table)).toBe(true);
      readTable(table.at, NOW_MS, reader.head, reader.endpoints, reader.notes);
      expect(shared(reader.endpoints.at(2))).toBe(told[i]);
    }
    const last = new Table([unshared], 72, 128);
    readTable(last.at, NOW_MS, reader.head, reader.endpoints, reader.notes);
    expect(shared(reader.endpoints.at(2))).toBe("0 0 0 0");
  });
});

describe("a table is refused", () => {
  test("of a wrong magic or version", () => {
    const table = new Table([new Row(0, "a:1")]);
    store<u8>(table.at, 0x58);
    expect(isSound(table)).toBe(false);
    store<u8>(table.at, 0x57);
    expect(isSound(table)).toBe(true);
    store<u16>(table.at, 2, 4);
    expect(isSound(table)).toBe(false);
  });

  test("whose lengths do not add up, though its checksum holds", () => {
    const rows = [new Row(0, "a:1"), new Row(1, "b:1")];
    const lies: u32[] = [0, 1, 3, 1024, 1025, 0x2000000, u32.MAX_VALUE];
    for (let i = 0; i < lies.length; i++) {
      const table = new Table(rows);
      store<u32>(table.at, lies[i], 16);
      table.seal();
      expect(isSound(table)).toBe(false);
    }
    const widths: u16[] = [0, 111, 56, 113, 224, 65535];
    for (let i = 0; i < widths.length; i++) {
      const table = new Table(rows);
      store<u16>(table.at, widths[i], 20);
      table.seal();
      expect(isSound(table)).toBe(false);
    }
    const heads: u16[] = [0, 71, 73, 184, 65535];
    for (let i = 0; i < heads.length; i++) {
      const table = new Table(rows);
      store<u16>(table.at, heads[i], 6);
      expect(isSound(table)).toBe(false);
    }
  });

  test("that is not whole words: its checksum would not cover the last bytes", () => {
    expect(isSound(new Table([new Row(0, "a:1"), new Row(1, "b:1")], 72, 113))).toBe(false);
    expect(isSound(new Table([new Row(0, "a:1"), new Row(1, "b:1")], 74, 113))).toBe(true);
  });

  test("with more rows than there are numbers", () => {
    const rows: Row[] = [];
    for (let i: u32 = 0; i < ENDPOINTS_MAX; i++) rows.push(new Row(i, "a:1"));
    expect(isSound(new Table(rows))).toBe(true);
    rows.push(new Row(0, "a:1"));
    expect(isSound(new Table(rows))).toBe(false);
  });

  test("when it is random bytes behind a right start", () => {
    const random = new Random(3);
    for (let i = 0; i < 2000; i++) {
      const table = new Table([new Row(0, "a:1"), new Row(5, "b:1")]);
      for (let k = 0; k < 3; k++) table.bytes[4 + random.below(table.size - 4)] = <u8>random.next();
      table.seal();
      // Sound or not, reading a sound one must not leave the endpoints.
      if (!isSound(table)) continue;
      const reader = new Reader();
      readTable(table.at, NOW_MS, reader.head, reader.endpoints, reader.notes);
      expect(reader.endpoints.limit).toBeLessThanOrEqual(ENDPOINTS_MAX);
      expect(reader.endpoints.pickableCount).toBeLessThanOrEqual(2);
    }
  });
});

describe("an answer", () => {
  test("holds a table and records", () => {
    const table = new Table([new Row(2, "a:1")]);
    const alone = answerOf(table);
    expect(tableBytesOf(alone.dataStart, alone.length)).toBe(72 + 112);
    const both = answerOf(table, 40);
    expect(tableBytesOf(both.dataStart, both.length)).toBe(72 + 112);
  });

  test("is refused when it is cut, or its lengths lie", () => {
    const answer = answerOf(new Table([new Row(2, "a:1")]), 8);
    for (let size = 0; size < answer.length; size++) {
      expect(tableBytesOf(answer.dataStart, size)).toBe(0);
    }
    const at = answer.dataStart;
    store<u32>(at, 0xffffffff, 8);
    expect(tableBytesOf(at, answer.length)).toBe(0);
    // The sum would be right again in 32 bits.
    store<u32>(at, 0xffffffff, 4);
    store<u32>(at, <u32>answer.length - 16 + 1, 8);
    expect(tableBytesOf(at, answer.length)).toBe(0);
  });
});

describe("later versions", () => {
  test("may have longer headers and rows: what is appended is skipped", () => {
    const rows = [new Row(1, "10.0.0.1:80"), new Row(4, "10.0.0.4:80")];
    const table = new Table(rows, 96, 136, 1);
    expect(isSound(table)).toBe(true);
    const reader = new Reader();
    readTable(table.at, NOW_MS, reader.head, reader.endpoints, reader.notes);
    expect(reader.head.strategy).toBe(1);
    expect(reader.pickable()).toBe("1 4");
    expect(addressOf(reader.endpoints.at(4))).toBe("10.0.0.4:80");
  });
});

describe("rows", () => {
  test("with an address that no header can hold are passed over, the others count", () => {
    const reader = new Reader();
    reader.read([
      new Row(1, "10.0.0.1:80\n"),
      new Row(2, "10.0.0.2:80,6.6.6.6:6"),
      new Row(3, "10.0.0.3: 80"),
      new Row(4, "10.0.0.4:80"),
    ]);
    expect(reader.endpoints.at(1).isListed).toBe(false);
    expect(reader.endpoints.at(2).isListed).toBe(false);
    expect(reader.endpoints.at(3).isListed).toBe(false);
    expect(reader.endpoints.at(4).isListed).toBe(true);
  });

  test("with a number or an address out of range are passed over, the others count", () => {
    const high = new Row(1024, "a:1");
    const higher = new Row(65535, "a:1");
    const empty = new Row(1, "");
    const long = new Row(2, "a:1");
    long.addressSize = 48;
    const longest = new Row(3, "x".repeat(47));
    const reader = new Reader();
    reader.read([high, higher, empty, long, longest, new Row(1023, "b:1")]);
    expect(reader.pickable()).toBe("3 1023");
    expect(addressOf(reader.endpoints.at(3))).toBe("x".repeat(47));
    expect(reader.endpoints.limit).toBe(1024);
  });

  test("that are given twice: the last one counts", () => {
    const reader = new Reader();
    reader.read([new Row(3, "a:1"), new Row(3, "b:1")]);
    expect(reader.pickable()).toBe("3");
    expect(addressOf(reader.endpoints.at(3))).toBe("b:1");
  });

  test("may be none", () => {
    const reader = new Reader();
    reader.read([new Row(3, "a:1")]);
    expect(reader.read([])).toBe("lost 3");
    expect(reader.pickable()).toBe("");
    expect(reader.endpoints.at(3).isListed).toBe(false);
  });
});

describe("the cache of a pod", () => {
  test("is told its capacity once, and when it changes", () => {
    const reader = new Reader();
    expect(reader.read([capped(5, 1000)])).toBe("capacity 5 1000");
    expect(reader.read([capped(5, 1000)])).toBe("");
    expect(reader.read([capped(5, 2000)])).toBe("capacity 5 2000");
  });

  test("is lost with another epoch", () => {
    const reader = new Reader();
    reader.read([capped(5, 1000), capped(6, 1000)]);
    reader.endpoints.at(5).confirmedHits = 7;
    const restarted = capped(5, 1000);
    restarted.epoch = 2;
    expect(reader.read([restarted, capped(6, 1000)])).toBe("lost 5, capacity 5 1000");
    expect(reader.endpoints.at(5).confirmedHits).toBe(0);
    expect(reader.read([restarted, capped(6, 1000)])).toBe("");
  });

  test("is lost when the pod leaves the table, and told anew when it comes back", () => {
    const reader = new Reader();
    reader.read([capped(5, 1000), capped(6, 1000)]);
    expect(reader.read([capped(6, 1000)])).toBe("lost 5");
    expect(reader.pickable()).toBe("6");
    expect(reader.read([capped(6, 1000)])).toBe("");
    expect(reader.read([capped(5, 1000), capped(6, 1000)])).toBe("capacity 5 1000");
    expect(reader.pickable()).toBe("5 6");
  });

  test("is lost when another pod has its number: a sidecar that restarts counts anew", () => {
    const reader = new Reader();
    reader.read([new Row(0, "10.0.0.7:80"), new Row(1, "10.0.0.8:80")]);
    reader.endpoints.at(1).prefillTokens = 9000;
    const after = reader.read([new Row(0, "10.0.0.7:80"), new Row(1, "10.0.0.9:80")]);
    expect(after).toBe("lost 1, capacity 1 0");
    expect(reader.endpoints.at(1).prefillTokens).toBe(0);
    expect(reader.read([new Row(0, "10.0.0.7:8"), new Row(1, "10.0.0.9:80")])).toBe(
      "lost 0, capacity 0 0",
    );
  });

  test("is off when the pod says so, or when no hit of many was seen", () => {
    const reader = new Reader();
    const off = new Row(1, "a:1");
    off.flags = 3;
    reader.read([new Row(0, "a:1"), off]);
    expect(reader.endpoints.at(0).isCacheOff).toBe(false);
    expect(reader.endpoints.at(1).isCacheOff).toBe(true);
    const endpoint = reader.endpoints.at(0);
    endpoint.predictedHits = UNCONFIRMED_HITS_MAX - 1;
    reader.read([new Row(0, "a:1")]);
    expect(endpoint.isCacheOff).toBe(false);
    endpoint.predictedHits = UNCONFIRMED_HITS_MAX;
    reader.read([new Row(0, "a:1")]);
    expect(endpoint.isCacheOff).toBe(true);
    endpoint.confirmedHits = 1;
    reader.read([new Row(0, "a:1")]);
    expect(endpoint.isCacheOff).toBe(false);
  });

  test("is taken to be on again with another epoch", () => {
    const reader = new Reader();
    reader.read([new Row(0, "a:1")]);
    reader.endpoints.at(0).predictedHits = UNCONFIRMED_HITS_MAX;
    const restarted = new Row(0, "a:1");
    restarted.epoch = 2;
    reader.read([restarted]);
    expect(reader.endpoints.at(0).isCacheOff).toBe(false);
  });
});

describe("a pod at its adapter limit", () => {
  test("says so by a flag of its row", () => {
    const reader = new Reader();
    const row = new Row(0, "a:1");
    row.flags = 5;
    reader.read([row]);
    expect(reader.endpoints.at(0).isAtAdapterLimit).toBe(true);
    expect(reader.endpoints.at(0).isCacheOff).toBe(false);
    row.flags = 3;
    reader.read([row]);
    expect(reader.endpoints.at(0).isAtAdapterLimit).toBe(false);
  });
});

/** When the pod was last seen to compute, after pages with these counters, one each second. */
function progressAfter(prompts: f64[], answers: f64[], epochs: u32[]): f64 {
  const reader = new Reader();
  for (let i = 0; i < prompts.length; i++) {
    const row = new Row(0, "a:1");
    row.promptTokens = prompts[i];
    row.generatedTokens = answers[i];
    row.epoch = epochs[i];
    reader.read([row], NOW_MS + 1000 * <f64>i);
  }
  const atMs = reader.endpoints.at(0).progressAtMs;
  return atMs == 0 ? -1 : atMs - NOW_MS;
}

describe("a pod's progress", () => {
  test("is seen when its counters of tokens have moved", () => {
    expect(progressAfter([10, 10, 11, 11], [5, 5, 5, 5], [1, 1, 1, 1])).toBe(2000);
    expect(progressAfter([10, 10, 10, 10], [5, 6, 7, 7], [1, 1, 1, 1])).toBe(2000);
  });

  test("is none in a first page, a page of another process, or one without counters", () => {
    expect(progressAfter([10], [5], [1])).toBe(-1);
    expect(progressAfter([10, 90], [5, 5], [1, 2])).toBe(-1);
    expect(progressAfter([10, NaN, 12], [5, 5, 5], [1, 1, 1])).toBe(-1);
    expect(progressAfter([10, 10], [5, 5], [1, 1])).toBe(-1);
  });
});

describe("models behind the rows", () => {
  test("are no reason to refuse the table, whatever they are", () => {
    const bytes = readFixture("table-v1-models.bin");
    expect(isSoundTable(bytes.dataStart, bytes.length)).toBe(true);
    const reader = new Reader();
    readTable(bytes.dataStart, NOW_MS, reader.head, reader.endpoints, reader.notes);
    expect(reader.pickable()).toBe("0 7");
    expect(reader.endpoints.at(7).isAtAdapterLimit).toBe(true);
    expect(reader.endpoints.at(0).isAtAdapterLimit).toBe(false);
  });
});

describe("requests in flight", () => {
  test("outlive the row that they were routed by", () => {
    const reader = new Reader();
    reader.read([new Row(3, "a:1")]);
    reader.endpoints.at(3).ownInFlight = 2;
    reader.read([]);
    expect(reader.endpoints.at(3).ownInFlight).toBe(2);
    reader.read([new Row(3, "a:1")]);
    expect(reader.endpoints.at(3).ownInFlight).toBe(2);
  });
});

// What sharing costs a sidecar by number of gateways, request rate and prompt length: messages and
// bytes a second, and CPU time without that of the NATS client; argument: simulated seconds.
import { PoolExchange } from "../../sidecar-metrics/src/sharing/pool-exchange.js";
import type { PodReport } from "../../sidecar-metrics/src/sync/report.js";

const SECONDS_DEFAULT = 5;
const PODS = 100;
/** What the manifests set where gateways share. */
const POLL_MS = 20;
/** A request is routed, its first token comes, it ends: each changes the load of its pod. */
const CHANGES_PER_REQUEST = 3;
/** Checkpoints of a prompt of 2 KB and of one of 220 KB (docs/decisions/0002-checkpoints.md). */
const CHECKPOINTS = { "2 KB": 9, "220 KB": 110 };
const RECORD_HEADER_BYTES = 12;
const ENTRY_BYTES = 12;
const KEY = Buffer.alloc(16, 1);

const addresses = Array.from({ length: PODS }, (_, pod) => `10.0.${pod >> 8}.${pod & 255}:8000`);
const numberOf = new Map(addresses.map((address, number) => [address, number]));
const POOL = {
  name: "pool",
  numbers: {
    addressOf: (number: number) => addresses[number] ?? null,
    numberOf: (address: string) => numberOf.get(address) ?? null,
  },
};

interface Message {
  bytes: Buffer;
  isLoad: boolean;
}

/** One gateway and its sidecar, with a clock of their own. */
class Side {
  readonly sent: Message[] = [];
  readonly exchange: PoolExchange;
  nowMs = 0;
  private requests = 0;
  private owed = 0;

  constructor(
    private readonly id: number,
    private readonly requestsPerSecond: number,
    private readonly checkpoints: number,
  ) {
    const self = { node: this.hex(1), name: `gateway-${id}` };
    const clock = { nowMs: () => this.nowMs, unixMs: () => this.nowMs, random: () => 0 };
    this.exchange = new PoolExchange(POOL, self, clock, KEY);
    this.exchange.onLoad = (bytes) => this.sent.push({ bytes, isLoad: true });
    this.exchange.onRecords = () => {
      const out = this.exchange.nextRecords();
      if (out === null) return;
      this.sent.push({ bytes: out.bytes, isLoad: false });
      this.exchange.published(out.id);
    };
  }

  /** One poll: the requests since the last one, and the load that they have changed. */
  poll(): void {
    this.owed += (this.requestsPerSecond * POLL_MS) / 1000;
    const made = Math.floor(this.owed);
    this.owed -= made;
    const records = Array.from({ length: made }, () => this.insert());
    const pods: PodReport[] = [];
    const busy = Math.min(PODS, Math.ceil(this.requestsPerSecond * CHANGES_PER_REQUEST));
    for (let i = 0; i < busy; i++) {
      const changes = Math.floor((this.requests * CHANGES_PER_REQUEST + i) / PODS);
      const load = { unprefilled: 1, backlogTokens: 1000, kvTokens: 5000, ejected: null };
      pods.push({ number: i, inFlight: 1 + (changes % 7), ...load });
    }
    this.exchange.tell(this.hex(0), pods, Buffer.concat(records));
    this.exchange.records.after(this.hex(0), this.exchange.records.end, this.nowMs);
  }

  private insert(): Buffer {
    const record = Buffer.alloc(RECORD_HEADER_BYTES + this.checkpoints * ENTRY_BYTES);
    record.writeUInt16LE(record.length, 0);
    record.writeUInt8(1, 2);
    record.writeUInt16LE(this.requests++ % PODS, 8);
    record.writeUInt16LE(this.checkpoints, 10);
    return record;
  }

  private hex(kind: number): string {
    return (this.id * 2 + kind + 1).toString(16).padStart(16, "0");
  }
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function measure(
  gateways: number,
  rate: number,
  prompt: keyof typeof CHECKPOINTS,
  seconds: number,
) {
  const side = (id: number): Side => new Side(id, rate / gateways, CHECKPOINTS[prompt]);
  const [self, other] = [side(0), side(1)];
  // The first of them tells; what it sent stands for what each other one would send.
  let tellMs = 0;
  let takeMs = 0;
  let [outBytes, messages] = [0, 0];
  for (let atMs = 0; atMs < seconds * 1000; atMs += POLL_MS) {
    self.nowMs = atMs;
    tellMs += cpuMs(() => self.poll());
    for (const { bytes } of self.sent) outBytes += bytes.length;
    messages += self.sent.length;
    other.nowMs = atMs;
    takeMs += cpuMs(() => {
      for (const { bytes, isLoad } of self.sent) {
        if (isLoad) other.exchange.takeLoad(bytes);
        else other.exchange.takeRecords(bytes);
      }
    });
    self.sent.length = 0;
  }
  const others = gateways - 1;
  return {
    gateways,
    "requests/s": rate,
    prompt,
    "out KB/s": Math.round(outBytes / seconds / 100) / 10,
    "in KB/s": Math.round((others * outBytes) / seconds / 1000),
    "in messages/s": Math.round((others * messages) / seconds),
    "CPU ms/s": Math.round(((tellMs + others * takeMs) / seconds) * 10) / 10,
    "NATS out MB/s": Math.round((gateways * others * outBytes) / seconds / 1e5) / 10,
  };
}

const seconds = Number(process.argv[2] ?? SECONDS_DEFAULT);
const rows = [];
measure(10, 1000, "2 KB", 1);
for (const prompt of Object.keys(CHECKPOINTS) as (keyof typeof CHECKPOINTS)[]) {
  for (const gateways of [3, 10, 100]) {
    for (const rate of [100, 1000]) rows.push(measure(gateways, rate, prompt, seconds));
  }
}
console.log(
  `each sidecar, ${PODS} pods, a poll every ${POLL_MS} ms; without the NATS client's CPU`,
);
console.table(rows);

// Joins sidecars in memory: what is sent waits until a test delivers it, or does worse with it.
import type {
  Carrier,
  CarrierStatus,
  OutMessage,
  SharedPool,
} from "../../../sidecar-metrics/src/sharing/carrier.js";

/** Something on its way to one pool of one sidecar. */
export interface Envelope {
  pool: SharedPool;
  kind: "records" | "load";
  bytes: Buffer;
}

const STATUS: CarrierStatus = {
  server: "fake",
  hasStream: true,
  problems: [],
  disconnects: 0,
  publishedMessages: 0,
  publishedBytes: 0,
  receivedMessages: 0,
  receivedBytes: 0,
  retries: 0,
  ackMs: null,
};

/** The server: one stream a pool, which keeps all, and the sidecars that are connected. */
export class FakeServer {
  isUp = true;
  /** The stream takes a message, and its word of that is lost. */
  losesAcks = false;
  readonly stream: (OutMessage & { pool: string })[] = [];
  readonly carriers: FakeCarrier[] = [];

  connect(): FakeCarrier {
    const carrier = new FakeCarrier(this);
    this.carriers.push(carrier);
    return carrier;
  }

  take(pool: string, { id, bytes }: OutMessage): void {
    if (this.stream.some((kept) => kept.id === id)) return;
    const kept = Buffer.from(bytes);
    this.stream.push({ id, bytes: kept, pool });
    // The stream gives to all, to the sender as well.
    for (const carrier of this.carriers) carrier.put(pool, "records", kept);
  }

  /** Everything arrives, in order. */
  deliver(): void {
    for (const carrier of this.carriers) carrier.deliver();
  }
}

export class FakeCarrier implements Carrier {
  readonly status = STATUS;
  /** What is on its way to this sidecar; tests change it as they like. */
  inbox: Envelope[] = [];
  readonly pools: SharedPool[] = [];

  constructor(private readonly server: FakeServer) {}

  replaying(): string[] {
    return [];
  }

  follow(pool: SharedPool): void {
    this.pools.push(pool);
    pool.onRecords = () => this.pump();
    pool.onLoad = (message) => {
      if (!this.server.isUp) return;
      for (const other of this.server.carriers) {
        if (other !== this) other.put(pool.name, "load", Buffer.from(message));
      }
    };
    for (const kept of this.server.stream) {
      if (kept.pool === pool.name) this.inbox.push({ pool, kind: "records", bytes: kept.bytes });
    }
  }

  unfollow(pool: SharedPool): void {
    pool.onRecords = null;
    pool.onLoad = null;
    const at = this.pools.indexOf(pool);
    if (at >= 0) this.pools.splice(at, 1);
    this.inbox = this.inbox.filter((envelope) => envelope.pool !== pool);
  }

  stop(): Promise<void> {
    for (const pool of [...this.pools]) this.unfollow(pool);
    this.server.carriers.splice(this.server.carriers.indexOf(this), 1);
    return Promise.resolve();
  }

  put(name: string, kind: Envelope["kind"], bytes: Buffer): void {
    for (const pool of this.pools) {
      if (pool.name === name) this.inbox.push({ pool, kind, bytes });
    }
  }

  /** The oldest `count` of what is on its way arrive. */
  deliver(count = this.inbox.length): void {
    for (const { pool, kind, bytes } of this.inbox.splice(0, count)) {
      if (kind === "records") pool.takeRecords(bytes);
      else pool.takeLoad(bytes);
    }
  }

  /** Publishes what waits; called by the pools, and by tests when the server is back. */
  pump(): void {
    for (const pool of this.pools) {
      for (;;) {
        const message = this.server.isUp ? pool.nextRecords() : null;
        if (message === null) break;
        this.server.take(pool.name, message);
        if (this.server.losesAcks) break;
        pool.published(message.id);
      }
    }
  }
}

// The two sides of sharing between sidecars: what a pool has to say and hear, and what carries it.

/** One message that has to reach the stream. */
export interface OutMessage {
  /** The same message has the same id when it is sent again; no other message has it. */
  id: string;
  bytes: Buffer;
}

/** What a carrier sees of a pool. Its messages are opaque here (docs/sharing.md, "Messages"). */
export interface SharedPool {
  readonly name: string;
  /** Called when there is a message of records to be published; set by the carrier. */
  onRecords: (() => void) | null;
  /** Called with a message of load, to be sent at once or not at all; set by the carrier. */
  onLoad: ((message: Buffer) => void) | null;
  /** The oldest message of records that is not published; null: there is none. */
  nextRecords(): OutMessage | null;
  /** The stream has taken the message that `nextRecords` gave. */
  published(id: string): void;
  /** A message of the stream, in the stream's order; our own come back as well. */
  takeRecords(message: Uint8Array): void;
  /** A message of load; our own do not come back. */
  takeLoad(message: Uint8Array): void;
}

/** What a person may want to know of a carrier. */
export interface CarrierStatus {
  /** The server that we are connected to, `host:port`; null: none. */
  server: string | null;
  /** The stream takes and gives records. */
  hasStream: boolean;
  /** Whole sentences, newest state only; empty where all is well. */
  problems: string[];
  /** How often a connection was lost. */
  disconnects: number;
  /** Messages of records that the stream took, and bytes in them. */
  publishedMessages: number;
  publishedBytes: number;
  /** Messages of records and of load that came, our own not counted, and bytes in them. */
  receivedMessages: number;
  receivedBytes: number;
  /** Publications that failed and were tried again. */
  retries: number;
  /** Time from publishing to the stream's word that it has the message, the last one, in ms. */
  ackMs: number | null;
}

/** Brings messages from sidecar to sidecar; may be down at any time and says so. */
export interface Carrier {
  readonly status: CarrierStatus;
  /** Names of pools whose kept records have not all come since they were followed. */
  replaying(): string[];
  follow(pool: SharedPool): void;
  unfollow(pool: SharedPool): void;
  stop(): Promise<void>;
}

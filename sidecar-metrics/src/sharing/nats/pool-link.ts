// Ties one pool to a connection: its load, and once there is a stream its records.
import type { StreamInfo } from "@nats-io/jetstream";
import type { Subscription } from "@nats-io/transport-node";
import type { Clock } from "../../clock.js";
import type { SharingConfig } from "../../config/sharing.js";
import type { SharedPool } from "../carrier.js";
import { Backoff } from "./backoff.js";
import { explainStream } from "./explain.js";
import type { Problems } from "./problems.js";
import { Publisher } from "./publisher.js";
import { type Position, startOf } from "./position.js";
import { Reader } from "./reader.js";
import type { Session } from "./session.js";
import { Sleeper } from "./sleeper.js";
import type { Status } from "./status.js";
import { findStream, judgeStream } from "./stream.js";
import { type Subjects, subjectsOf } from "./subjects.js";

const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 10_000;
/** A server that forbids to hear load may permit it later, and says nothing of that. */
const DENIED_LOAD_MS = 10_000;
/** A reader that lasts as long was a good one. */
const GOOD_AFTER_MS = 10_000;

export interface LinkParts {
  config: SharingConfig;
  node: string;
  clock: Clock;
  problems: Problems;
  status: Status;
  /** A name that no consumer of this sidecar has had. */
  consumerName: () => string;
  /** How often a stream's settings are looked at again, for an operator may change them. */
  judgeMs: number;
}

export class PoolLink {
  /** The stream takes and gives records. */
  isReady = false;
  /** Not all that was kept when the pool was followed has come. */
  isReplaying = true;
  private session: Session | null = null;
  private reader: Reader | null = null;
  private load: Subscription | null = null;
  private loadTimer: NodeJS.Timeout | undefined;
  private judgeTimer: NodeJS.Timeout | undefined;
  private position: Position | null = null;
  private troubled: (() => void) | null = null;
  private readonly subjects: Subjects;
  private readonly publisher: Publisher;
  private readonly backoff: Backoff;
  private readonly sleeper = new Sleeper();
  private readonly key: string;

  constructor(
    private readonly pool: SharedPool,
    private readonly parts: LinkParts,
  ) {
    const { config, node, clock, problems, status } = parts;
    this.key = `pool:${pool.name}:`;
    this.subjects = subjectsOf(config.nats.subjectPrefix, pool.name, node);
    this.backoff = new Backoff(clock, RETRY_FIRST_MS, RETRY_MAX_MS);
    const publisherParts = { clock, problems, status, key: this.key };
    this.publisher = new Publisher(pool, this.subjects.records, publisherParts, () =>
      this.troubled?.(),
    );
    pool.onRecords = () => this.publisher.pump();
    pool.onLoad = (message) => void this.session?.sendLoad(this.subjects.load, message);
  }

  attach(session: Session): void {
    this.session = session;
    this.hearLoad(session);
    void this.run(session);
  }

  detach(): void {
    if (this.session?.isOpen === true) this.load?.unsubscribe();
    this.session = null;
    clearTimeout(this.loadTimer);
    this.settle();
    this.sleeper.wake();
  }

  /** The pool is followed no more. */
  close(): void {
    this.pool.onRecords = null;
    this.pool.onLoad = null;
    this.detach();
    this.parts.problems.clear(this.key);
  }

  private hearLoad(session: Session): void {
    if (this.session !== session || !session.isOpen) return;
    this.load = session.connection.subscribe(this.subjects.allLoad, {
      callback: (error, message) => {
        if (error !== null) {
          this.loadTimer = setTimeout(() => this.hearLoad(session), DENIED_LOAD_MS);
        } else if (message.subject !== this.subjects.load) {
          this.count(message.data);
          this.guard(() => this.pool.takeLoad(message.data));
        }
      },
    });
  }

  /** Finds the stream and keeps reading it, as long as the connection lasts. */
  private async run(session: Session): Promise<void> {
    while (this.session === session) {
      const sinceMs = this.parts.clock.nowMs();
      try {
        const troubled = new Promise<void>((resolve) => (this.troubled = resolve));
        await this.open(session);
        await troubled;
        if (this.parts.clock.nowMs() - sinceMs >= GOOD_AFTER_MS) this.backoff.reset();
      } catch (error) {
        if (this.session === session) this.tell(session, error);
      }
      if (this.session !== session) return;
      this.settle();
      await this.sleeper.sleep(this.backoff.nextMs());
    }
  }

  private async open(session: Session): Promise<void> {
    const { config, problems, clock, consumerName, judgeMs } = this.parts;
    const info = await findStream(session.jsm, config, this.subjects);
    this.judge(info);
    const start = startOf(info, this.position, config.replaySeconds);
    const consumer = { name: consumerName(), subject: this.subjects.allRecords };
    const events = {
      message: (bytes: Uint8Array, subject: string): void => this.takeRecords(bytes, subject),
      caughtUp: () => void (this.isReplaying = false),
      lost: () => this.troubled?.(),
    };
    // Kept at once: messages come before the server has said that there is a consumer.
    this.position = start.position;
    const reader = await Reader.open(session, info, consumer, start, { clock, events });
    if (this.session !== session) return reader.stop();
    this.reader = reader;
    this.isReady = true;
    this.judgeTimer = setInterval(() => void this.judgeAgain(session, info), judgeMs);
    problems.set(`${this.key}stream`, null);
    this.publisher.start(session);
  }

  private judge(info: StreamInfo): void {
    const { problems, config } = this.parts;
    problems.replace(`${this.key}judged:`, judgeStream(info, config));
  }

  private async judgeAgain(session: Session, before: StreamInfo): Promise<void> {
    // What a failure means, the reader and the publisher find out.
    const info = await session.jsm.streams.info(before.config.name).catch(() => null);
    if (info !== null && this.isReady && info.created === before.created) this.judge(info);
  }

  /** There is no stream, for now. */
  private settle(): void {
    this.isReady = false;
    clearInterval(this.judgeTimer);
    this.troubled?.();
    this.publisher.stop();
    this.reader?.stop();
    this.reader = null;
  }

  private tell({ server }: Session, error: unknown): void {
    const sentence = explainStream(server, this.subjects.allRecords, error);
    if (sentence !== null) this.parts.problems.set(`${this.key}stream`, sentence);
  }

  private takeRecords(bytes: Uint8Array, subject: string): void {
    if (subject !== this.subjects.records) this.count(bytes);
    this.guard(() => this.pool.takeRecords(bytes));
  }

  private count(bytes: Uint8Array): void {
    this.parts.status.receivedMessages++;
    this.parts.status.receivedBytes += bytes.length;
  }

  /** What is thrown in a callback would end the client's reading for good. */
  private guard(take: () => void): void {
    try {
      take();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const what = `A message of pool ${this.pool.name} could not be taken`;
      this.parts.problems.set(`${this.key}take`, `${what}: ${why}.`);
    }
  }
}

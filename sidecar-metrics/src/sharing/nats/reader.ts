// Reads a pool's records from the stream: each once, in the stream's order, from where we were.
import { AckPolicy, ReplayPolicy, type StreamInfo } from "@nats-io/jetstream";
import { Empty, type Msg, type Subscription } from "@nats-io/transport-node";
import type { Clock } from "../../clock.js";
import { type Place, placeOf, type Position, type Start } from "./position.js";
import type { Session } from "./session.js";

const NANOS_PER_MS = 1_000_000;
/** How often the server says that there is nothing to say. */
const HEARTBEAT_MS = 2_000;
/** Two heartbeats that did not come, and some: the consumer, or its stream, is gone. */
const SILENCE_MS_MAX = 5_000;
const SILENCE_CHECK_MS = 500;
const STATUS_CONTROL = 100;

export interface ReaderEvents {
  message(bytes: Uint8Array, subject: string): void;
  /** Everything that was in the stream at the start has come. */
  caughtUp(): void;
  /** No more will come; another reader is needed. */
  lost(): void;
}

export class Reader {
  private deliveries = 0;
  /** How many deliveries it takes to have all that was there at the start; null: not known yet. */
  private target: number | null = null;
  private heardMs: number;
  private isStopped = false;
  private subscription: Subscription | null = null;
  private timer: NodeJS.Timeout | null = null;
  /** The message that is only to be compared. */
  private known: Place | null;

  private constructor(
    private readonly session: Session,
    private readonly position: Position,
    private readonly clock: Clock,
    private readonly events: ReaderEvents,
  ) {
    this.heardMs = clock.nowMs();
    const { sequence, timestamp } = position;
    this.known =
      sequence === null || timestamp === null ? null : { sequence, timestamp, delivery: 1 };
  }

  /** Rejects with what the server says where it gives no consumer. */
  static async open(
    session: Session,
    info: StreamInfo,
    consumer: { name: string; subject: string },
    start: Start,
    parts: { clock: Clock; events: ReaderEvents },
  ): Promise<Reader> {
    const reader = new Reader(session, start.position, parts.clock, parts.events);
    const inbox = session.inbox();
    reader.subscription = session.connection.subscribe(inbox, {
      callback: (error, message) => (error === null ? reader.take(message) : reader.lose()),
    });
    try {
      const made = await session.jsm.consumers.add(info.config.name, {
        ...start.config,
        name: consumer.name,
        filter_subject: consumer.subject,
        deliver_subject: inbox,
        ack_policy: AckPolicy.None,
        replay_policy: ReplayPolicy.Instant,
        flow_control: true,
        idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS,
        mem_storage: true,
        num_replicas: 1,
      });
      reader.started(made.delivered.consumer_seq + made.num_pending);
    } catch (error) {
      reader.stop();
      throw error;
    }
    return reader;
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    if (this.session.isOpen) this.subscription?.unsubscribe();
  }

  private started(target: number): void {
    if (this.isStopped) return;
    this.heardMs = this.clock.nowMs();
    this.timer = setInterval(() => {
      if (this.clock.nowMs() - this.heardMs > SILENCE_MS_MAX) this.lose();
    }, SILENCE_CHECK_MS);
    this.target = target;
    this.tellCaughtUp();
  }

  private lose(): void {
    if (this.isStopped) return;
    this.stop();
    this.events.lost();
  }

  private tellCaughtUp(): void {
    if (this.target === null || this.deliveries < this.target) return;
    // Told once: no number of deliveries reaches this.
    this.target = Infinity;
    this.events.caughtUp();
  }

  private take(message: Msg): void {
    if (this.isStopped) return;
    this.heardMs = this.clock.nowMs();
    if (message.headers?.code === STATUS_CONTROL) return this.takeControl(message);
    const place = placeOf(message.reply);
    // A status that ends the consumer, or a hole: what is missing is asked for again.
    if (place === null || place.delivery !== this.deliveries + 1) return this.lose();
    this.deliveries = place.delivery;
    const { known, position } = this;
    this.known = null;
    if (known !== null && known.sequence === place.sequence) {
      if (known.timestamp === place.timestamp) return this.tellCaughtUp();
      // Another message has that number by now: as with a stream that was made anew.
      position.created = "";
      return this.lose();
    }
    position.sequence = place.sequence;
    position.timestamp = place.timestamp;
    this.events.message(message.data, message.subject);
    this.tellCaughtUp();
  }

  private takeControl(message: Msg): void {
    // A request for flow control waits for the answer; a heartbeat may name one that was lost.
    const stalled = message.headers?.get("Nats-Consumer-Stalled") ?? "";
    const answerTo = message.reply !== undefined && message.reply !== "" ? message.reply : stalled;
    if (answerTo !== "" && this.session.isOpen) {
      this.session.connection.publish(answerTo, Empty);
    }
    const delivered = message.headers?.get("Nats-Last-Consumer") ?? "";
    if (delivered !== "" && Number(delivered) > this.deliveries) this.lose();
  }
}

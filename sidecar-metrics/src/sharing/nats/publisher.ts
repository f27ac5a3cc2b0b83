// Publishes a pool's records one message at a time, each until the stream has it.
import { headers, type Msg, type Subscription } from "@nats-io/transport-node";
import type { Clock } from "../../clock.js";
import type { OutMessage, SharedPool } from "../carrier.js";
import { Backoff } from "./backoff.js";
import type { Problems } from "./problems.js";
import type { Session } from "./session.js";
import type { Status } from "./status.js";

/** Sent again after this, then after twice as long: a slow server is not given more to do. */
const UNCONFIRMED_MS = 2_000;
const UNCONFIRMED_MS_MAX = 16_000;
const REFUSED_FIRST_MS = 1_000;
const REFUSED_MAX_MS = 15_000;
/** What the header with the id adds to a message, at most. */
const HEADER_BYTES_MAX = 256;
const NO_RESPONDERS = 503;

export interface PublisherParts {
  clock: Clock;
  problems: Problems;
  status: Status;
  /** Begins the keys of this pool's problems. */
  key: string;
}

interface Attempt {
  message: OutMessage;
  reply: string;
  sinceMs: number;
  waitMs: number;
}

interface Answer {
  stream?: string;
  seq?: number;
  error?: { description?: string; err_code?: number };
}

export class Publisher {
  private session: Session | null = null;
  private subscription: Subscription | null = null;
  private inbox = "";
  private attempt: Attempt | null = null;
  private attempts = 0;
  private timer: NodeJS.Timeout | null = null;
  private readonly refusals: Backoff;

  constructor(
    private readonly pool: SharedPool,
    private readonly subject: string,
    private readonly parts: PublisherParts,
    /** No stream takes the subject any more. */
    private readonly streamGone: () => void,
  ) {
    this.refusals = new Backoff(parts.clock, REFUSED_FIRST_MS, REFUSED_MAX_MS);
  }

  /** There is a stream. */
  start(session: Session): void {
    this.stop();
    this.session = session;
    this.inbox = session.inbox();
    this.subscription = session.connection.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.take(message);
      },
    });
    this.pump();
  }

  /** What is not confirmed is what the pool gives again at the next start. */
  stop(): void {
    if (this.session?.isOpen === true) this.subscription?.unsubscribe();
    this.session = null;
    this.forget();
  }

  /** The pool may have something to say. */
  pump(): void {
    const { session } = this;
    if (session === null || this.attempt !== null || this.timer !== null) return;
    const message = this.pool.nextRecords();
    if (message === null) return;
    const size = message.bytes.length + HEADER_BYTES_MAX;
    if (size > session.maxPayload) {
      const needed = `a message of pool ${this.pool.name} needs ${size}`;
      const sentence = `NATS at ${session.server} takes ${session.maxPayload} bytes, ${needed}`;
      return this.refused(`${sentence}: raise the server's max_payload.`);
    }
    const reply = `${this.inbox}.${++this.attempts}`;
    const sinceMs = this.parts.clock.nowMs();
    this.attempt = { message, reply, sinceMs, waitMs: UNCONFIRMED_MS };
    this.send(this.attempt);
  }

  private send({ message, reply, waitMs }: Attempt): void {
    const { session } = this;
    if (session?.isOpen !== true) return;
    const withId = headers();
    withId.set("Nats-Msg-Id", message.id);
    session.connection.publish(this.subject, message.bytes, { headers: withId, reply });
    this.timer = setTimeout(() => this.sendAgain(), waitMs);
  }

  private sendAgain(): void {
    const { attempt, session } = this;
    this.timer = null;
    if (attempt === null || session === null) return;
    this.parts.status.retries++;
    const late = `does not confirm messages of pool ${this.pool.name} within 2 s`;
    this.tell(`JetStream of NATS at ${session.server} ${late}.`);
    attempt.waitMs = Math.min(attempt.waitMs * 2, UNCONFIRMED_MS_MAX);
    this.send(attempt);
  }

  private take(answer: Msg): void {
    const { attempt } = this;
    // An answer to an earlier try counts as well; one to another message comes too late.
    if (attempt === null || answer.subject !== attempt.reply) return;
    this.forget();
    if (answer.headers?.code === NO_RESPONDERS) {
      this.parts.status.retries++;
      return this.streamGone();
    }
    const said = parseAnswer(answer);
    if (said.error !== undefined || said.seq === undefined) {
      this.parts.status.retries++;
      const why = said.error?.description ?? "an answer that we do not understand";
      const what = `refuses messages of pool ${this.pool.name}`;
      return this.refused(`JetStream of NATS at ${this.session?.server} ${what}: ${why}.`);
    }
    this.refusals.reset();
    const { status, clock } = this.parts;
    status.ackMs = clock.nowMs() - attempt.sinceMs;
    status.publishedMessages++;
    status.publishedBytes += attempt.message.bytes.length;
    if (status.ackMs < UNCONFIRMED_MS) this.tell(null);
    this.pool.published(attempt.message.id);
    this.pump();
  }

  private refused(sentence: string): void {
    this.tell(sentence);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.pump();
    }, this.refusals.nextMs());
  }

  private tell(sentence: string | null): void {
    this.parts.problems.set(`${this.parts.key}publish`, sentence);
  }

  private forget(): void {
    this.attempt = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

function parseAnswer(answer: Msg): Answer {
  try {
    return answer.json<Answer | null>() ?? {};
  } catch {
    return {};
  }
}

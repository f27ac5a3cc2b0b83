// How far a pool's records have been read, and where a reader of the stream begins.
import { type ConsumerConfig, DeliverPolicy, type StreamInfo } from "@nats-io/jetstream";
import { secondsBefore } from "./server-time.js";

/** A stream that was made anew holds only what we do not know, unless it is another old one. */
const ANEW_SECONDS_MIN = 300;
/** How far we have come in a stream, kept over connections. */
export interface Position {
  stream: string;
  /** When the stream was made, by its server: a stream of the same name is another one. */
  created: string;
  /** The last message that came, or the one before the first that is to come; null: see `from`. */
  sequence: number | null;
  /** The server's time of that message; null where none has come. */
  timestamp: string | null;
  /** Where no message has come: the server's time from which they are wanted. */
  from: string | null;
}

/** A message's place: `$JS.ACK.STREAM.CONSUMER.TIMES.SEQUENCE.DELIVERY.TIMESTAMP.PENDING`. */
export interface Place {
  sequence: number;
  delivery: number;
  timestamp: string;
}

export function placeOf(reply: string | undefined): Place | null {
  const tokens = (reply ?? "").split(".");
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK") return null;
  // Servers of a JetStream domain name it, and the account, before the stream.
  const at = tokens.length >= 11 ? 7 : 5;
  const [sequence, delivery, timestamp] = tokens.slice(at, at + 3);
  if (timestamp === undefined) return null;
  return { sequence: Number(sequence), delivery: Number(delivery), timestamp };
}

export interface Start {
  config: Partial<ConsumerConfig>;
  position: Position;
}

/** `before` null: this pool has not been read yet. */
export function startOf(info: StreamInfo, before: Position | null, replaySeconds: number): Start {
  const { name } = info.config;
  const { last_seq: last, messages, last_ts: newest } = info.state;
  const atSequence = (sequence: number, position: Position): Start => ({
    config: { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: sequence },
    position,
  });
  const atTime = (time: string, position: Position): Start => ({
    config: { deliver_policy: DeliverPolicy.StartTime, opt_start_time: time },
    position,
  });
  const isSame = before?.stream === name && before.created === info.created;
  if (before !== null && isSame && last >= (before.sequence ?? 0)) {
    if (before.sequence === null) return atTime(before.from ?? newest, { ...before });
    // The last one comes again: if it is another by now, the stream has lost its end meanwhile.
    const again = before.timestamp === null ? 1 : 0;
    return atSequence(before.sequence + again, { ...before });
  }
  const begin: Position = {
    stream: name,
    created: info.created,
    sequence: last,
    timestamp: null,
    from: null,
  };
  const seconds = before === null ? replaySeconds : Math.max(replaySeconds, ANEW_SECONDS_MIN);
  if (messages === 0 || seconds === 0) return atSequence(last + 1, begin);
  const from = secondsBefore(newest, seconds);
  return atTime(from, { ...begin, sequence: null, from });
}

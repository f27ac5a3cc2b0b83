// Finds the stream that keeps a pool's records, makes it where there is none, and judges it.
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import type { SharingConfig } from "../../config/sharing.js";
import { StreamProblem } from "./explain.js";
import { covers, streamSubject, type Subjects } from "./subjects.js";

const NANOS_PER_SECOND = 1_000_000_000;
const BYTES_PER_MIB = 1024 * 1024;
/** The server knows a message that is sent again for as long. */
const DUPLICATES_SECONDS_MAX = 120;
/** `stream name already in use with a different configuration`. */
const NAME_IN_USE = 10058;
/** `subjects overlap with an existing stream`: another sidecar was first, under another name. */
const SUBJECTS_OVERLAP = 10065;

/** Throws a StreamProblem, or what the server says. */
export async function findStream(
  jsm: JetStreamManager,
  config: SharingConfig,
  subjects: Subjects,
): Promise<StreamInfo> {
  const found = await lookUp(jsm, subjects);
  if (found !== null) return found;
  const { stream, subjectPrefix } = config.nats;
  if (!stream.create) {
    const why = "and sharing.nats.stream.create is false";
    throw new StreamProblem(`No stream captures ${subjects.allRecords}, ${why}.`);
  }
  try {
    return await jsm.streams.add(streamConfig(config));
  } catch (error) {
    const code = error instanceof JetStreamApiError ? error.code : 0;
    if (code !== NAME_IN_USE && code !== SUBJECTS_OVERLAP) throw error;
    // Another sidecar may have made it between our two questions.
    const second = await lookUp(jsm, subjects);
    if (second !== null) return second;
    const what = code === NAME_IN_USE ? `named ${stream.name}` : "with overlapping subjects";
    const advice =
      code === NAME_IN_USE
        ? "give ours another sharing.nats.stream.name"
        : "give it all of our subjects";
    throw new StreamProblem(
      `There is a stream ${what} that does not capture ${streamSubject(subjectPrefix)}: ${advice}.`,
      { cause: error },
    );
  }
}

async function lookUp(jsm: JetStreamManager, subjects: Subjects): Promise<StreamInfo | null> {
  const names = await jsm.streams.names(subjects.allRecords).next();
  for (const name of names) {
    const info = await jsm.streams.info(name);
    if (info.config.subjects.some((subject) => covers(subject, subjects.allRecords))) return info;
  }
  if (names.length === 0) return null;
  const captured = `does not capture all of ${subjects.allRecords}`;
  throw new StreamProblem(`The stream ${names.join(", ")} ${captured}: add that subject to it.`);
}

type OurStream = Partial<StreamConfig> & { name: string };

export function streamConfig({ nats }: SharingConfig): OurStream {
  const { name, maxAgeSeconds, maxMiB, replicas, storage } = nats.stream;
  return {
    name,
    description: "what the gateways of warmroute tell each other",
    subjects: [streamSubject(nats.subjectPrefix)],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: maxAgeSeconds * NANOS_PER_SECOND,
    max_bytes: maxMiB * BYTES_PER_MIB,
    num_replicas: replicas,
    storage: storage === "file" ? StorageType.File : StorageType.Memory,
    duplicate_window: Math.min(maxAgeSeconds, DUPLICATES_SECONDS_MAX) * NANOS_PER_SECOND,
  };
}

/** What a person should know of the stream; it is used as it is all the same, and never changed. */
export function judgeStream({ config: found }: StreamInfo, config: SharingConfig): string[] {
  const { name } = found;
  const problems: string[] = [];
  const say = (sentence: string): void => void problems.push(`The stream ${name} ${sentence}.`);
  const ageSeconds = found.max_age / NANOS_PER_SECOND;
  if (found.retention !== RetentionPolicy.Limits) {
    say(`has the retention "${found.retention}": gateways lose records; it must be "limits"`);
  }
  if (found.discard === DiscardPolicy.New) {
    say('has the discard policy "new": full, it takes no more records; it must be "old"');
  }
  if (found.max_age > 0 && ageSeconds < config.replaySeconds) {
    const wanted = `less than sharing.replaySeconds, ${config.replaySeconds}`;
    say(`keeps records for ${ageSeconds} s, ${wanted}`);
  }
  if (found.max_age === 0 && found.max_bytes <= 0 && found.max_msgs <= 0) {
    say("has no limit of age, bytes or messages: it grows until the server's disk is full");
  }
  if (found.no_ack === true) say("confirms nothing (no_ack): each record is sent again and again");
  if (found.sealed) say("is sealed: it takes no records");
  if (found.max_msgs_per_subject > 0) {
    say("keeps a number of messages per subject: gateways lose records; set it to -1");
  }
  if (name === config.nats.stream.name && config.nats.stream.create) {
    const differing = differences(found, streamConfig(config));
    if (differing.length > 0) {
      say(`was made with other settings and stays as it is: ${differing.join(", ")}`);
    }
  }
  return problems;
}

const COMPARED = ["max_age", "max_bytes", "num_replicas", "storage"] as const;
const SECONDS_KEYS: readonly string[] = ["max_age"];

/** As `max_age is 600 s, configured are 300 s`. */
function differences(found: StreamConfig, ours: OurStream): string[] {
  return COMPARED.filter((key) => found[key] !== ours[key]).map((key) => {
    const show = (value: unknown): string =>
      SECONDS_KEYS.includes(key) ? `${Number(value) / NANOS_PER_SECOND} s` : String(value);
    return `${key} is ${show(found[key])}, not ${show(ours[key])}`;
  });
}

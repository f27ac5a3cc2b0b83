// Answers that the filter gives itself: refusals in the error shape of the client's API, and the
// list of models. Nothing is allocated for either, but for a list longer than all before it.
import { Bytes, ByteWriter, utf8 } from "../host/bytes";
import { sendLocalResponse } from "../host/calls";
import { Reason, REASON_NAMES, REASONS, refusalStatus } from "../pick/reason";
import { Pool } from "../pool";
import { MODEL_NAME_BYTES_MAX } from "../request/prompt-draft";
import { RequestKind } from "../request/prompt-keys";
import { writeJsonText } from "./json-writer";

/** Each byte of a name may become six, `\u001f`; the rest is our own words. */
const BODY_BYTES_MAX: u32 = 6 * MODEL_NAME_BYTES_MAX + 1024;
const body = new ByteWriter(BODY_BYTES_MAX);
const pairs = new ByteWriter(128);

/** Names in Envoy's access log, as response code details: `warmroute_shed`. */
const details = new StaticArray<Bytes | null>(REASONS);
for (let i: u32 = 0; i < REASONS; i++) {
  details[i] = utf8("warmroute_" + REASON_NAMES[i].replaceAll("-", "_"));
}
const CONTENT_TYPE = utf8("content-type");
const JSON_TYPE = utf8("application/json");
const RETRY_AFTER = utf8("retry-after");

const OPENAI_OPEN = utf8('{"error":{"message":"');
const OPENAI_TYPE = utf8('","type":"');
const OPENAI_PARAM_MODEL = utf8('","param":"model","code":"');
const OPENAI_PARAM_NULL = utf8('","param":null,"code":"');
const ANTHROPIC_OPEN = utf8('{"type":"error","error":{"type":"');
const ANTHROPIC_MESSAGE = utf8('","message":"');
const CLOSE = utf8('"}}');

const MODEL_OPEN = utf8("The model `");
const UNKNOWN_CLOSE = utf8("` does not exist.");
const TOO_LARGE = utf8(
  "The request is too large: its model name has to be rewritten, for which the body is limited to ",
);
const TOO_LARGE_CLOSE = utf8(" bytes.");
const ENCODED = utf8(
  "Compressed request bodies are not supported here: the model name in them cannot be read. " +
    "Send the body without content-encoding.",
);
const SHED = utf8("All servers are saturated, and this request may be shed. Try again later.");
const OVERLOADED = utf8("All servers are overloaded. Try again later.");
const TARGET_MISSED = utf8(
  "No server would answer within the wanted time, and this request may be shed. Try again later.",
);
const UNREWRITTEN = utf8("The request's model name could not be rewritten.");

const INVALID = utf8("invalid_request_error");
const NOT_FOUND = utf8("not_found_error");
const RATE_LIMIT = utf8("rate_limit_error");
const SERVER = utf8("server_error");
const API = utf8("api_error");
const REQUEST_TOO_LARGE = utf8("request_too_large");
const MODEL_NOT_FOUND = utf8("model_not_found");
const UNSUPPORTED_ENCODING = utf8("unsupported_content_encoding");
const RATE_EXCEEDED = utf8("rate_limit_exceeded");

const LIST_OPEN = utf8('{"object":"list","data":[');
const LIST_CLOSE = utf8("]}");
const COMMA = utf8(",");
const LIST_BYTES: u32 = LIST_OPEN.size + LIST_CLOSE.size;
/** Kept, and as large as the longest list so far: a client may ask over and over. */
let list = new ByteWriter(4096);

/** What a refusal tells besides its reason. */
export class Refusal {
  /** The model that was asked for, decoded, as far as it is kept. */
  model: usize = 0;
  modelSize: u32 = 0;
  /** The most bytes of a body whose model can be rewritten. */
  bodyBytesMax: u32 = 0;
  /** Seconds after which a shed request may be worth another try; 0: not said. */
  retryAfterSeconds: u32 = 0;
}

export const refusal = new Refusal();

/** Answers the request for a reason that refuses. The caller stops the request. */
export function sendRefusal(reason: Reason, kind: u8): void {
  body.clear();
  if (kind == <u8>RequestKind.Messages) {
    body.bytes(ANTHROPIC_OPEN);
    body.bytes(anthropicType(reason));
    body.bytes(ANTHROPIC_MESSAGE);
    writeMessage(reason);
  } else {
    body.bytes(OPENAI_OPEN);
    writeMessage(reason);
    body.bytes(OPENAI_TYPE);
    body.bytes(openaiType(reason));
    body.bytes(reason == Reason.UnknownModel ? OPENAI_PARAM_MODEL : OPENAI_PARAM_NULL);
    body.bytes(openaiCode(reason));
  }
  body.bytes(CLOSE);
  writePairs(refusal.retryAfterSeconds);
  const name = details[reason] as Bytes;
  sendLocalResponse(refusalStatus(reason), name, body.at, body.size, pairs.at, pairs.size);
}

/** Bytes of all the lists that the pools have; 0 where none has one. */
export function modelListBytes(pools: Pool[]): u32 {
  let bytes: u32 = 0;
  for (let i = 0; i < pools.length; i++) bytes += unchecked(pools[i]).models.listBytes;
  return bytes;
}

/** Answers with the list of models: the pools' lists, one after the other. */
export function sendModelList(pools: Pool[]): void {
  const capacity = LIST_BYTES + modelListBytes(pools) + COMMA.size * <u32>pools.length;
  if (capacity > list.capacity) {
    heap.free(list.at);
    list = new ByteWriter(capacity);
  }
  list.clear();
  list.bytes(LIST_OPEN);
  for (let i = 0; i < pools.length; i++) {
    const models = unchecked(pools[i]).models;
    if (models.listBytes == 0) continue;
    if (list.size > LIST_OPEN.size) list.bytes(COMMA);
    list.raw(models.list, models.listBytes);
  }
  list.bytes(LIST_CLOSE);
  writePairs(0);
  const name = details[Reason.ModelList] as Bytes;
  sendLocalResponse(200, name, list.at, list.size, pairs.at, pairs.size);
}

function writeMessage(reason: Reason): void {
  switch (reason) {
    case Reason.UnknownModel:
      body.bytes(MODEL_OPEN);
      writeJsonText(body, refusal.model, refusal.modelSize);
      body.bytes(UNKNOWN_CLOSE);
      return;
    case Reason.TooLarge:
      body.bytes(TOO_LARGE);
      body.integer(refusal.bodyBytesMax);
      body.bytes(TOO_LARGE_CLOSE);
      return;
    case Reason.Encoded:
      body.bytes(ENCODED);
      return;
    case Reason.Shed:
      body.bytes(SHED);
      return;
    case Reason.Overloaded:
      body.bytes(OVERLOADED);
      return;
    case Reason.TargetMissed:
      body.bytes(TARGET_MISSED);
      return;
    default:
      body.bytes(UNREWRITTEN);
      return;
  }
}

/** As OpenAI's API has them; what is wrong with a request itself is one type. */
function openaiType(reason: Reason): Bytes {
  if (refusalStatus(reason) == 429) return RATE_LIMIT;
  return reason == Reason.Unrewritten ? SERVER : INVALID;
}

function openaiCode(reason: Reason): Bytes {
  switch (reason) {
    case Reason.UnknownModel:
      return MODEL_NOT_FOUND;
    case Reason.TooLarge:
      return REQUEST_TOO_LARGE;
    case Reason.Encoded:
      return UNSUPPORTED_ENCODING;
    case Reason.Shed:
    case Reason.Overloaded:
    case Reason.TargetMissed:
      return RATE_EXCEEDED;
    default:
      return SERVER;
  }
}

function anthropicType(reason: Reason): Bytes {
  switch (reason) {
    case Reason.UnknownModel:
      return NOT_FOUND;
    case Reason.TooLarge:
      return REQUEST_TOO_LARGE;
    case Reason.Encoded:
      return INVALID;
    case Reason.Shed:
    case Reason.Overloaded:
    case Reason.TargetMissed:
      return RATE_LIMIT;
    default:
      return API;
  }
}

/** The headers besides status and length: the type, and for `seconds` other than 0 retry-after. */
function writePairs(seconds: u32): void {
  const digits: u32 = seconds < 10 ? 1 : 2;
  pairs.clear();
  pairs.word(seconds > 0 ? 2 : 1);
  pairs.word(CONTENT_TYPE.size);
  pairs.word(JSON_TYPE.size);
  if (seconds > 0) {
    pairs.word(RETRY_AFTER.size);
    pairs.word(digits);
  }
  pairs.bytes(CONTENT_TYPE);
  pairs.byte(0);
  pairs.bytes(JSON_TYPE);
  pairs.byte(0);
  if (seconds == 0) return;
  pairs.bytes(RETRY_AFTER);
  pairs.byte(0);
  pairs.integer(seconds);
  pairs.byte(0);
}

// Which requests are held for their body: a POST of plain JSON to a path whose prompt is known.
import { Bytes, sameBytes, utf8 } from "../host/bytes";
import { HeaderQuery } from "../host/header-query";
import { targetMsOf } from "../pick/admission";
import { RequestKind } from "./prompt-parser";

const enum Name {
  Method = 0,
  Path = 1,
  ContentType = 2,
  ContentEncoding = 3,
  Upgrade = 4,
  Destination = 5,
  ContentLength = 6,
  Model = 7,
  Objective = 8,
  Target = 9,
}

/**
 * The headers that a request is judged by; `destination` and `model` are those that only the filter
 * sets, `objective` and `target` are the client's. One without a name is none.
 */
export function requestQuery(
  destination: Bytes,
  model: Bytes,
  objective: Bytes,
  target: Bytes,
): HeaderQuery {
  return new HeaderQuery([
    utf8(":method"),
    utf8(":path"),
    utf8("content-type"),
    utf8("content-encoding"),
    utf8("upgrade"),
    destination,
    utf8("content-length"),
    model,
    objective,
    target,
  ]);
}

/** True where the client has set the header that names the pod. */
export function namesDestination(headers: HeaderQuery): bool {
  return headers.has(Name.Destination);
}

/** True where the client has set the header that names the model. */
export function namesModel(headers: HeaderQuery): bool {
  return headers.has(Name.Model);
}

export function hasLength(headers: HeaderQuery): bool {
  return headers.has(Name.ContentLength);
}

export function hasObjective(headers: HeaderQuery): bool {
  return headers.has(Name.Objective);
}

/** The objective's name, where there is one. */
export function objectiveAt(headers: HeaderQuery): usize {
  return headers.at(Name.Objective);
}

export function objectiveSize(headers: HeaderQuery): u32 {
  return headers.size(Name.Objective);
}

/** When the client wants its first token, in ms; `otherwise` where it says nothing sound. */
export function targetMs(headers: HeaderQuery, otherwise: u32): u32 {
  return targetMsOf(headers.at(Name.Target), headers.size(Name.Target), otherwise);
}

const POST = utf8("POST");
const GET = utf8("GET");
const IDENTITY = utf8("identity");
const MODELS_PATH = utf8("/v1/models");
const JSON_TYPE = utf8("application/json");

const PATHS: Bytes[] = [
  utf8("/v1/chat/completions"),
  utf8("/v1/completions"),
  utf8("/v1/responses"),
  utf8("/v1/embeddings"),
  utf8("/v1/messages"),
  utf8("/generate"),
];
const KINDS: StaticArray<u8> = [
  <u8>RequestKind.Chat,
  <u8>RequestKind.Completions,
  <u8>RequestKind.Responses,
  <u8>RequestKind.Embeddings,
  <u8>RequestKind.Messages,
  <u8>RequestKind.Generate,
];

/**
 * The kind of a request whose body is to be read, from its headers, or 0. A held upgrade would
 * hang, a compressed body cannot be read, and every other path carries no prompt that is known.
 */
export function kindToHold(headers: HeaderQuery): u8 {
  return isEncoded(headers) || headers.has(Name.Upgrade) ? 0 : kindOf(headers);
}

/** The kind of a request whose body has a prompt, but cannot be read: it is encoded. Else 0. */
export function encodedKind(headers: HeaderQuery): u8 {
  return isEncoded(headers) && !headers.has(Name.Upgrade) ? kindOf(headers) : 0;
}

/** True where a client asks for the list of models. */
export function asksForModels(headers: HeaderQuery): bool {
  const method = headers.at(Name.Method);
  if (!sameBytes(method, headers.size(Name.Method), GET.at, GET.size)) return false;
  const path = headers.at(Name.Path);
  const size = sizeWithoutQuery(path, headers.size(Name.Path));
  return sameBytes(path, size, MODELS_PATH.at, MODELS_PATH.size);
}

function isEncoded(headers: HeaderQuery): bool {
  if (!headers.has(Name.ContentEncoding)) return false;
  const at = headers.at(Name.ContentEncoding);
  return !sameBytes(at, headers.size(Name.ContentEncoding), IDENTITY.at, IDENTITY.size);
}

function kindOf(headers: HeaderQuery): u8 {
  const method = headers.at(Name.Method);
  if (!sameBytes(method, headers.size(Name.Method), POST.at, POST.size)) return 0;
  const type = headers.at(Name.ContentType);
  if (!startsWithIgnoringCase(type, headers.size(Name.ContentType), JSON_TYPE)) return 0;
  return kindOfPath(headers.at(Name.Path), headers.size(Name.Path));
}

function kindOfPath(at: usize, sizeWithQuery: u32): u8 {
  const size = sizeWithoutQuery(at, sizeWithQuery);
  for (let i = 0; i < PATHS.length; i++) {
    const path = unchecked(PATHS[i]);
    if (sameBytes(at, size, path.at, path.size)) return unchecked(KINDS[i]);
  }
  return 0;
}

function sizeWithoutQuery(at: usize, sizeWithQuery: u32): u32 {
  let size: u32 = 0;
  while (size < sizeWithQuery && load<u8>(at + size) != 0x3f) size += 1;
  return size;
}

/** True where a media type is `type`, which is in lower case, with or without parameters. */
export function startsWithIgnoringCase(at: usize, size: u32, type: Bytes): bool {
  if (size < type.size) return false;
  for (let i: u32 = 0; i < type.size; i++) {
    const byte = load<u8>(at + i);
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower != load<u8>(type.at + i)) return false;
  }
  if (size == type.size) return true;
  const after = load<u8>(at + type.size);
  return after == 0x3b || after == 0x20 || after == 0x09;
}

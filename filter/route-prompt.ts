// From a body that has been read to a routed request: its model, its pool, the pod, the body that
// the pod gets. Host calls are made here; the order of Envoy's callbacks is stream.ts's.
import { BODY_READ_BYTES } from "./constants";
import { finishAnswer } from "./answer";
import { decide, refuse, UNDECIDED } from "./decide";
import { ByteWriter, utf8 } from "./host/bytes";
import { BufferKind, getBuffer, HeaderMap, resultAt, resultSize, setHeader } from "./host/calls";
import { count, Counter } from "./metrics";
import { refusal } from "./models/local-reply";
import { resolution, resolve, resolveNothing } from "./models/resolve";
import { rewriteName } from "./models/rewrite";
import { criticalityOf, isName } from "./models/section";
import { rendezvous } from "./pick/pick";
import { Reason } from "./pick/reason";
import { Pool } from "./pool";
import { objectiveAt, objectiveSize } from "./request/classify";
import { MODEL_NAME_BYTES_MAX } from "./request/prompt-draft";
import { ParseStatus, RequestKind } from "./request/prompt-parser";
import { tenantHash } from "./request/tenant";
import { Root } from "./root";
import { Stream } from "./stream-slots";
import { waitForPod } from "./waiting";

const CONTENT_LENGTH = utf8("content-length");
const digits = new ByteWriter(16);
/** Stands in for a conversation where there is none, so that shares hold there too. */
let turn: u64 = 0;

/** Starts to read a body, with the hash key that the pool has now. */
export function beginBody(stream: Stream, pool: Pool): void {
  stream.prompt.reset(<RequestKind>stream.kind, pool.table.key0, pool.table.key1);
  stream.bodyRead = 0;
}

/** Reads what is new of the body; true when it is longer than what is held. */
export function readBody(stream: Stream, size: u32, sizeMax: u32): bool {
  const end = min(size, sizeMax);
  while (stream.bodyRead < end) {
    const bytes = min(end - stream.bodyRead, BODY_READ_BYTES);
    if (!getBuffer(BufferKind.RequestBody, stream.bodyRead, bytes)) break;
    stream.prompt.feed(resultAt, resultSize);
    stream.bodyRead += resultSize;
  }
  return size > sizeMax;
}

/**
 * Routes a request by its body. `hasEnded`: no more of it comes, so JSON that has not ended by now
 * never does. False: the request was answered instead, or waits for a pod, and must stop.
 */
export function routePrompt(stream: Stream, root: Root, startNs: u64, hasEnded: bool): bool {
  const prompt = stream.prompt;
  const status = prompt.close();
  stream.wantsStream = prompt.isStream;
  const isHeldWhole = hasEnded && stream.bodySeen <= root.config.maxBodyBytes;
  const endsEarly = isHeldWhole && status == ParseStatus.Partial && stream.bodyRead > 0;
  const isBroken = endsEarly || status == ParseStatus.Malformed;
  // A broken body is the pod's to refuse: nothing in it is looked at, nor changed.
  if (isBroken || prompt.modelEnd == 0) resolveNothing();
  else resolve(root.pools, prompt.modelName, prompt.modelBytes, conversationOf(stream));
  const pool = unchecked(root.pools[resolution.pool]);
  stream.pool = changetype<usize>(pool);
  stream.criticality = criticality(stream, root, resolution.criticality);
  const refused = isBroken ? UNDECIDED : reasonToRefuse(stream, root, isHeldWhole);
  if (refused != UNDECIDED) {
    refusal.model = prompt.modelName;
    refusal.modelSize = prompt.modelNameSize;
    refusal.bodyBytesMax = root.config.maxBodyBytes;
    refuse(stream, <Reason>refused);
    return false;
  }
  if (hasEnded && waitForPod(stream, pool, root.config, <f64>startNs / 1e6)) return false;
  rescan(stream, pool, root);
  if (resolution.isOther) prompt.setModel(resolution.target, resolution.targetSize);
  const tenant = root.tenantHeader;
  if (tenant.size > 0) prompt.tenant = tenantHash(tenant, prompt.k0, prompt.k1);
  prompt.build();
  const isBad = isBroken || status == ParseStatus.TooDeep;
  if (!decide(stream, root, isBad ? Reason.BadJson : UNDECIDED, startNs)) return false;
  if (!isBroken) showModel(stream, root);
  return !resolution.isOther || rewrite(stream);
}

/** What the client's objective says, else what the model's rule says. */
export function criticality(stream: Stream, root: Root, otherwise: u8): u8 {
  if (!stream.hasObjective) return otherwise;
  const headers = root.requestHeaders;
  headers.read(HeaderMap.Request);
  const models = changetype<Pool>(stream.pool).models;
  const entry = models.objective(objectiveAt(headers), objectiveSize(headers));
  return entry == 0 ? otherwise : criticalityOf(entry);
}

function conversationOf(stream: Stream): u64 {
  const hash = stream.prompt.conversationHash;
  if (hash != 0) return hash;
  turn += 1;
  return rendezvous(turn, stream.contextId);
}

function reasonToRefuse(stream: Stream, root: Root, isHeldWhole: bool): i32 {
  if (resolution.isRefused) return Reason.UnknownModel;
  if (isHeldWhole) return UNDECIDED;
  // Where the model was not among the bytes that were read, it may be one to rewrite.
  const isUnseen = stream.prompt.modelEnd == 0 && root.hasAliases;
  return resolution.isOther || isUnseen ? <i32>Reason.TooLarge : UNDECIDED;
}

/** The body was hashed with the first pool's key; where this one has another it is read again. */
function rescan(stream: Stream, pool: Pool, root: Root): void {
  const table = pool.table;
  const prompt = stream.prompt;
  if (resolution.pool == 0 || !table.hasKey) return;
  if (prompt.k0 == table.key0 && prompt.k1 == table.key1) return;
  beginBody(stream, pool);
  readBody(stream, stream.bodySeen, root.config.maxBodyBytes);
  prompt.close();
}

/** Tells routes which model was asked for. A name that no header can hold is not told. */
function showModel(stream: Stream, root: Root): void {
  const header = root.modelHeader;
  const prompt = stream.prompt;
  const size = prompt.modelBytes;
  if (header.size == 0 || size == 0 || size > MODEL_NAME_BYTES_MAX) return;
  if (isName(prompt.modelName, size)) {
    setHeader(HeaderMap.Request, header, prompt.modelName, size);
  }
}

/** Puts the target into the body, once the request is sure to go to a pod. */
function rewrite(stream: Stream): bool {
  const prompt = stream.prompt;
  const size = stream.bodySeen;
  const modelStart = prompt.modelStart;
  const modelEnd = prompt.modelEnd;
  const target = resolution.target;
  const targetSize = resolution.targetSize;
  if (!rewriteName(size, modelStart, modelEnd, target, targetSize)) {
    // The pod that was picked never sees it.
    stream.status = 500;
    finishAnswer(stream, changetype<Pool>(stream.pool), false);
    refuse(stream, Reason.Unrewritten);
    return false;
  }
  count(Counter.Rewritten, 1);
  if (!stream.hasLength) return true;
  digits.clear();
  digits.integer(size - (modelEnd - modelStart) + targetSize + 2);
  setHeader(HeaderMap.Request, CONTENT_LENGTH, digits.at, digits.size);
  return true;
}

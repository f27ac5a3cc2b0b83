// The gateway's report as JSON text (docs/table-format.md, "Report"): sums over the pool's VMs.
import { RoutingStrategy } from "../config";
import { DECISIONS_KEPT } from "../constants";
import { Bytes, ByteWriter, utf8 } from "../host/bytes";
import { REASON_NAMES, REASONS } from "../pick/reason";
import { Pool } from "../pool";
import { Head } from "../share/head";
import { Lease } from "./lease";

/** Room for the end of the text, so that lists stop before it. */
const TAIL_BYTES: u32 = 512;
/** Decisions older than this were in an earlier report. */
const DECISION_AGE_MAX_MS: f64 = 60000;

const COMMA = utf8(",");
const reasonKeys = new StaticArray<Bytes | null>(REASONS);
for (let i: u32 = 0; i < REASONS; i++) reasonKeys[i] = utf8('"' + REASON_NAMES[i] + '":');

const OPEN = utf8('{"v":1,"pool":"');
const INCARNATION = utf8('","incarnation":"');
const VMS = utf8('","vms":');
const UPTIME = utf8(',"uptimeMs":');
const CONFIG = utf8(',"configHash":"');
const STRATEGY_DEFAULT = utf8('","strategy":"DEFAULT"');
const STRATEGY_PREFIX = utf8('","strategy":"PREFIX_CACHE"');
const SEQUENCE = utf8(',"tableSequence":');
const RECORDS = utf8(',"records":{"sidecar":"');
const NEXT = utf8('","next":');
const REASONS_OPEN = utf8('},"reasons":{');
const WAITING = utf8('},"waitingForPod":');
const PROMPT = utf8(',"promptTokens":');
const MATCHED = utf8(',"matchedTokens":');
const MISPREDICTIONS = utf8(',"mispredictions":');
const RATES = utf8(',"rates":{"bytesPerToken":');
const OUTPUT = utf8(',"outputTokens":');
const PREFILL = utf8(',"prefillUsPerToken":');
const TPOT = utf8(',"tpotMs":');
const INDEX = utf8('},"index":{"bytes":');
const NODES = utf8(',"nodes":');
const NODES_MAX = utf8(',"nodesMax":');
const EVICTED = utf8(',"evicted":');
const PODS = utf8('},"pods":[');
const POD_NUMBER = utf8('{"n":');
const IN_FLIGHT = utf8(',"inFlight":');
const UNPREFILLED = utf8(',"unprefilled":');
const BACKLOG = utf8(',"backlogTokens":');
const KV = utf8(',"kvTokens":');
const FAILING = utf8(',"ejected":"failing"');
const HUNG = utf8(',"ejected":"hung"');
const CLOSE_OBJECT = utf8("}");
const DECISIONS = utf8('],"decisions":[');
const AGE = utf8('{"ageMs":');
const NUMBER = utf8(',"n":');
const REASON = utf8(',"reason":');
const DECISION_PROMPT = utf8(',"prompt":');
const CACHED = utf8(',"cached":');
const ETA = utf8(',"etaMs":');
const WARNINGS = utf8('],"warnings":[');
const STALL = utf8('"stall-guard"');
const CONFIG_DIFFERS = utf8('"config-differs"');
const END = utf8("]}");

/** Writes the whole report; the lease says which gateway this is and what it has applied. */
export function writeReport(to: ByteWriter, pool: Pool, lease: Lease, nowMs: f64): void {
  const heads = headsOf(pool);
  to.bytes(OPEN);
  to.bytes(pool.nameBytes);
  to.bytes(INCARNATION);
  to.hex(lease.gateway);
  number(to, VMS, heads.length);
  number(to, UPTIME, nowMs - lease.startedMs);
  to.bytes(CONFIG);
  to.hex(pool.config.hash);
  const isDefault = pool.strategyFor(pool.config) == RoutingStrategy.Default;
  to.bytes(isDefault ? STRATEGY_DEFAULT : STRATEGY_PREFIX);
  number(to, SEQUENCE, <f64>pool.table.sequence);
  to.bytes(RECORDS);
  to.hex(lease.sidecar);
  number(to, NEXT, <f64>lease.nextBatch);
  writeCounters(to, heads);
  // Before the first request this VM's own rates, which are the configured ones.
  writeRates(to, heads.length > 0 ? heads : [pool.own.head], pool);
  writePods(to, pool);
  to.bytes(DECISIONS);
  let written: u32 = 0;
  for (let i = 0; i < heads.length; i++) written = writeDecisions(to, heads[i], nowMs, written);
  to.bytes(WARNINGS);
  let hasStalled = false;
  for (let i = 0; i < heads.length; i++) {
    if (heads[i].hasStalled && !heads[i].isAllowProven) hasStalled = true;
  }
  if (hasStalled) to.bytes(STALL);
  if (haveOtherConfig(heads, pool.config.hash)) {
    if (hasStalled) to.bytes(COMMA);
    to.bytes(CONFIG_DIFFERS);
  }
  to.bytes(END);
}

/** This VM's head, if it serves, and its neighbours'. */
function headsOf(pool: Pool): Head[] {
  const heads: Head[] = [];
  if (pool.own.head.isServing) heads.push(pool.own.head);
  const others = pool.neighbourhood.others;
  for (let i = 0; i < others.length; i++) {
    if (others[i].head.isServing) heads.push(others[i].head);
  }
  return heads;
}

/** Some VM has another configuration in force than this one: an update is under way, or stuck. */
function haveOtherConfig(heads: Head[], hash: u64): bool {
  for (let i = 0; i < heads.length; i++) if (heads[i].configHash != hash) return true;
  return false;
}

function number(to: ByteWriter, key: Bytes, value: f64): void {
  to.bytes(key);
  to.decimal(value);
}

function writeCounters(to: ByteWriter, heads: Head[]): void {
  to.bytes(REASONS_OPEN);
  let isFirst = true;
  for (let reason: u32 = 0; reason < REASONS; reason++) {
    let sum: u64 = 0;
    for (let i = 0; i < heads.length; i++) sum += load<u64>(heads[i].reasonCell(reason));
    if (sum == 0) continue;
    if (!isFirst) to.bytes(COMMA);
    isFirst = false;
    to.bytes(reasonKeys[reason] as Bytes);
    to.integer(sum);
  }
  let prompt: u64 = 0;
  let matched: u64 = 0;
  let mispredictions: u64 = 0;
  let waiting: u64 = 0;
  for (let i = 0; i < heads.length; i++) {
    prompt += heads[i].promptTokens;
    matched += heads[i].matchedTokens;
    mispredictions += heads[i].mispredictions;
    waiting += heads[i].waitingForPod;
  }
  number(to, WAITING, <f64>waiting);
  number(to, PROMPT, <f64>prompt);
  number(to, MATCHED, <f64>matched);
  number(to, MISPREDICTIONS, <f64>mispredictions);
}

function writeRates(to: ByteWriter, heads: Head[], pool: Pool): void {
  let bytesPerToken: f64 = 0;
  let output: f64 = 0;
  let prefill: f64 = 0;
  let tpot: f64 = 0;
  let nodes: f64 = 0;
  let nodesMax: f64 = 0;
  let evicted: f64 = 0;
  for (let i = 0; i < heads.length; i++) {
    const head = heads[i];
    bytesPerToken += head.bytesPerToken;
    output += head.outputTokens;
    prefill += head.prefillSecondsPerToken;
    tpot += head.secondsPerOutputToken;
    // Each VM holds the whole index; the fullest one tells.
    nodes = Math.max(nodes, <f64>head.indexNodes);
    nodesMax = Math.max(nodesMax, <f64>head.indexNodesMax);
    evicted = Math.max(evicted, <f64>head.indexEvicted);
  }
  const count = <f64>heads.length;
  number(to, RATES, bytesPerToken / count);
  number(to, OUTPUT, output / count);
  number(to, PREFILL, (prefill / count) * 1e6);
  number(to, TPOT, (tpot / count) * 1e3);
  number(to, INDEX, <f64>pool.config.indexMiB * 1024 * 1024);
  number(to, NODES, nodes);
  number(to, NODES_MAX, nodesMax);
  number(to, EVICTED, evicted);
}

function writePods(to: ByteWriter, pool: Pool): void {
  to.bytes(PODS);
  let isFirst = true;
  for (let i: u32 = 0; i < pool.endpoints.limit; i++) {
    const endpoint = pool.endpoints.at(i);
    if (endpoint.inFlight <= 0 && !endpoint.isEjected) continue;
    if (to.size + TAIL_BYTES > to.capacity) continue;
    if (!isFirst) to.bytes(COMMA);
    isFirst = false;
    number(to, POD_NUMBER, <f64>i);
    number(to, IN_FLIGHT, <f64>max(endpoint.inFlight, 0));
    number(to, UNPREFILLED, <f64>max(endpoint.unprefilled, 0));
    number(to, BACKLOG, Math.max(endpoint.backlogTokens, 0));
    number(to, KV, Math.max(endpoint.kvTokens, 0));
    if (endpoint.isEjected) to.bytes(endpoint.isHung ? HUNG : FAILING);
    to.bytes(CLOSE_OBJECT);
  }
}

/** The newest decisions of one VM; returns how many are written in all. */
function writeDecisions(to: ByteWriter, head: Head, nowMs: f64, written: u32): u32 {
  const count = min(head.decisionCount, DECISIONS_KEPT);
  for (let i: u32 = 0; i < count && written < 32; i++) {
    const decision = head.decision(head.decisionCount - 1 - i);
    const ageMs = nowMs - decision.atMs;
    if (ageMs > DECISION_AGE_MAX_MS || to.size + TAIL_BYTES > to.capacity) break;
    if (written > 0) to.bytes(COMMA);
    number(to, AGE, ageMs);
    number(to, NUMBER, <f64>decision.endpoint);
    to.bytes(REASON);
    to.byte(0x22);
    const key = reasonKeys[min<u32>(decision.reason, REASONS - 1)] as Bytes;
    // The key without its opening quote and its closing `":`.
    to.raw(key.at + 1, key.size - 3);
    to.byte(0x22);
    number(to, DECISION_PROMPT, <f64>decision.promptTokens);
    number(to, CACHED, <f64>decision.matchedTokens);
    number(to, ETA, <f64>decision.etaMs);
    to.bytes(CLOSE_OBJECT);
    written += 1;
  }
  return written;
}

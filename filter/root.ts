// Root contexts: one for each configuration that Envoy holds, each with its pool.
import { Config, configError, parseConfig } from "./config";
import { STALL_PROBE_EVERY, TICK_PERIOD_MS } from "./constants";
import { Bytes, utf8 } from "./host/bytes";
import {
  BufferKind,
  getBuffer,
  LogLevel,
  logText,
  nowMs,
  resultAt,
  resultSize,
  setTickPeriod,
} from "./host/calls";
import { HeaderQuery } from "./host/header-query";
import { showGauges } from "./metrics";
import { Pool } from "./pool";
import { requestQuery } from "./request/classify";

export class Root {
  config: Config = new Config();
  pool: Pool | null = null;
  destinationHeader: Bytes = new Bytes(0, 0);
  requestHeaders: HeaderQuery = new HeaderQuery([]);
  /** A body came while its headers were held: Envoy lets headers be held. */
  isAllowProven: bool = false;
  /** Streams that point here; the root is kept until they are gone. */
  streams: u32 = 0;
  isClosed: bool = false;
  private isHolding: bool = true;
  private unheld: u32 = 0;

  constructor(readonly contextId: u32) {}

  /** Takes the configuration that Envoy gives; false refuses it whole. */
  configure(size: u32): bool {
    const isThere = size > 0 && getBuffer(BufferKind.PluginConfiguration, 0, size);
    const config = parseConfig(isThere ? resultAt : 0, isThere ? resultSize : 0);
    if (config == null) {
      logText(LogLevel.Error, configError());
      return false;
    }
    this.config = config;
    this.destinationHeader = utf8(config.destinationHeader);
    this.requestHeaders = requestQuery(this.destinationHeader);
    this.pool = poolFor(config);
    setTickPeriod(TICK_PERIOD_MS);
    return true;
  }

  /** Whether the next request's headers are held; while holding looks useless, one in a hundred. */
  mayHold(): bool {
    if (this.isAllowProven || this.isHolding) return true;
    this.unheld += 1;
    if (this.unheld < STALL_PROBE_EVERY) return false;
    this.unheld = 0;
    return true;
  }

  proveAllow(): void {
    if (this.isAllowProven) return;
    this.isAllowProven = true;
    const pool = this.pool;
    if (pool != null) pool.own.head.isAllowProven = true;
  }

  /** A held request's body did not come in time. Said once. */
  noteStall(): void {
    const pool = this.pool;
    if (pool != null) pool.own.head.hasStalled = true;
    if (this.isHolding) logText(LogLevel.Warn, STALL_TEXT);
    this.isHolding = false;
  }
}

const STALL_TEXT =
  "warmroute: a request's body did not come while its headers were held: it was routed by load. " +
  "Set allow_on_headers_stop_iteration: true in this filter's PluginConfig (on Envoy Gateway: by " +
  "EnvoyPatchPolicy), else prompts cannot be read";

const roots: Root[] = [];
const pools: Pool[] = [];

export function openRoot(contextId: u32): void {
  if (findRoot(contextId) == null) roots.push(new Root(contextId));
}

export function findRoot(contextId: u32): Root | null {
  for (let i = 0; i < roots.length; i++) {
    if (unchecked(roots[i]).contextId == contextId) return unchecked(roots[i]);
  }
  return null;
}

/** True where the context was a root's. */
export function closeRoot(contextId: u32): bool {
  const root = findRoot(contextId);
  if (root == null) return false;
  root.isClosed = true;
  dropClosedRoots();
  return true;
}

/** Streams hold their root by address, so it goes only after the last of them. */
export function dropClosedRoots(): void {
  for (let i = roots.length - 1; i >= 0; i--) {
    const root = unchecked(roots[i]);
    if (root.isClosed && root.streams == 0) roots.splice(i, 1);
  }
}

export function allRoots(): Root[] {
  return roots;
}

/** Sets the gauges: requests of all pools, and the age of the oldest table. */
export function showPools(atMs: f64): void {
  let requests = 0;
  let ageMs: f64 = 0;
  for (let i = 0; i < pools.length; i++) {
    const pool = unchecked(pools[i]);
    requests += pool.inFlight;
    if (pool.tableAtMs != 0) ageMs = Math.max(ageMs, atMs - pool.tableAtMs);
  }
  showGauges(requests, ageMs);
}

function poolFor(config: Config): Pool {
  for (let i = 0; i < pools.length; i++) {
    const pool = unchecked(pools[i]);
    if (pool.name != config.pool) continue;
    pool.configure(config);
    return pool;
  }
  const pool = new Pool(config.pool, config, nowMs());
  pools.push(pool);
  return pool;
}

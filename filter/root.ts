// Root contexts: one for each configuration that Envoy holds, each with its pools.
import { Config, configError, parseConfig } from "./config";
import { FIRST_TABLE_MS, STALL_PROBE_EVERY, TICK_PERIOD_MS } from "./constants";
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
import { Gauges, showGauges } from "./metrics";
import { Pool } from "./pool";
import { requestQuery } from "./request/classify";

export class Root {
  config: Config = new Config();
  /** `pool` first, then `pools`; empty before a configuration was taken. */
  pools: Pool[] = [];
  destinationHeader: Bytes = new Bytes(0, 0);
  /** The header that tells the model; without bytes where there is none. */
  modelHeader: Bytes = new Bytes(0, 0);
  /** The header that tells the tenant; without bytes where there is none. */
  tenantHeader: Bytes = new Bytes(0, 0);
  requestHeaders: HeaderQuery = new HeaderQuery([]);
  /** A body came while its headers were held: Envoy lets headers be held. */
  isAllowProven: bool = false;
  /** Streams that point here; the root is kept until they are gone. */
  streams: u32 = 0;
  isClosed: bool = false;
  private isHolding: bool = true;
  private unheld: u32 = 0;
  private startedMs: f64 = 0;

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
    this.modelHeader = utf8(config.modelHeader);
    this.tenantHeader = utf8(config.tenantHeader);
    const objective = utf8(config.objectiveHeader);
    const target = utf8(config.ttftTargetHeader);
    this.requestHeaders = requestQuery(this.destinationHeader, this.modelHeader, objective, target);
    this.pools = poolsFor(config);
    this.startedMs = nowMs();
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

  /** A body can be of use: it decides the pod, or the model in it has to be looked at. */
  wantsBodies(atMs: f64): bool {
    if (this.modelHeader.size > 0 || this.awaitsTable(atMs)) return true;
    if (this.config.noPodWait > 0) return true;
    for (let i = 0; i < this.pools.length; i++) {
      const pool = unchecked(this.pools[i]);
      if (pool.canDecide || pool.models.needsBodies) return true;
    }
    return false;
  }

  /** Bodies that cannot be read may not pass. */
  get needsBodies(): bool {
    for (let i = 0; i < this.pools.length; i++) {
      if (unchecked(this.pools[i]).models.needsBodies) return true;
    }
    return false;
  }

  /** Some pool sends names to other ones. */
  get hasAliases(): bool {
    for (let i = 0; i < this.pools.length; i++) {
      if (unchecked(this.pools[i]).models.hasAliases) return true;
    }
    return false;
  }

  /** Some pool's first table may be about to come: until then its aliases are not known. */
  awaitsTable(atMs: f64): bool {
    if (atMs - this.startedMs >= FIRST_TABLE_MS) return false;
    for (let i = 0; i < this.pools.length; i++) {
      if (unchecked(this.pools[i]).tableAtMs == 0) return true;
    }
    return false;
  }

  proveAllow(): void {
    if (this.isAllowProven) return;
    this.isAllowProven = true;
    for (let i = 0; i < this.pools.length; i++) this.pools[i].own.head.isAllowProven = true;
    this.pools[0].sync.forgetWarning();
  }

  /** A held request's body did not come in time. One of the VMs says so, once. */
  noteStall(): void {
    for (let i = 0; i < this.pools.length; i++) this.pools[i].own.head.hasStalled = true;
    if (this.isHolding && this.pools[0].sync.claimWarning()) logText(LogLevel.Warn, STALL_TEXT);
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
  for (let i = 0; i < pools.length; i++) {
    if (!isInUse(unchecked(pools[i]))) unchecked(pools[i]).retire();
  }
}

function isInUse(pool: Pool): bool {
  for (let i = 0; i < roots.length; i++) {
    if (unchecked(roots[i]).pools.includes(pool)) return true;
  }
  return false;
}

export function allRoots(): Root[] {
  return roots;
}

const gauges = new Gauges();

/** Sets the gauges: sums over all pools, and the age of the oldest table. */
export function showPools(atMs: f64): void {
  gauges.inFlight = 0;
  gauges.ejected = 0;
  gauges.waitingForPod = 0;
  gauges.tableAgeMs = 0;
  for (let i = 0; i < pools.length; i++) {
    const pool = unchecked(pools[i]);
    gauges.inFlight += pool.inFlight;
    gauges.ejected += <i32>pool.health.ejectedCount;
    gauges.waitingForPod += <i32>pool.waitingForPod;
    if (pool.tableAtMs == 0) continue;
    gauges.tableAgeMs = Math.max(gauges.tableAgeMs, atMs - pool.tableAtMs);
  }
  showGauges(gauges);
}

/** The pools of a configuration, in its order; a name that comes twice is one pool. */
function poolsFor(config: Config): Pool[] {
  const all = [poolFor(config.pool, config)];
  for (let i = 0; i < config.pools.length; i++) {
    const pool = poolFor(config.pools[i], config);
    if (!all.includes(pool)) all.push(pool);
  }
  return all;
}

function poolFor(name: string, config: Config): Pool {
  for (let i = 0; i < pools.length; i++) {
    const pool = unchecked(pools[i]);
    if (pool.name != name) continue;
    pool.configure(config);
    return pool;
  }
  const pool = new Pool(name, config, nowMs());
  pools.push(pool);
  return pool;
}

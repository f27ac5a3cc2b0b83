// What a gateway shows of itself while a load runs: its decisions, and the age of its table.
import { setTimeout as sleep } from "node:timers/promises";
import type { Envoy } from "../../../lab/envoy.js";

const PREFIX = "wasmcustom.warmroute_";
/** A table is polled every 50 ms; one that is so old has not just come, one that is younger has. */
export const FRESH_MS = 300;
const LOOK_EVERY_MS = 20;

/** Decisions by reason since Envoy's start, with `_` for `-`. */
export type Reasons = Map<string, number>;

export async function reasonsOf(envoy: Envoy): Promise<Reasons> {
  const name = `${PREFIX}decisions_`;
  const stats = await envoy.stats(`^${name}`);
  return new Map([...stats].map(([key, count]) => [key.slice(name.length), count]));
}

/** All decisions that gateways have told a sidecar of, whichever processes they were. */
export async function decisionsTold(sidecarUrl: string): Promise<number> {
  const text = await (await fetch(`${sidecarUrl}/metrics`)).text();
  const counts = [...text.matchAll(/^warmroute_decisions_total\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** The decisions of the meantime, those that were made. */
export function since(before: Reasons, after: Reasons): Reasons {
  const both = [...after].map(([key, count]): [string, number] => [
    key,
    count - (before.get(key) ?? 0),
  ]);
  return new Map(both.filter(([, count]) => count > 0));
}

export function sumOf(reasons: Reasons): number {
  return [...reasons.values()].reduce((sum, count) => sum + count, 0);
}

/** The share of decisions with one of these reasons, 0 to 1. */
export function shareOf(reasons: Reasons, ...names: string[]): number {
  const count = names.reduce((sum, name) => sum + (reasons.get(name) ?? 0), 0);
  return count / Math.max(1, sumOf(reasons));
}

/** `90 % prefix, 10 % cold`. */
export function inWords(reasons: Reasons): string {
  const total = Math.max(1, sumOf(reasons));
  const made = [...reasons].filter(([, count]) => count > 0);
  const sorted = made.sort(([, one], [, other]) => other - one);
  const parts = sorted.map(([name, count]) => `${((100 * count) / total).toFixed(1)} % ${name}`);
  return parts.join(", ");
}

/** The decisions while `during` runs. */
export async function reasonsDuring(
  envoy: Envoy,
  during: () => Promise<unknown>,
): Promise<Reasons> {
  const before = await reasonsOf(envoy);
  await during();
  return since(before, await reasonsOf(envoy));
}

/** How long it takes until `probe` is true; throws `what` when it never is. */
export async function msUntil(
  what: string,
  probe: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    if (await probe()) return performance.now() - startMs;
    if (performance.now() - startMs > timeoutMs) throw new Error(`${what}: not in ${timeoutMs} ms`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** The age of the load table in force. */
export async function tableAgeMs(envoy: Envoy): Promise<number> {
  return (await envoy.stat(`${PREFIX}table_age_ms`)) ?? 0;
}

/** How long it takes until a fresh table is in force. */
export async function msUntilFresh(envoy: Envoy): Promise<number> {
  return await msUntil("a fresh table is in force", async () => {
    return (await tableAgeMs(envoy)) < FRESH_MS;
  });
}

/** How long it takes, the load being over, until no worker counts a request in flight. */
export async function msUntilIdle(envoy: Envoy): Promise<number> {
  return await msUntil("no request counts as in flight", async () => {
    return ((await envoy.stat(`${PREFIX}in_flight`)) ?? 0) === 0;
  });
}

export function percents(shares: readonly number[]): string {
  return shares.map((share) => `${(100 * share).toFixed(0)} %`).join(", ");
}

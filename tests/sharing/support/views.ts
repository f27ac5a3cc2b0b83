// What the sidecars of gateways tell of themselves, and waits until it says what is awaited.
import type { Gateway } from "../../../lab/gateway.js";
import { until } from "../../../lab/processes.js";
import type { poolsView } from "../../../sidecar-metrics/src/view/pools-view.js";

/** Everything here takes milliseconds, or a few seconds where a silence must be noticed. */
const WAIT_MS = 30_000;
/** The first may be under way, the second brings what a VM had, the third its neighbour's. */
const POLLS = 3;
/** A gateway that polls is never as silent; one that does not any more is shown for a while. */
const SILENT_MS = 2_000;

type View = ReturnType<typeof poolsView>;

export async function viewOf({ sidecar }: Gateway): Promise<View> {
  return (await (await fetch(`${sidecar.url}/v1/pools`)).json()) as View;
}

/** Its first pool: these gateways have one each. */
export async function poolOf(gateway: Gateway): Promise<View["pools"][number]> {
  const [pool] = (await viewOf(gateway)).pools;
  if (pool === undefined) throw new Error(`${gateway.name} has no pool`);
  return pool;
}

/** As in the list of problems, in one text. */
export async function problemsOf(gateway: Gateway): Promise<string> {
  return (await viewOf(gateway)).problems.map(({ text }) => text).join("\n");
}

export async function pageOf({ sidecar }: Gateway, path = "/"): Promise<string> {
  return (await fetch(sidecar.url + path)).text();
}

/** Of all series of the name, the sum; null: there is none. */
export async function metricOf(gateway: Gateway, name: string): Promise<number | null> {
  const text = await pageOf(gateway, "/metrics");
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))];
  return values.length === 0 ? null : values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** How many requests of the gateway called `of` the sidecar of `gateway` counts, null: unknown. */
export async function inFlightOf(gateway: Gateway, of: string): Promise<number | null> {
  const { gateways } = (await poolOf(gateway)).sharing;
  return gateways.find(({ name }) => name === of)?.inFlight ?? null;
}

/** As `until`, with what the sidecars say in the error. */
export async function eventually(
  what: string,
  gateways: readonly Gateway[],
  probe: () => Promise<boolean>,
): Promise<void> {
  try {
    await until(what, probe, WAIT_MS);
  } catch (error) {
    const views = await Promise.all(gateways.map((one) => viewOf(one).catch(String)));
    throw new Error(`${what}: never so; ${JSON.stringify(views, null, 1)}`, { cause: error });
  }
}

/** The filters have reported, and got an answer, as often as it takes to pass on all they know. */
export async function polled(...gateways: Gateway[]): Promise<void> {
  const count = async (): Promise<number[]> =>
    Promise.all(gateways.map(async (one) => (await poolOf(one)).totals.syncs));
  const before = await count();
  await eventually("the filters poll", gateways, async () => {
    const now = await count();
    return now.every((syncs, i) => syncs >= before[i]! + POLLS);
  });
}

/**
 * What was said at any of them until now is known to all of them, once and not twice: their
 * sidecars keep the same number of bytes, and the filters have all of it.
 */
export async function settled(...gateways: Gateway[]): Promise<void> {
  await polled(...gateways);
  await eventually("all know all", gateways, async () => {
    const pools = await Promise.all(gateways.map(poolOf));
    const sizes = new Set(pools.map(({ sharing }) => sharing.recordBytes));
    return sizes.size === 1 && pools.every(isDone);
  });
  await polled(...gateways);
}

function isDone({ sharing, gateways }: View["pools"][number]): boolean {
  const live = gateways.filter(({ ageMs }) => ageMs < SILENT_MS);
  const areThere = live.length > 0 && live.every(({ batchesBehind }) => batchesBehind === 0);
  return areThere && sharing.outboxBytes === 0;
}

/** Messages that came and were not news, of each kind; zeros where nothing was lost or doubled. */
export async function oddMessages(gateway: Gateway): Promise<Record<string, number>> {
  const { repeated, missed, otherKey, malformed } = (await poolOf(gateway)).sharing.messages;
  return { repeated, missed, otherKey, malformed };
}
export const NOTHING_ODD = { repeated: 0, missed: 0, otherKey: 0, malformed: 0 };

/** All sidecars share, or none does. */
export async function untilUp(isUp: boolean, ...gateways: Gateway[]): Promise<void> {
  await eventually(`sharing is ${isUp ? "up" : "down"}`, gateways, async () => {
    const all = await Promise.all(gateways.map((one) => metricOf(one, "warmroute_sharing_up")));
    return all.every((value) => value === (isUp ? 1 : 0));
  });
}

// Reads from the sidecar's /v1/pools: the pods' epochs, the filter's tables, the decisions.
import { until } from "./processes.js";
import { PlainError, type FailureWatch } from "./failure.js";

const TIMEOUT_MS = 10_000;

/** The part of the sidecar's view that is read here. */
interface PoolsView {
  problems: { text: string }[];
  pools: {
    pods: { address: string; state: string; epoch: number }[];
    gateways: Gateway[];
  }[];
}

interface Gateway {
  /** The newest table that the filter has; 0 or null: none yet. */
  tableSequence: number | null;
  reasons: Record<string, number>;
}

/** The epoch of each pod: it changes when the pod has lost its cache. */
export async function podEpochs(sidecarUrl: string): Promise<Map<string, number>> {
  const pods = (await poolsView(sidecarUrl)).pools.flatMap((pool) => pool.pods);
  return new Map(pods.map(({ address, epoch }) => [address, epoch]));
}

/** Waits until the sidecar has scraped every pod anew and seen that its cache is gone. */
export async function untilPodsAreFresh(
  sidecarUrl: string,
  before: ReadonlyMap<string, number>,
  watch: FailureWatch,
): Promise<void> {
  await untilView("the sidecar saw that the pods are new", sidecarUrl, watch, ({ pools }) =>
    pools
      .flatMap((pool) => pool.pods)
      .every((pod) => pod.state === "ok" && pod.epoch !== before.get(pod.address)),
  );
}

/** Waits until the filter has the sidecar's table. */
export async function untilFilterPolls(sidecarUrl: string, watch: FailureWatch): Promise<void> {
  await untilView("the filter got the table of the sidecar", sidecarUrl, watch, ({ pools }) =>
    pools.flatMap((pool) => pool.gateways).some((gateway) => (gateway.tableSequence ?? 0) > 0),
  );
}

/** Ends early with the failure of a component, which says more than a wait that was too long. */
async function untilView(
  what: string,
  sidecarUrl: string,
  watch: FailureWatch,
  isTrue: (view: PoolsView) => boolean,
): Promise<void> {
  const probe = async () => {
    watch.check();
    if (watch.signal.aborted) throw new PlainError(`interrupted before ${what}`);
    // A sidecar that does not answer any more is told by the watch.
    const view = await poolsView(sidecarUrl).catch(() => null);
    return view !== null && isTrue(view);
  };
  await until(what, probe, TIMEOUT_MS);
}

/** How often the filter decided for which reason, most frequent first; what the sidecar lists. */
export async function decisions(
  sidecarUrl: string,
): Promise<{ reasons: [string, number][]; problems: string[] }> {
  const view = await poolsView(sidecarUrl);
  const gateways = view.pools.flatMap((pool) => pool.gateways);
  const counts = new Map<string, number>();
  for (const [reason, count] of gateways.flatMap((one) => Object.entries(one.reasons))) {
    counts.set(reason, (counts.get(reason) ?? 0) + count);
  }
  const reasons = [...counts].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  return { reasons, problems: view.problems.map(({ text }) => text) };
}

async function poolsView(sidecarUrl: string): Promise<PoolsView> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(`${sidecarUrl}/v1/pools`, { signal });
  return (await response.json()) as PoolsView;
}

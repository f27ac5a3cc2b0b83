// The metrics of what gateways share: the way to other sidecars, and each pool's part of it.
import type { Registry } from "prom-client";
import type { CarrierStatus } from "../sharing/carrier.js";
import type { PoolExchange } from "../sharing/pool-exchange.js";
import { counter, gauge } from "./series.js";
import { isAlone } from "./sharing-view.js";
import type { SidecarState } from "./state.js";

export function addSharingMetrics(registry: Registry, state: SidecarState): void {
  addCarrier(registry, state);
  addPools(registry, state);
}

/** Without `sharing` in the configuration these have no series. */
function addCarrier(registry: Registry, { sync }: SidecarState): void {
  const add = (
    kind: typeof gauge,
    name: string,
    help: string,
    read: (status: CarrierStatus) => number | null,
  ): void =>
    kind(registry, `warmroute_sharing_${name}`, help, [], (emit) => {
      const value = sync.carrier === null ? null : read(sync.carrier.status);
      if (value !== null) emit({}, value);
    });
  add(gauge, "up", "1 while records and load go to other sidecars; 0: each is alone.", () =>
    isAlone(sync) ? 0 : 1,
  );
  add(gauge, "ack_seconds", "The stream's last word that it has a message.", ({ ackMs }) =>
    ackMs === null ? null : ackMs / 1_000,
  );
  const total = (name: string, help: string, read: (status: CarrierStatus) => number): void =>
    add(counter, `${name}_total`, help, read);
  total("disconnects", "Connections to NATS that were lost.", ({ disconnects }) => disconnects);
  total("retries", "Messages of records that were sent again.", ({ retries }) => retries);
  total("published_messages", "Messages of records that the stream took.", (status) => {
    return status.publishedMessages;
  });
  total("published_bytes", "Bytes in them.", ({ publishedBytes }) => publishedBytes);
  total("received_messages", "Messages of other sidecars.", (status) => status.receivedMessages);
  total("received_bytes", "Bytes in them.", ({ receivedBytes }) => receivedBytes);
}

function addPools(registry: Registry, { sync, clock }: SidecarState): void {
  const perPool = (
    kind: typeof gauge,
    name: string,
    help: string,
    read: (exchange: PoolExchange) => number | null,
  ): void =>
    kind(registry, `warmroute_${name}`, help, ["pool"], (emit) => {
      for (const [pool, { exchange }] of sync.pools) {
        const value = read(exchange);
        if (value !== null) emit({ pool }, value);
      }
    });
  const live = ({ watch }: PoolExchange) => watch.live(clock.nowMs());
  perPool(
    gauge,
    "record_bytes",
    "Records kept for other gateways.",
    ({ records }) => records.bytes,
  );
  perPool(gauge, "remote_gateways", "Gateways of other sidecars that are heard.", (exchange) => {
    return live(exchange).length;
  });
  perPool(
    gauge,
    "sharing_lag_seconds",
    "From another sidecar's clock to ours, the largest: the way of a message and the clocks.",
    (exchange) => {
      const lags = live(exchange).map(({ lagMs }) => lagMs);
      return lags.length === 0 ? null : Math.max(...lags) / 1_000;
    },
  );
  perPool(
    gauge,
    "sharing_outbox_bytes",
    "Records that wait to be published.",
    ({ unpublishedBytes }) => unpublishedBytes,
  );
  perPool(
    counter,
    "sharing_dropped_bytes_total",
    "Records that nothing took for too long.",
    ({ outbox }) => outbox.droppedBytes,
  );
  const help = "Messages of other sidecars by what became of them.";
  counter(registry, "warmroute_sharing_messages_total", help, ["pool", "result"], (emit) => {
    for (const [pool, { exchange }] of sync.pools) {
      const { taken, repeated, missed, otherKey, malformed } = exchange.watch.counts;
      const results = { taken, repeated, missed, "other-key": otherKey, malformed };
      for (const [result, count] of Object.entries(results)) emit({ pool, result }, count);
    }
  });
  perPool(
    counter,
    "sharing_unknown_pod_records_total",
    "Records of pods that this sidecar does not know.",
    ({ watch }) => watch.counts.unknownPodRecords,
  );
}

// The status page's words on what is shared with other gateways.
import { duration } from "./duration.js";
import { type Column, html, type Html, table } from "./html.js";
import type { carrierView, PoolSharing } from "./sharing-view.js";

export function carrier(view: ReturnType<typeof carrierView>): Html {
  if (view === null) return html``;
  const state = view.isAlone
    ? html`<span class="failing">alone</span>, ${view.server ?? "no server"}`
    : html`<span class="ok">shared</span> over ${view.server ?? ""}`;
  const ack = view.ackMs === null ? "none yet" : duration(view.ackMs);
  return html`<p>
    Sharing as ${view.name}: ${state}. Last acknowledgement: ${ack}; connections lost:
    ${view.disconnects}.
  </p>`;
}

const COLUMNS: Column<PoolSharing["gateways"][number]>[] = [
  { title: "gateway", cell: ({ name }) => name },
  { title: "incarnation", cell: ({ gateway }) => gateway },
  { title: "heard", isNumber: true, cell: ({ ageMs }) => duration(ageMs) },
  { title: "lag", isNumber: true, cell: ({ lagMs }) => duration(lagMs) },
  { title: "in flight", isNumber: true, cell: ({ inFlight }) => inFlight },
];

/** Nothing where no other sidecar is or was heard of, and none is looked for. */
export function sharedGateways(view: PoolSharing, isConfigured: boolean): Html {
  if (!isConfigured) return html``;
  const { taken, repeated, missed, otherKey, malformed } = view.messages;
  return html`<h3>Gateways of other sidecars</h3>
    ${table(COLUMNS, view.gateways, "None heard of.")}
    <p class="dim">
      Messages taken: ${taken}, repeated ${repeated}, missed ${missed}, under another key
      ${otherKey}, malformed ${malformed}. To be published: ${view.outboxBytes} bytes; given up:
      ${view.droppedBytes}.
    </p>`;
}

// The status page: what is wrong first, then each pool's pods, gateways and newest decisions.
import type { Answer } from "../http/server.js";
import { type Column, html, Html, table } from "./html.js";
import { duration } from "./duration.js";
import { adapters, models } from "./models-page.js";
import { type GatewayView, poolsView, type PodView, type PoolView } from "./pools-view.js";
import { carrier, sharedGateways } from "./sharing-page.js";
import type { SidecarState } from "./state.js";

const REFRESH_SECONDS = 5;
const DECISIONS_MAX = 32;
const NOTES_MAX = 32;

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --bad: #c62828; --good: #2e7d32; --dim: #888; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem;
  padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .3rem; }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem; color: var(--dim); font-weight: 600; }
p { margin: .3rem 0; } .none, .dim { color: var(--dim); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { font-weight: 600; font-size: .85rem; color: var(--dim); } .text { text-align: left; }
.number { text-align: right; } .failing { color: var(--bad); font-weight: 600; }
.ok { color: var(--good); } .problems { border-left: 4px solid var(--bad); padding: .4rem 1rem; }
.fine { border-left: 4px solid var(--good); padding: .4rem 1rem; margin: 1rem 0; }
ul { margin: .2rem 0; padding-left: 1.2rem; } section.problems { margin: 1rem 0; }
`;

/** No script, no frame, nothing from elsewhere: the page shows what strangers sent. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export function statusPage(state: SidecarState): Answer {
  const view = poolsView(state);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>warmroute</title>
        <meta http-equiv="content-security-policy" content="${POLICY}" />
        <meta http-equiv="refresh" content="${REFRESH_SECONDS}" />
        <meta name="viewport" content="width=device-width" />
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <h1>warmroute</h1>
        <p class="dim">
          Version ${view.version}, up ${duration(view.uptimeMs)}, refreshed every ${REFRESH_SECONDS}
          s. Also: /v1/pools (JSON), /metrics (Prometheus).
        </p>
        ${problems(view.problems, state.isHashKeyRandom)} ${notes(view.notes)}
        ${carrier(view.sharing)} ${view.pools.map((one) => pool(one, view.sharing !== null))}
      </body>
    </html> `;
  return { status: 200, type: "text/html; charset=utf-8", body: page.text };
}

function problems(found: { pool: string | null; text: string }[], isHashKeyRandom: boolean): Html {
  const note = isHashKeyRandom
    ? html`<p class="dim">
        The hash key was made up for this run: gateways of other sidecars share nothing with ours.
        Set hashKey or hashKeyFile where there is more than one sidecar.
      </p>`
    : html``;
  if (found.length === 0)
    return html`<p class="fine">No problems.</p>
      ${note}`;
  const items = found.map(
    (problem) => html`<li>${problem.pool === null ? "" : `${problem.pool}: `}${problem.text}</li>`,
  );
  const count = found.length === 1 ? "1 problem" : `${found.length} problems`;
  return html`<section class="problems">
      <strong>${count}</strong>
      <ul>
        ${items}
      </ul>
    </section>
    ${note}`;
}

function notes(texts: readonly string[]): Html {
  if (texts.length === 0) return html``;
  return html`<ul class="dim">
    ${texts.slice(0, NOTES_MAX).map((text) => html`<li>${text}</li>`)}
  </ul>`;
}

function pool(view: PoolView, isSharing: boolean): Html {
  const strategy = view.routingStrategy ?? "as the filter is configured";
  const model = view.modelName === null ? "" : `, model ${view.modelName}`;
  const { decisions, promptTokens, matchedTokens, mispredictions } = view.totals;
  const reasons = Object.entries(decisions).map(([reason, count]) => `${reason} ${count}`);
  return html`<h2>Pool ${view.name}</h2>
    <p>Strategy: ${strategy}. Engine: ${view.engine}${model}.</p>
    <p>
      Decisions: ${reasons.join(", ") || "none yet"}. Prompt tokens routed: ${promptTokens}, of them
      predicted as cached: ${percent(promptTokens > 0 ? matchedTokens / promptTokens : null)};
      mispredictions: ${mispredictions}.
    </p>
    <h3>Pods</h3>
    ${table(podColumns(view.pods), view.pods, "No pods.")} ${models(view.models)}
    <h3>Gateways</h3>
    ${table(GATEWAY_COLUMNS, view.gateways, "No gateway polls this pool.")}
    ${sharedGateways(view.sharing, isSharing)}
    <h3>Newest decisions</h3>
    ${table(
      DECISION_COLUMNS,
      [...view.decisions].sort((a, b) => a.ageMs - b.ageMs).slice(0, DECISIONS_MAX),
      "None reported.",
    )}`;
}

const POD_COLUMNS: Column<PodView>[] = [
  { title: "#", isNumber: true, cell: (pod) => pod.number },
  { title: "pod", cell: podName },
  { title: "state", cell: (pod) => html`<span class="${pod.state}">${podState(pod)}</span>` },
  { title: "age", isNumber: true, cell: (pod) => duration(pod.ageMs) },
  { title: "waiting", isNumber: true, cell: (pod) => pod.waiting },
  { title: "running", isNumber: true, cell: (pod) => pod.running },
  { title: "KV in use", isNumber: true, cell: (pod) => percent(pod.kvUsage) },
  { title: "KV tokens", isNumber: true, cell: (pod) => pod.kvCapacityTokens },
  { title: "prefix hits", isNumber: true, cell: (pod) => percent(hitRate(pod)) },
  { title: "epoch", isNumber: true, cell: (pod) => pod.epoch },
];

const ADAPTER_COLUMN: Column<PodView> = { title: "adapters", cell: adapters };

/** Most pools have no adapters, and need no column for them. */
function podColumns(pods: readonly PodView[]): Column<PodView>[] {
  return pods.some((pod) => adapters(pod) !== "") ? [...POD_COLUMNS, ADAPTER_COLUMN] : POD_COLUMNS;
}

const GATEWAY_COLUMNS: Column<GatewayView>[] = [
  { title: "gateway", cell: (gateway) => gateway.incarnation },
  { title: "report age", isNumber: true, cell: (gateway) => duration(gateway.ageMs) },
  { title: "up", isNumber: true, cell: (gateway) => duration(gateway.uptimeMs) },
  { title: "VMs", isNumber: true, cell: (gateway) => gateway.vms },
  { title: "configuration", cell: (gateway) => gateway.configHash },
  { title: "strategy", cell: (gateway) => gateway.strategy },
  {
    title: "index nodes",
    isNumber: true,
    cell: ({ index }) => `${index["nodes"] ?? "–"} / ${index["nodesMax"] ?? "–"}`,
  },
  { title: "in flight", isNumber: true, cell: ({ pods }) => total(pods.map((p) => p.inFlight)) },
  { title: "warnings", cell: (gateway) => gateway.warnings.join(", ") },
];

const DECISION_COLUMNS: Column<PoolView["decisions"][number]>[] = [
  { title: "ago", isNumber: true, cell: (decision) => duration(decision.ageMs) },
  {
    title: "pod",
    cell: ({ address, number }) => address ?? (number === null ? "–" : `#${number}`),
  },
  { title: "reason", cell: (decision) => decision.reason },
  { title: "prompt tokens", isNumber: true, cell: (decision) => decision.promptTokens },
  { title: "predicted cached", isNumber: true, cell: (decision) => decision.cachedTokens },
  { title: "predicted first token", isNumber: true, cell: (decision) => duration(decision.etaMs) },
  { title: "gateway", cell: (decision) => decision.gateway },
];

function podName({ name, address }: PodView): string {
  return name === null ? address : `${name}, ${address}`;
}

function podState({ state, failure, mayBePicked, ejected }: PodView): string {
  if (ejected !== null) return `ejected: ${ejected}`;
  if (state !== "failing" || failure === null) return state;
  return `failing: ${failure.reason}${mayBePicked ? "" : ", not picked"}`;
}

function hitRate({ prefixQueryTokens, prefixHitTokens }: PodView): number | null {
  if (prefixQueryTokens === null || prefixHitTokens === null || prefixQueryTokens === 0)
    return null;
  return prefixHitTokens / prefixQueryTokens;
}

function total(values: (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function percent(share: number | null): string {
  return share === null ? "–" : `${(share * 100).toFixed(1)} %`;
}

// Draws docs/pictures/dashboard.png: the dashboard's own queries, asked of a real Prometheus while
// simulated chats go through the gateway. Grafana has no part in it.
import { execFile } from "node:child_process";
import { setMaxListeners } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { FailureWatch } from "../lab/failure.js";
import { newProgress, playLoad } from "../lab/load.js";
import { kvTokensPerPod, makeWorkload, MODEL } from "../demo/service.js";
import { startStack, type Stack } from "../demo/stack.js";
import { stopAll } from "../lab/processes.js";
import { findPrometheus, startPrometheus, type Programs } from "../lab/prometheus.js";
import { scrapeAnnotations, shippedScrapes, type PodPort } from "../lab/scrapes.js";
import { WorkloadText } from "../simulator/workloads/text.js";
import { projectPath } from "./config/project.js";
import { escaped, readDashboard, withoutLastRow } from "./dashboard/dashboard.js";
import { makePage } from "./dashboard/page.js";
import { readPanels, type PanelData } from "./dashboard/panel-data.js";
import { shrinkPng } from "./dashboard/shrink-png.js";

const SECONDS = Number(process.env["PICTURE_SECONDS"] ?? 140);
/** Rates need some scrapes before the first point. */
const LEAD_SECONDS = 18;
const SCRAPE_SECONDS = 2;
const RATE_INTERVAL = "16s";
const SEED = 7;
const WIDTH_PX = 1440;
const PICTURE_PATH = projectPath("docs", "pictures", "dashboard.png");
const CHROMIUM_TIMEOUT_MS = 60_000;
const GATEWAY = {
  namespace: "envoy-gateway-system",
  pod: "envoy-default-inference-gateway-0",
  labels: { "gateway.envoyproxy.io/owning-gateway-name": "inference-gateway" },
};

/** There is one gateway, which shares with nobody. */
const dashboard = withoutLastRow(readDashboard(), "Sharing");

async function main(): Promise<void> {
  const found = await findPrometheus();
  if ("reason" in found) throw new Error(found.reason);
  const watch = new FailureWatch();
  const chats = makeWorkload("chats", SEED, SECONDS);
  const kvTokens = kvTokensPerPod(makeWorkload("chats", SEED, SECONDS / 3));
  const stack = await startStack({
    ...{ httpPort: 0, llmGwPort: 0, sameRoute: false },
    ...{ kvTokensPerPod: kvTokens, watch },
  });
  try {
    const panels = await record(found.programs, stack, chats, watch);
    await draw(panels, stack);
  } finally {
    await stack.stop();
    await stopAll();
    watch.close();
  }
}

/** Plays the load with Prometheus watching, and asks the panels' queries at its end. */
async function record(
  programs: Programs,
  stack: Stack,
  chats: ReturnType<typeof makeWorkload>,
  watch: FailureWatch,
): Promise<PanelData[]> {
  const config = shippedScrapes(podPorts(stack), SCRAPE_SECONDS);
  const prometheus = await startPrometheus({ programs, config });
  try {
    const fromSeconds = Math.ceil(Date.now() / 1000) + LEAD_SECONDS;
    const toSeconds = fromSeconds + SECONDS - LEAD_SECONDS;
    const load = new AbortController();
    const signal = AbortSignal.any([watch.signal, load.signal]);
    // Each conversation waits for it.
    setMaxListeners(0, signal);
    const played = playLoad({
      ...{ url: stack.routedUrl, model: MODEL, workload: chats, signal },
      ...{ text: new WorkloadText(chats, SEED, 0), progress: newProgress(performance.now()) },
      nowMs: () => performance.now(),
    });
    await sleep(toSeconds * 1000 - Date.now(), undefined, { signal: watch.signal });
    const panels = await readPanels(dashboard, prometheus, {
      ...{ fromSeconds, toSeconds, stepSeconds: 2 * SCRAPE_SECONDS },
      variables: {
        __rate_interval: RATE_INTERVAL,
        namespace: ".*",
        pool: ".*",
        pod: `(${stack.pods.map(escaped).join("|")})`,
      },
    });
    load.abort();
    await played;
    return panels;
  } finally {
    await prometheus.stop();
  }
}

function podPorts(stack: Stack): PodPort[] {
  const address = (url: string): string => new URL(url).host;
  return [
    { ...GATEWAY, address: address(stack.adminUrl), portName: "metrics" },
    { ...GATEWAY, address: address(stack.sidecarUrl), portName: "sidecar" },
    ...stack.pods.map((pod, index) => ({
      namespace: "default",
      pod: `vllm-${index}`,
      address: pod,
      annotations: scrapeAnnotations(Number(pod.split(":")[1])),
    })),
  ];
}

async function draw(panels: PanelData[], stack: Stack): Promise<void> {
  const page = makePage(dashboard, panels, {
    widthPx: WIDTH_PX,
    shown: { "Data source": "Prometheus", Namespace: "All", Pool: "All", Pod: "All" },
  });
  const folder = mkdtempSync(join(tmpdir(), "warmroute-picture-"));
  try {
    const html = join(folder, "dashboard.html");
    writeFileSync(html, page.html);
    await promisify(execFile)(
      process.env["CHROMIUM_BIN"] ?? "chromium",
      [
        ...["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
        ...[`--user-data-dir=${join(folder, "profile")}`, "--force-device-scale-factor=1"],
        ...[`--window-size=${WIDTH_PX},${page.heightPx}`, `--screenshot=${PICTURE_PATH}`],
        `file://${html}`,
      ],
      { timeout: CHROMIUM_TIMEOUT_MS },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  writeFileSync(PICTURE_PATH, shrinkPng(readFileSync(PICTURE_PATH)));
  const kilobytes = Math.round(statSync(PICTURE_PATH).size / 1000);
  console.log(`${PICTURE_PATH}: ${kilobytes} KB, of ${stack.pods.length} simulated pods`);
}

await main();

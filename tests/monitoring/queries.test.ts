// Every query of dashboard, rules and autoscaling against real pages of Envoy with the filter, of
// the sidecar, and of vLLM V0 and V1, scraped by a real Prometheus with the shipped jobs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { until } from "../../lab/processes.js";
import { findPrometheus, type Prometheus } from "../../lab/prometheus.js";
import { projectPath } from "../../scripts/config/project.js";
import { escaped, fillIn, readDashboard } from "../../scripts/dashboard/dashboard.js";
import { EMPTY_FOR_ENGINE, EMPTY_SELECTORS, emptyKeyOf } from "./support/empty.js";
import { groupingsOf, selectorsOf } from "./support/promql.js";
import {
  GATEWAY_NAMESPACE,
  PODS_NAMESPACE,
  RATE_INTERVAL,
  startScene,
  type Engine,
  type Scene,
} from "./support/scene.js";

interface Query {
  where: string;
  expr: string;
}

const found = await findPrometheus();
const options = "reason" in found ? { skip: found.reason } : {};
// Shown with the suite's sum.
if ("reason" in found) console.log(`figure: without a Prometheus, skipped: ${found.reason}`);
let scene: Scene;
let prometheus: Prometheus;

before(async () => {
  if ("reason" in found) return;
  scene = await startScene(found.programs);
  prometheus = scene.prometheus;
});
after(() => scene?.stop());

const dashboard = readDashboard();
const panelQueries: Query[] = dashboard.panels.flatMap(({ title, gridPos, targets = [] }) =>
  targets.map(({ refId, expr }) => ({ where: `${title} ${refId} (line ${gridPos.y})`, expr })),
);

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
}

const rulesPath = projectPath("manifests", "monitoring", "rules.yaml");
const { groups } = parse(readFileSync(rulesPath, "utf8")) as { groups: { rules: Rule[] }[] };
const rules: Query[] = groups.flatMap((group) =>
  group.rules.map(({ record, alert, expr }) => ({ where: record ?? alert ?? "", expr })),
);

/** As Grafana fills them in; "all" pods are all that the sidecar lists. */
async function variables(pod?: string): Promise<Record<string, string>> {
  const listed = await prometheus.query("warmroute_pod_failing");
  const all = listed.map(({ labels }) => escaped(labels["address"] ?? ""));
  return {
    __rate_interval: RATE_INTERVAL,
    namespace: ".*",
    pool: ".*",
    pod: pod === undefined ? `(${all.join("|")})` : escaped(pod),
  };
}

test("the shipped jobs find every port once, and none besides", options, async () => {
  type Targets = { activeTargets: { labels: Record<string, string>; health: string }[] };
  const { activeTargets } = await prometheus.ask<Targets>("targets?state=active");
  const seen = activeTargets.map(({ labels, health }) => {
    const { job, instance, namespace, pod, gateway = "" } = labels;
    return [job, instance, namespace, pod, gateway, health].join(" ");
  });
  const gateway = `${GATEWAY_NAMESPACE} envoy-1 inference-gateway up`;
  const expected = [
    `warmroute-envoy ${scene.envoyAddress} ${gateway}`,
    `warmroute-sidecar ${scene.sidecarAddress} ${gateway}`,
    ...scene.engines.map(({ name, address }) => `vllm ${address} ${PODS_NAMESPACE} ${name}  up`),
  ];
  assert.deepEqual(seen.sort(), expected.sort());
});

/** Asks only for what has rightly no series. */
function isEmpty(expr: string): boolean {
  return selectorsOf(expr).every(({ name, matchers }) => emptyKeyOf(name + matchers) !== undefined);
}

test("every query of the dashboard has a result", options, async () => {
  const values = await variables();
  for (const { where, expr } of panelQueries.filter((query) => !isEmpty(query.expr))) {
    const samples = await prometheus.query(fillIn(expr, values));
    assert.ok(samples.length > 0, `${where}: nothing for ${expr}`);
  }
});

test("every legend's labels are in the result", options, async () => {
  const values = await variables();
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      const [sample] = await prometheus.query(fillIn(expr, values));
      const labels = isEmpty(expr) ? groupingsOf(expr)[0] : Object.keys(sample?.labels ?? {});
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(labels?.includes(label!), `${title}: no label ${label} from ${expr}`);
      }
    }
  }
});

test(
  "every query about vLLM has a result for each version whose page has its names",
  options,
  async () => {
    const unused = new Set(Object.keys(EMPTY_FOR_ENGINE));
    for (const engine of scene.engines) {
      const values = await variables(engine.address);
      const names = namesOn(await engine.page());
      for (const { where, expr } of panelQueries.filter((query) => query.expr.includes("vllm:"))) {
        const title = where.replace(/ \(.*/, "");
        const key = `${engine.name}: ${title}`;
        const samples = await prometheus.query(fillIn(expr, values));
        if (key in EMPTY_FOR_ENGINE) {
          unused.delete(key);
          assert.equal(samples.length, 0, `${key} has a result now: take it off the list`);
        } else if (isExpected(engine, expr, names)) {
          assert.ok(samples.length > 0, `${key}: nothing for ${expr}`);
        }
      }
    }
    assert.deepEqual([...unused], [], "listed as empty, but no such query");
  },
);

/** A simulated page is a whole one; an excerpt may lack what a query asks for. */
function isExpected(engine: Engine, expr: string, names: Set<string>): boolean {
  if (engine.isSimulated) return true;
  return selectorsOf(expr).some(({ name }) => names.has(name));
}

function namesOn(page: string): Set<string> {
  return new Set(
    [...page.matchAll(/^([a-zA-Z_:][\w:]*)[{ ]/gm)].map((match) => match[1] as string),
  );
}

test("every series that the rules and panels ask for is there", options, async () => {
  const values = await variables();
  const unused = new Set(Object.keys(EMPTY_SELECTORS));
  // The sidecar names on its page what has no series yet, too.
  const page = await (await fetch(`http://${scene.sidecarAddress}/metrics`)).text();
  const described = new Set([...page.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name));
  const filled = panelQueries.map(({ where, expr }) => ({ where, expr: fillIn(expr, values) }));
  for (const { where, expr } of [...rules, ...filled]) {
    const selectors = selectorsOf(expr);
    assert.ok(selectors.length > 0, `${where} asks for nothing`);
    for (const { name, matchers } of selectors) {
      const selector = name + matchers;
      const known = emptyKeyOf(selector);
      if (known !== undefined) {
        unused.delete(known);
        assert.ok(described.has(name), `${where}: no metric ${name}`);
        continue;
      }
      const samples = await prometheus.query(selector);
      assert.ok(samples.length > 0, `${where}: no series ${selector}`);
    }
  }
  assert.deepEqual([...unused], [], "listed as empty, but nobody asks for it");
});

test(
  "Prometheus evaluates every rule, and every recording rule has a result",
  options,
  async () => {
    type State = { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
    const { groups: loaded } = await prometheus.ask<State>("rules");
    const names = loaded.flatMap((group) => group.rules.map(({ name }) => name));
    assert.deepEqual(names.sort(), rules.map(({ where }) => where).sort());
    for (const { name, lastError } of loaded.flatMap((group) => group.rules)) {
      assert.equal(lastError ?? "", "", name);
    }
    for (const { where, expr } of rules.filter(({ where: name }) => name.includes(":"))) {
      assert.ok((await prometheus.query(expr)).length > 0, `${where}: nothing`);
    }
  },
);

test("a healthy gateway raises no alert, and the dead pod its own", options, async () => {
  const firing = await prometheus.query('ALERTS{alertstate=~"firing|pending"}');
  const names = new Set(firing.map(({ labels }) => labels["alertname"]));
  // The status page says that the pod is dead, and that no gateway asks for the pool of pages.
  assert.deepEqual([...names].sort(), [
    "WarmrouteNoGateway",
    "WarmroutePodPassedOver",
    "WarmrouteProblems",
  ]);
});

test(
  "autoscaling reads series that are there, and the pool's name in two labels",
  options,
  async () => {
    type ScaledObject = { spec: { triggers: { metadata: { query: string } }[] } };
    const triggers = ["keda-scaled-object.yaml", "keda-scale-from-zero.yaml"].flatMap((name) => {
      const path = projectPath("manifests", "monitoring", "autoscaling", name);
      return (parse(readFileSync(path, "utf8")) as ScaledObject).spec.triggers;
    });
    for (const { metadata } of triggers) {
      const samples = await prometheus.query(
        metadata.query.replace("default/vllm-pool", "default/v1"),
      );
      assert.equal(samples.length, 1, metadata.query);
    }
    const adapter = parse(
      readFileSync(
        projectPath("manifests", "monitoring", "autoscaling", "prometheus-adapter-values.yaml"),
        "utf8",
      ),
    ) as {
      rules: { external: { seriesQuery: string; metricsQuery: string; name: { as: string } }[] };
    };
    const made = adapter.rules.external.map(({ name }) => name.as);
    const hpa = readFileSync(
      projectPath("manifests", "monitoring", "autoscaling", "hpa.yaml"),
      "utf8",
    );
    for (const [, name] of hpa.matchAll(/^\s+name: (warmroute_\w+)$/gm)) {
      assert.ok(made.includes(name as string), `the adapter makes no ${name}`);
    }
    for (const { seriesQuery, metricsQuery } of adapter.rules.external) {
      const series = /^[\w:]+/.exec(seriesQuery)?.[0] ?? "";
      // As the adapter asks for a HorizontalPodAutoscaler in "default" that selects pool_name.
      const expr = metricsQuery
        .replace("<<.Series>>", series)
        .replace("<<.LabelMatchers>>", 'namespace="default",pool_name="v1"')
        .replace("<<.GroupBy>>", "namespace");
      const recorded = rules.find(({ where }) => where === series)?.expr;
      assert.ok(recorded !== undefined, `no rule records ${series}`);
      await untilSome(seriesQuery);
      assert.equal((await prometheus.query(expr)).length, 1, expr);
    }
  },
);

/** The group of these rules has an interval of its own, of 15 s. */
async function untilSome(expr: string): Promise<void> {
  await until(expr, async () => (await prometheus.query(expr)).length > 0, 40_000);
}

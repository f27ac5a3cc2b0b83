// The rules by Prometheus' own tool, with a unit test for each alert; and that they say what to do.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { parse, parseAllDocuments } from "yaml";
import { findPrometheus } from "../../lab/prometheus.js";
import { projectPath } from "../../scripts/config/project.js";
import { prometheusRule, PROMETHEUS_RULE_PATH, RULES_PATH } from "../../scripts/prometheus-rule.js";
import { groupingsOf, selectorsOf } from "./support/promql.js";

interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  for?: string;
  labels?: { severity?: string };
  annotations?: { summary?: string; description?: string };
}

interface RuleTest {
  name: string;
  promql_expr_test: { expr: string; exp_samples: { labels: string }[] }[];
}

const UNIT_TESTS = projectPath("tests", "monitoring", "rules-test.yaml");
const found = await findPrometheus();
const options = "reason" in found ? { skip: found.reason } : {};
const rulesText = readFileSync(RULES_PATH, "utf8");
const { groups } = parse(rulesText) as { groups: { name: string; rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);

async function promtool(...args: string[]): Promise<string> {
  assert.ok("programs" in found);
  const run = promisify(execFile)(found.programs.promtool, args);
  const { stdout, stderr } = await run.catch((error: { stdout: string; stderr: string }) => error);
  return stdout + stderr;
}

test("promtool finds no mistake in the rules", options, async () => {
  assert.match(await promtool("check", "rules", RULES_PATH), /SUCCESS: \d+ rules found/);
});

test(
  "each alert fires when it should and not before; a healthy system has none",
  options,
  async () => {
    assert.match(await promtool("test", "rules", UNIT_TESTS), /SUCCESS\s*$/);
  },
);

test("there is a test of each alert that fires and one that does not", () => {
  const { tests } = parse(readFileSync(UNIT_TESTS, "utf8")) as { tests: RuleTest[] };
  const cases = tests.flatMap(({ promql_expr_test: all }) => all);
  for (const { alert } of alerts) {
    const own = cases.filter(({ expr }) => expr.includes(`alertname="${alert}"`));
    assert.ok(
      own.some(({ exp_samples: samples }) => samples.length > 0),
      `${alert} never fires`,
    );
    assert.ok(
      own.some(({ exp_samples: samples }) => samples.length === 0),
      `${alert} always fires`,
    );
  }
});

test("each alert has a severity, a summary, and a description that says what to do", () => {
  for (const { alert, labels, annotations } of alerts) {
    assert.match(labels?.severity ?? "", /^(critical|warning|info)$/, alert);
    assert.match(annotations?.summary ?? "", /\S/, alert);
    assert.ok(!(annotations?.summary ?? "").endsWith("."), `${alert}: a summary is no sentence`);
    assert.match(annotations?.description ?? "", /^.{60,}\.$/, alert);
  }
  const names = rules.map(({ alert, record }) => alert ?? record);
  assert.equal(new Set(names).size, names.length, "a name twice");
});

test("texts name only labels that the alert's expression keeps", () => {
  for (const { alert, expr, annotations } of alerts) {
    const texts = `${annotations?.summary} ${annotations?.description}`;
    const used = [...texts.matchAll(/\$labels\.(\w+)/g)].map((match) => match[1] as string);
    const kept = keptLabels(expr);
    for (const label of used) assert.ok(kept.includes(label), `${alert}: no label ${label}`);
  }
});

/** Those of the outermost grouping, or all that our jobs give where nothing is grouped. */
function keptLabels(expr: string): string[] {
  const [outermost] = groupingsOf(expr);
  if (outermost !== undefined) return outermost;
  const recorded = rules.find(({ record }) => record === selectorsOf(expr)[0]?.name);
  return recorded === undefined
    ? ["job", "instance", "namespace", "pod", "gateway"]
    : keptLabels(recorded.expr.includes(" by ") ? recorded.expr : "");
}

test("the operator's object holds the same rules", () => {
  const object = readFileSync(PROMETHEUS_RULE_PATH, "utf8");
  assert.equal(object, prometheusRule(rulesText), "run: node build/js/scripts/prometheus-rule.js");
  assert.deepEqual((parse(object) as { spec: object }).spec, { groups });
});

test("the document lists each alert with its severity and delay, and each recording rule", () => {
  const text = readFileSync(projectPath("docs", "monitoring.md"), "utf8");
  const listed = [...text.matchAll(/^\| `(\w+)` \| (critical|warning|info) \| ([\w ]+) \|/gm)];
  const expected = alerts.map(({ alert, labels, for: delay = "at once" }) => {
    return [alert, labels?.severity, delay].join(" ");
  });
  assert.deepEqual(
    listed.map(([, alert, severity, delay]) => [alert, severity, delay].join(" ")),
    expected,
  );
  for (const { record } of rules) {
    if (record !== undefined) assert.ok(text.includes(`\`${record}\``), `${record} is not there`);
  }
});

interface RelabelRule {
  [key: string]: unknown;
}

test("the operator's monitors relabel as the plain jobs do", () => {
  const read = (name: string): string =>
    readFileSync(projectPath("manifests", "monitoring", name), "utf8");
  type Jobs = { scrape_configs: { job_name: string; relabel_configs: RelabelRule[] }[] };
  const { scrape_configs: jobs } = parse(read("scrape-config.yaml")) as Jobs;
  type Monitor = { spec: { podMetricsEndpoints: { relabelings: RelabelRule[] }[] } };
  const endpoints = parseAllDocuments(read("pod-monitors.yaml")).flatMap(
    (document) => (document.toJS() as Monitor).spec.podMetricsEndpoints,
  );
  const monitored = endpoints.map(({ relabelings }) => {
    const [job, ...rest] = relabelings;
    return [job?.["replacement"], rest.map(camelToSnake).map((rule) => JSON.stringify(rule))];
  });
  // The operator chooses pods and ports, and adds namespace and pod, by itself.
  const byOperator = /^(namespace|pod)$/;
  const expected = jobs.map(({ job_name: name, relabel_configs: all }) => {
    const own = all.filter((rule) => {
      const sources = (rule["source_labels"] as string[]).join();
      const isChoice = rule["action"] === "keep" && /owning_gateway|port_name/.test(sources);
      return !isChoice && !byOperator.test(String(rule["target_label"]));
    });
    return [name, own.map((rule) => JSON.stringify(rule))];
  });
  assert.deepEqual(monitored, expected);
});

function camelToSnake(rule: RelabelRule): RelabelRule {
  const rename = (key: string): string =>
    key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(rule).map(([key, value]) => [rename(key), value]));
}

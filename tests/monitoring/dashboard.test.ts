// The dashboard's JSON: what Grafana would show wrong without a word.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readDashboard, variablesOf, type Panel } from "../../scripts/dashboard/dashboard.js";

/** Grafana's own variables, which it fills in by itself. */
const BUILT_IN = new Set(["__rate_interval", "__auto", "__range", "__all"]);
const COLUMNS = 24;
/** Ids of Grafana's list of units (packages/grafana-data, valueFormats). */
const UNITS = ["short", "s", "µs", "percentunit", "reqps", "bytes", "Bps", "suffix:tok/s"];
/** The metrics of the seeds' guides, one panel each. */
const SEED_METRICS = [
  "vllm:gpu_cache_usage_perc",
  "vllm:request_queue_time_seconds_sum",
  "vllm:num_requests_running",
  "vllm:num_requests_waiting",
  "vllm:num_requests_swapped",
  "vllm:avg_generation_throughput_toks_per_s",
  "vllm:avg_prompt_throughput_toks_per_s",
  "vllm:time_to_first_token_seconds_bucket",
];

const dashboard = readDashboard();
const panels = dashboard.panels.filter(({ type }) => type !== "row");

function assertUnique<T>(values: T[], what: string): void {
  const twice = values.filter((value, index) => values.indexOf(value) !== index);
  assert.deepEqual(twice, [], `twice: ${what}`);
}

test("ids are unique, and so are the letters of a panel's queries", () => {
  assertUnique(
    dashboard.panels.map(({ id }) => id),
    "panel id",
  );
  for (const { title, targets = [] } of panels) {
    assert.ok(targets.length > 0, `${title} has no query`);
    assertUnique(
      targets.map(({ refId }) => refId),
      `refId in ${title}`,
    );
  }
});

test("panels lie in 24 columns, none over another, each under its row", () => {
  const taken = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels) {
    const { x, y, w, h } = gridPos;
    assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= COLUMNS, `${title}: x ${x}, w ${w}`);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        const place = `${column},${line}`;
        assert.equal(taken.get(place), undefined, `${title} lies over another at ${place}`);
        taken.set(place, title);
      }
    }
  }
  const tops = dashboard.panels.map(({ gridPos }) => gridPos.y);
  assert.deepEqual(
    tops,
    tops.toSorted((a, b) => a - b),
    "in the order of reading",
  );
});

test("every variable that is used is defined, and every one that is defined is used", () => {
  const defined = dashboard.templating.list.map(({ name }) => name);
  assertUnique(defined, "variable");
  const used = new Set<string>();
  const texts = dashboard.templating.list.map(({ query }) =>
    typeof query === "string" ? query : query.query,
  );
  for (const { targets = [] } of panels) {
    for (const { expr, datasource } of targets) texts.push(expr, datasource.uid);
  }
  for (const name of texts.flatMap(variablesOf)) {
    if (BUILT_IN.has(name)) continue;
    assert.ok(defined.includes(name), `$${name} is not defined`);
    used.add(name);
  }
  assert.deepEqual([...used].sort(), defined.toSorted());
});

test("each panel says what it shows, in a unit", () => {
  for (const { title, description = "", fieldConfig } of panels) {
    assert.match(description, /^[A-Z\dv].{10,}\.$/s, `description of ${title}`);
    const units = [fieldConfig?.defaults.unit ?? ""];
    for (const { properties } of fieldConfig?.overrides ?? []) {
      units.push(...properties.filter(({ id }) => id === "unit").map(({ value }) => String(value)));
    }
    for (const unit of units) {
      assert.ok([...UNITS, "bool_yes_no", "suffix:tok"].includes(unit), `${title}: unit "${unit}"`);
    }
  }
});

test("a panel for each of the seeds' eight metrics, under their name", () => {
  const start = dashboard.panels.findIndex(({ title }) => title.includes("ACK guide"));
  const rest = dashboard.panels.slice(start + 1);
  const row = rest.slice(
    0,
    rest.findIndex(({ type }) => type === "row"),
  );
  assert.equal(row.length, SEED_METRICS.length);
  for (const metric of SEED_METRICS) {
    const isOf = ({ description = "", targets = [] }: Panel): boolean =>
      description.startsWith(`${metric}`) && targets.some(({ expr }) => expr.includes(metric));
    assert.equal(row.filter(isOf).length, 1, metric);
  }
});

test("a range vector is as long as Grafana says, and not written down", () => {
  for (const { title, targets = [] } of panels) {
    for (const { expr } of targets) {
      for (const [range] of expr.matchAll(/\[[^\]]*\]/g)) {
        assert.equal(range, "[$__rate_interval]", title);
      }
    }
  }
});

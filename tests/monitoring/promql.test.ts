// The reader of PromQL that the other tests rely on: what it takes for a selector.
import assert from "node:assert/strict";
import { test } from "node:test";
import { groupingsOf, selectorsOf } from "./support/promql.js";

const CASES: [string, string[]][] = [
  ["up", ["up"]],
  ['sum by (pool, le) (rate(a_bucket{x=~"b|c", y="{}"}[5m]))', ['a_bucket{x=~"b|c", y="{}"}']],
  ["histogram_quantile(0.95, sum by (le) (rate(vllm:t_bucket[10s])))", ["vllm:t_bucket"]],
  ["(a or b{}) / on (instance) group_left (pool) c > 0.5", ["a", "b{}", "c"]],
  ['label_replace(max by (pool) (a), "n", "$1", "pool", "(.*)/x")', ["a"]],
  ['sum({__name__=~"e_.+_(x|y)"} offset 10m) * 0', ['{__name__=~"e_.+_(x|y)"}']],
  ["a and on (instance) b unless c", ["a", "b", "c"]],
  ["absent(a) > bool 1e3", ["a"]],
];

for (const [expression, expected] of CASES) {
  test(`selectors of ${expression}`, () => {
    const found = selectorsOf(expression).map(({ name, matchers }) => name + matchers);
    assert.deepEqual(found, expected);
  });
}

test("the labels that are grouped by", () => {
  assert.deepEqual(groupingsOf("sum by (a, b) (max by(c) (x))"), [["a", "b"], ["c"]]);
});

// docs/migrating.md keeps its word: each test that it names is there, each mistake in the fixtures.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { projectPath } from "../../scripts/config/project.js";

const PAGE = readFileSync(projectPath("docs", "migrating.md"), "utf8");

function fixture(set: string, name: string): string {
  return readFileSync(projectPath("tests", "fixtures", "seeds", set, name), "utf8");
}

describe("docs/migrating.md", () => {
  const cited = [...PAGE.matchAll(/\| `([\w/.-]+\.ts)`: (.*) \|$/gm)];

  test("names a test in each row of its tables of objects and commands", () => {
    const rows = PAGE.split("\n").filter((line) => /^\| .* \| .* \| .* \|$/.test(line));
    const heads = rows.filter((line) => /shown by|\| --- \|/.test(line));
    assert.equal(cited.length, rows.length - heads.length);
    assert.ok(cited.length > 20);
  });

  for (const [, file = "", title = ""] of cited) {
    test(`${file} has the test "${title}"`, () => {
      const path = projectPath("tests", ...file.split("/"));
      assert.ok(existsSync(path), `there is no tests/${file}`);
      const source = readFileSync(path, "utf8");
      assert.ok(source.includes(title), `tests/${file} has no test of that title`);
    });
  }

  test("tells mistakes that the fixtures still have", () => {
    assert.match(fixture("qwq", "gateway.yaml"), /name: vllm-llama2-7b-pool/);
    assert.match(fixture("qwq", "vllm.yaml"), /name: qwq-32b-v1/);
    assert.match(fixture("qwq", "vllm.yaml"), /--tensor-parallel=4 .*--enforce-eager/);
    assert.match(fixture("qwq", "curl.txt"), /\$\{GATEWAY_IP\}\/v1/);
    assert.match(fixture("qwq", "inference-pool.yaml"), /v1alpha1/);
    assert.doesNotMatch(fixture("qwq", "inference-pool.yaml"), /extensionRef|namespace/);
    assert.match(fixture("qwen", "inference-gateway.yaml"), /^ {2}targetRef:/m);
    assert.match(fixture("qwen", "inference-pool.yaml"), /name: inference-gateway-ext-proc/);
  });
});

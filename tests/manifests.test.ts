// The manifests as text: what kustomize cannot tell, and the table that the benchmark prints.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { readEnvironment } from "../sidecar-metrics/src/config/environment.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MANIFESTS = join(ROOT, "manifests");

interface Patch {
  name: string;
  operation: { op: string; jsonPath: string; path?: string; value: unknown };
}
interface FilterPolicy {
  metadata: { name: string; namespace: string };
  spec: {
    targetRefs: { name: string; sectionName: string }[];
    wasm: { name: string; code: { image: { sha256: string } } }[];
  };
}
interface PatchPolicy {
  metadata: { name: string; namespace: string };
  spec: { targetRef: { name: string }; jsonPatches: Patch[] };
}

const files = readdirSync(MANIFESTS, { recursive: true, encoding: "utf8" }).sort();
const yamlFiles = files.filter((name) => name.endsWith(".yaml"));

function documents<T>(path: string): T[] {
  return parseAllDocuments(readFileSync(join(MANIFESTS, path), "utf8")).map((document) => {
    assert.deepEqual(document.errors, [], path);
    return document.toJS() as T;
  });
}

describe("every manifest", () => {
  test("says first what it does", () => {
    assert.ok(yamlFiles.length > 50);
    for (const path of yamlFiles) {
      assert.match(readFileSync(join(MANIFESTS, path), "utf8"), /^# \S/, path);
    }
  });

  test("is YAML", () => yamlFiles.forEach((path) => documents(path)));

  test("of a folder with numbers is listed by the folder, in their order", () => {
    for (const path of yamlFiles.filter((name) => name.endsWith("kustomization.yaml"))) {
      const folder = dirname(path);
      const [{ resources = [] } = {}] = documents<{ resources?: string[] }>(path);
      const numbered = readdirSync(join(MANIFESTS, folder)).filter((name) => /^\d\d-/.test(name));
      const listed = resources.filter((name) => /^\d\d-/.test(name));
      assert.deepEqual(listed, numbered.sort(), path);
    }
  });
});

describe("the sidecar's container", () => {
  test("gets no variable that is not a key of the sidecar's configuration", () => {
    const names = yamlFiles.flatMap((path) => {
      const text = readFileSync(join(MANIFESTS, path), "utf8");
      return [...text.matchAll(/\bname: (WARMROUTE_\w+)/g)].map(([, name]) => name as string);
    });
    assert.ok(names.length > 10);
    const { unknown } = readEnvironment(Object.fromEntries(names.map((name) => [name, "1"])));
    assert.deepEqual(unknown, []);
  });
});

describe("the filter and its patch", () => {
  const pairs: [filter: string, patch: string][] = [
    ["base/60-filter.yaml", "base/61-filter-patch.yaml"],
    ["components/canary/60-filter-next.yaml", "components/canary/61-filter-next-patch.yaml"],
  ];
  for (const [filterPath, patchPath] of pairs) {
    const [filter] = documents<FilterPolicy>(filterPath) as [FilterPolicy];
    const [patch] = documents<PatchPolicy>(patchPath) as [PatchPolicy];
    const { name, namespace } = filter.metadata;

    test(`${patchPath} names the filter as either mode of Envoy Gateway does`, () => {
      // As read from Envoy: standalone, and in a cluster.
      const middles = ["", "envoyextensionpolicy"];
      for (const { operation } of patch.spec.jsonPatches) {
        const pattern = /=~ '([^']+)'/.exec(operation.jsonPath)?.[1] ?? "";
        for (const middle of middles) {
          const full = `envoy.filters.http.wasm/${middle}/${namespace}/${name}/wasm/0`;
          assert.match(full, new RegExp(pattern));
          assert.doesNotMatch(full.replace(name, `${name}-other`), new RegExp(pattern));
        }
      }
    });

    test(`${patchPath} patches the listener that ${filterPath} is on`, () => {
      const [target] = filter.spec.targetRefs;
      assert.equal(patch.spec.targetRef.name, target?.name);
      for (const one of patch.spec.jsonPatches) {
        assert.equal(one.name, `${namespace}/${target?.name}/${target?.sectionName}`);
      }
    });

    test(`${patchPath} has the digest of ${filterPath} in the vm_id`, () => {
      const sha256 = filter.spec.wasm[0]?.code.image.sha256 ?? "";
      assert.match(sha256, /^[0-9a-f]{64}$/);
      assert.equal(patch.spec.jsonPatches[0]?.operation.value, `warmroute-${sha256}`);
    });
  }

  test("the next version gets every setting that the present one gets", () => {
    const settings = pairs.map(([, path]) => {
      const [{ spec }] = documents<PatchPolicy>(path) as [PatchPolicy];
      return spec.jsonPatches.slice(1).map(({ operation: { op, path, value } }) => ({
        op,
        path,
        value,
      }));
    });
    assert.deepEqual(settings[1], settings[0]);
    assert.equal(settings[0]?.length, 4);
  });
});

describe("the benchmark's table", () => {
  const folder = mkdtempSync(join(tmpdir(), "warmroute-benchmark-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, result: object): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(result));
    return path;
  };
  const compare = (...args: string[]): string =>
    execFileSync("python3", ["-B", join(MANIFESTS, "benchmark/compare.py"), ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  // As published for ACK's extension, which calls the changes 26.8 and 62.32 %.
  const [mean_ttft_ms, p99_ttft_ms, output_throughput] = [2456.44, 23509.43, 916.22];
  const standard = { mean_ttft_ms, p99_ttft_ms, output_throughput, completed: 2990, failed: 10 };
  const extension = {
    mean_ttft_ms: 1796.93,
    p99_ttft_ms: 8857.07,
    output_throughput: 926.53,
    completed: 2990,
    failed: 10,
  };

  test("has the figures of both routes and their change", () => {
    const text = compare(
      ...["--standard", file("a.json", standard)],
      ...["--warmroute", file("b.json", extension)],
    );
    const rows = text.trim().split("\n");
    assert.match(rows[2] ?? "", /^Average TTFT \(ms\) +2456\.44 +1796\.93 +-26\.8 %$/);
    assert.match(rows[3] ?? "", /^P99 TTFT \(ms\) +23509\.43 +8857\.07 +-62\.3 %$/);
    assert.match(rows[4] ?? "", /^Output throughput \(tok\/s\) +916\.22 +926\.53 +\+1\.1 %$/);
    assert.match(rows[6] ?? "", /^Failed requests +10 +10 +\+0\.0 %$/);
  });

  test("takes the mean of several runs, and counts failures where a file does not", () => {
    const older = { ...standard, mean_ttft_ms: 1456.44, failed: undefined, num_prompts: 3010 };
    const text = compare(
      ...["--standard", file("c.json", standard), file("d.json", older)],
      ...["--warmroute", file("e.json", extension)],
    );
    assert.match(text, /^Average TTFT \(ms\) +1956\.44 /m);
    assert.match(text, /^Failed requests +15 +10 +-33\.3 %$/m);
  });

  test("refuses a file that is no result, and says which", () => {
    const other = file("other.json", { duration: 1 });
    assert.throws(
      () => compare("--standard", other, "--warmroute", other),
      /other\.json: no mean_ttft_ms, p99_ttft_ms, output_throughput, completed;/,
    );
  });
});

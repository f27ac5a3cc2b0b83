// What is wrong in the given files is named with file, line and object, and nothing is printed.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { migrate } from "../../scripts/migrate/migrate.js";
import { migrateText, OPTIONS, QWEN, QWQ, seed } from "./support/run.js";

const GATEWAY = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw }
spec:
  gatewayClassName: gw
  listeners:
    - { name: http, protocol: HTTP, port: 8080 }
    - { name: llm-gw, protocol: HTTP, port: 8081 }
`;

const POOL = `apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: InferencePool
metadata:
  name: pool
  annotations:
    inference.networking.x-k8s.io/attach-to: |
      name: gw
      port: 8081
spec:
  targetPortNumber: 8000
  selector: { app: a }
`;

const PASTE = `kubectl apply -f- <<EOF
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
`;

interface Case {
  title: string;
  yaml: string;
  /** Each must be the beginning of a line; all lines of level error. */
  errors: string[];
}

const both = (pool: string): string => `${GATEWAY}---\n${pool}`;

const CASES: Case[] = [
  {
    title: "YAML that does not parse",
    yaml: "apiVersion: v1\nkind: Service\nmetadata: {name: a\n",
    errors: ["error: in.yaml:4: bad YAML: "],
  },
  {
    title: "YAML whose line breaks are lost, as the article shows it",
    yaml: "apiVersion: gateway.networking.k8s.io/v1 kind: Gateway metadata: name: g\n",
    errors: [
      "error: in.yaml:1: bad YAML: Nested mappings are not allowed in compact mappings (the line " +
        "breaks are lost, as when copied from a web page)",
    ],
  },
  {
    title: "YAML whose indentation is lost, as the article shows it",
    yaml: "apiVersion: v1\nkind: Service\nmetadata:\nname: a\n",
    errors: ["error: in.yaml:1: Service: it has no metadata.name (the indentation is lost)"],
  },
  {
    title: "a paste whose end is glued to the next sentence, as in the article",
    yaml: `${PASTE}EOFStart the stress test.\n`,
    errors: ['error: in.yaml:5: "EOF" must stand alone to end the YAML that begins in line 1'],
  },
  {
    title: "a paste without an end",
    yaml: PASTE,
    errors: ['error: in.yaml:1: no line "EOF" ends the YAML that begins here'],
  },
  {
    title: "something that is no Kubernetes object",
    yaml: "---\npool: default\n",
    errors: ["error: in.yaml:2: this is no Kubernetes object: no apiVersion and no kind"],
  },
  {
    title: "an empty file",
    yaml: "# nothing\n",
    errors: ["error: in.yaml:1: there is no Kubernetes object in it"],
  },
  {
    title: "one object twice",
    yaml: both(GATEWAY),
    errors: ["error: in.yaml:10: Gateway default/gw: given twice, first in in.yaml:1"],
  },
  {
    title: "a pool without a selector",
    yaml: both(POOL.replace("  selector: { app: a }\n", "")),
    errors: ["error: in.yaml:18: InferencePool default/pool: spec.selector must be labels"],
  },
  {
    title: "a pool without a port",
    yaml: both(POOL.replace("  targetPortNumber: 8000\n", "")),
    errors: ["error: in.yaml:18: InferencePool default/pool: spec.targetPorts must be 1 to 8"],
  },
  {
    title: "an attach-to that is not strictly name and port",
    yaml: both(POOL.replace("      port: 8081", "      porte: 8081")),
    errors: ["error: in.yaml:15: InferencePool default/pool: annotation "],
  },
  {
    title: "an attach-to with a port that the Gateway lacks",
    yaml: both(POOL.replace("8081", "9090")),
    errors: [
      "error: in.yaml:15: InferencePool default/pool: attach-to: Gateway gw has no listener on " +
        "port 9090; it has 8080, 8081",
    ],
  },
  {
    title: "a pool whose Gateway is not given",
    yaml: POOL,
    errors: [
      "error: in.yaml:6: InferencePool default/pool: attach-to: Gateway default/gw is not in " +
        "the files; give the file",
    ],
  },
  {
    title: "a Gateway without listeners",
    yaml: both(POOL).replace(/ {2}listeners:\n(.*\n){2}/, ""),
    errors: ["error: in.yaml:4: Gateway default/gw: spec.listeners: it is missing"],
  },
  {
    title: "a Gateway that has an EnvoyProxy already",
    yaml: both(POOL).replace(
      "  listeners:",
      "  infrastructure: {parametersRef: {group: g, kind: EnvoyProxy, name: mine}}\n  listeners:",
    ),
    errors: ["error: in.yaml:6: Gateway default/gw: it uses EnvoyProxy mine already; "],
  },
];

describe("an error names file, line and object, and nothing is printed", () => {
  for (const { title, yaml, errors } of CASES) {
    test(title, () => {
      const migration = migrateText(yaml);
      const lines = migration.findings.lines().filter((line) => line.startsWith("error"));
      assert.equal(lines.length, errors.length, lines.join("\n"));
      errors.forEach((start) => {
        assert.ok(
          lines.some((line) => line.startsWith(start)),
          `${start}\nnot in\n${lines.join("\n")}`,
        );
      });
      assert.equal(migration.yaml, null);
    });
  }

  test("a route to a pool that is not given", () => {
    const { yaml, findings } = migrate([seed("qwen", "inference-gateway")], OPTIONS);
    assert.equal(yaml, null);
    assert.deepEqual(findings.lines(), [
      "error: inference-gateway.yaml:34: HTTPRoute default/qwen-backend: its InferencePool " +
        "default/vllm-qwen-pool is not in the files; give the file that has it",
    ]);
  });

  test("two Gateways with pools in one run", () => {
    const { yaml, findings } = migrate([...QWQ.slice(0, 4), ...QWEN.slice(0, 2)], OPTIONS);
    assert.equal(yaml, null);
    assert.match(findings.lines().join("\n"), /a second Gateway with an InferencePool/);
  });

  test("--service with a name that no route has", () => {
    const services = new Map([["nowhere", "qwq-32b-v1"]]);
    const { yaml, findings } = migrate(QWQ, { ...OPTIONS, services });
    assert.equal(yaml, null);
    assert.match(findings.lines().join("\n"), /--service: no HTTPRoute leads to nowhere/);
  });
});

describe("the articles' own mistakes, and what could be better", () => {
  test("QwQ: the route of 8080 leads to a Service that nothing deploys", () => {
    const lines = migrate(QWQ, OPTIONS).findings.lines();
    assert.deepEqual(
      lines.filter((line) => line.startsWith("warning")),
      [
        "warning: gateway.yaml:34: HTTPRoute default/backend: Service " +
          "default/vllm-llama2-7b-pool is not in the files; without it Envoy answers 500 " +
          "(--service vllm-llama2-7b-pool=qwq-32b-v1 names the one with the pool's " +
          "pods)",
      ],
    );
    const hints = lines.filter((line) => line.startsWith("hint"));
    for (const part of [
      "vllm.yaml:30: Deployment default/qwq-32b: vLLM before 0.8 caches no prefixes",
      "--enforce-eager turns CUDA graphs off",
      "--tensor-parallel is short for --tensor-parallel-size",
      "inference-model.yaml:7: InferenceModel default/inferencemodel-sample: only listeners with",
    ]) {
      assert.ok(
        hints.some((line) => line.includes(part)),
        part,
      );
    }
  });

  test("Qwen: the Service of 8080 is missing, because the article lost its first file", () => {
    assert.deepEqual(migrate(QWEN, OPTIONS).findings.lines(), [
      "warning: inference-gateway.yaml:54: HTTPRoute default/qwen-backend-no-inference: Service " +
        "default/qwen is not in the files; without it Envoy answers 500 " +
        "(--service qwen=vllm-qwen-pool names the one with the pool's pods)",
      "hint: inference-pool.yaml:3: InferencePool default/vllm-qwen-pool: without the annotation " +
        "routing-strategy warmroute goes by cached prefixes too; DEFAULT keeps to the load, " +
        "which was what ACK did",
    ]);
  });

  test("a pool that nothing leads to is kept, and said to be unused", () => {
    const { yaml, findings } = migrate([...QWEN, seed("qwen", "routing-strategy")], OPTIONS);
    const text = findings.lines().join("\n");
    assert.match(yaml ?? "", /name: vllm-app-pool/);
    assert.match(text, /vllm-app-pool: no HTTPRoute leads to it/);
    assert.doesNotMatch(text, /vllm-app-pool: without the annotation/);
  });

  test("a poolRef and a target that nothing given has", () => {
    const model = seed("qwq", "inference-model");
    const files = [
      ...QWQ.filter(({ name }) => name !== model.name),
      { ...model, text: model.text.replace("name: qwq-32b", "name: qwq-33b") },
    ];
    const text = migrate(files, OPTIONS).findings.lines().join("\n");
    assert.match(
      text,
      /inference-model\.yaml:13: .*no pod given serves qwq-33b; they serve qwq-32b/,
    );
    const other = model.text.replace("name: reasoning-pool", "name: other-pool");
    files[files.length - 1] = { ...model, text: other };
    const lines = migrate(files, OPTIONS).findings.lines().join("\n");
    assert.match(lines, /inference-model\.yaml:11: .*its poolRef names InferencePool other-pool/);
  });
});

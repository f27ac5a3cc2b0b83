// What a pool's table says of models as its policy and its pods change.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ModelPolicy,
  type ModelRule,
  OPEN_POLICY,
} from "../../../sidecar-metrics/src/models/model-policy.js";
import { parseModelList } from "../../../sidecar-metrics/src/models/served-models.js";
import { Pool, type PodList } from "../../../sidecar-metrics/src/pools/pool.js";
import { decodeSection } from "../support/section.js";

const HEADER = { strategy: null, hashKey: null, incarnation: 1n, sequence: 1 };
const SETTINGS = { name: "p", engine: "vllm", modelName: null, strategy: null } as const;
const STANDARD = { criticality: "Standard", targets: [] } as const;

function rule(name: string | null, ...targets: [string, number][]): ModelRule {
  const list = targets.map(([target, weight]) => ({ name: target, weight }));
  return { name, criticality: "Standard", targets: list };
}

class World {
  readonly pool: Pool;

  constructor(podCount: number, configured: Partial<ModelPolicy> = {}) {
    const models = { ...OPEN_POLICY, ...configured };
    this.pool = new Pool({ ...SETTINGS, models }, { added() {}, removed() {} });
    this.list({}, podCount);
  }

  list(list: Partial<PodList>, podCount: number): void {
    const pods = Array.from({ length: podCount }, (_, index) => ({
      address: `10.0.0.${index + 1}:80`,
      scheme: "http" as const,
      metricsPath: "/metrics",
      metricsPort: null,
      isDraining: false,
      uid: null,
      podName: null,
    }));
    this.pool.setList({ pods, ...list }, 0);
  }

  serve(pod: number, ...cards: object[]): void {
    const models = parseModelList(JSON.stringify({ data: cards }));
    this.pool.endpoints[pod]?.models.takeServed(models ?? []);
  }

  hold(pod: number, ...running: string[]): void {
    this.pool.endpoints[pod]?.models.takeLora({ running, waiting: [], limit: 2 }, 1);
  }

  section(unixMs = 1_767_225_600_000) {
    return decodeSection(this.pool.encode({ ...HEADER, madeAtUnixMs: unixMs }, 0, () => null));
  }

  ids(): string[] {
    const list = JSON.parse(`[${this.section()?.list}]`) as { id: string }[];
    return list.map(({ id }) => id);
  }
}

test("a pool of which nothing is known has no section", () => {
  assert.equal(new World(2).section(), null);
  assert.notEqual(new World(0, { isClosed: true }).section(), null);
});

test("rules first, then the names that the pods serve; a name once", () => {
  const models = [rule("qwq", ["qwq-32b", 1]), rule("b")];
  const world = new World(2, { isClosed: true, models });
  world.serve(1, { id: "qwq-32b" }, { id: "b" });
  world.serve(0, { id: "b" }, { id: "a" });
  const section = world.section();
  assert.equal(section?.isClosed, true);
  assert.deepEqual(section?.models, [
    ...models,
    { name: "a", ...STANDARD },
    { name: "qwq-32b", ...STANDARD },
  ]);
});

test("a closed pool is open until a pod has told its models, or none of them tells", () => {
  const closed = { isClosed: true, models: [rule("a")] };
  const isClosed = (change: (world: World) => void): boolean | undefined => {
    const world = new World(2, closed);
    world.pool.catalog.asksPods = true;
    assert.equal(world.section()?.isClosed, false);
    change(world);
    return world.section()?.isClosed;
  };
  const fail = ({ pool }: World, pod: number): void => {
    pool.endpoints[pod]!.models.failure = "HTTP status 404";
  };
  assert.equal(
    isClosed((world) => world.serve(1, { id: "b" })),
    true,
  );
  assert.equal(
    isClosed((world) => world.serve(1)),
    true,
  );
  assert.equal(
    isClosed((world) => fail(world, 0)),
    false,
  );
  assert.equal(
    isClosed((world) => {
      fail(world, 0);
      fail(world, 1);
    }),
    true,
  );
  assert.equal(
    isClosed((world) => {
      fail(world, 0);
      world.pool.endpoints[1]!.isUnreachable = true;
    }),
    true,
  );
  // What was told stays known when its pod is gone.
  assert.equal(
    isClosed((world) => {
      world.serve(0, { id: "b" });
      world.section();
      world.list({}, 0);
    }),
    true,
  );
});

test("a rule for every other name is not kept from the names that the pods serve", () => {
  const world = new World(1, { models: [rule(null, ["new", 1])] });
  world.serve(0, { id: "old" });
  assert.deepEqual(
    world.section()?.models.map(({ name }) => name),
    [null],
  );
});

test("what discovery says of models wins over the configuration as long as it says so", () => {
  const world = new World(1, { models: [rule("configured")] });
  const discovered = { isClosed: true, models: [rule("discovered")], objectives: [] };
  world.list({ models: discovered }, 1);
  assert.deepEqual(world.section()?.models, discovered.models);
  assert.equal(world.pool.models, discovered);
  world.list({}, 1);
  assert.deepEqual(world.section()?.models, [rule("configured")]);
});

test("adapters: who holds them, sorted; known ones stay with nobody", () => {
  const world = new World(3);
  world.hold(2, "sql");
  world.hold(0, "sql", "code");
  world.serve(1, { id: "base" }, { id: "idle", parent: "base" });
  assert.deepEqual(world.section()?.adapters, [
    { name: "code", endpoints: [0] },
    { name: "idle", endpoints: [] },
    { name: "sql", endpoints: [0, 2] },
  ]);
  world.list({}, 1);
  world.serve(0, { id: "base" });
  assert.deepEqual(world.section()?.adapters, [
    { name: "code", endpoints: [] },
    { name: "idle", endpoints: [] },
    { name: "sql", endpoints: [] },
  ]);
});

test("an adapter with requests is served, whether or not a list has it", () => {
  const world = new World(1, { isClosed: true });
  world.serve(0, { id: "base" });
  world.hold(0, "sql");
  assert.deepEqual(
    world.section()?.models.map(({ name }) => name),
    ["base", "sql"],
  );
});

test("of more than 256 adapters those unseen for longest are forgotten", () => {
  const world = new World(1);
  for (let i = 0; i < 256; i += 2) {
    world.hold(0, `n${i}`, `n${i + 1}`);
    world.section();
  }
  world.hold(0, "n0", "new");
  const names = world.section()?.adapters.map(({ name }) => name);
  assert.deepEqual(
    [names?.length, names?.includes("n0"), names?.includes("n1")],
    [256, true, false],
  );
});

test("a row says that its pod has requests for as many adapters as fit", () => {
  const world = new World(2);
  world.hold(1, "a", "b");
  const table = world.pool.encode({ ...HEADER, madeAtUnixMs: 0 }, 0, () => null);
  assert.deepEqual([table[72 + 2], table[72 + 128 + 2]], [1, 5]);
});

test("the list: all pods' models, the first pod's of equal ids, and one object per alias", () => {
  const models = [
    rule("one", ["base", 3]),
    rule("canary", ["base", 90], ["next", 10]),
    rule("base"),
    rule("plain"),
    rule(null, ["base", 1]),
  ];
  const world = new World(2, { models });
  const base = { id: "base", object: "model", created: 7, owned_by: "vllm", root: "/model/b" };
  world.serve(1, { ...base, created: 8 }, { id: "next", created: 9, permission: [{ secret: 1 }] });
  world.serve(
    0,
    { ...base, parent: null, max_model_len: 4096 },
    { id: 'q"\u2028', parent: "base" },
  );
  const list = world.section()?.list ?? "";
  const alias = { object: "model", created: 1_767_225_600, owned_by: "warmroute", parent: null };
  const plain = { object: "model", owned_by: "vllm", root: null, parent: null };
  assert.deepEqual(JSON.parse(`[${list}]`), [
    { ...base, parent: null, max_model_len: 4096 },
    { id: "canary", ...alias, root: null },
    { id: "next", ...plain, created: 9 },
    { id: "one", ...alias, root: "base" },
    { id: "plain", ...alias, root: "plain" },
    { id: 'q"\u2028', ...plain, created: 0, parent: "base" },
  ]);
});

test("the list changes only with its models, and stays while no pod tells any", () => {
  const world = new World(1, { models: [rule("alias", ["m", 1])] });
  assert.equal(world.section(1_000)?.list, "");
  world.serve(0, { id: "m", created: 5 });
  const first = world.section(2_000);
  assert.match(first?.list ?? "", /"id":"alias","object":"model","created":2,/);
  world.serve(0, { id: "m", created: 6 });
  assert.equal(world.section(90_000)?.revision, first?.revision);
  world.list({}, 0);
  assert.equal(world.section(90_000)?.revision, first?.revision);
  world.list({}, 1);
  world.serve(0, { id: "n", created: 6 });
  assert.deepEqual(world.ids(), ["alias", "n"]);
});

test("what the filter cannot take is left out whole, and said", () => {
  const long = "x".repeat(257);
  const targets = Array.from({ length: 17 }, (_, i): [string, number] => [`t${i}`, 1]);
  const models = [
    rule("a b", ["t", 1]),
    rule("good", ["t", 1]),
    rule("quote", ['t"', 1]),
    rule("many", ...targets),
    rule("heavy", ["t", 1_000_001]),
    rule(long),
    rule("good", ["other", 1]),
  ];
  const objectives = [
    { name: "ok", criticality: "Critical" as const },
    { name: "ü", criticality: "Critical" as const },
  ];
  const world = new World(1, { models, objectives });
  world.serve(0, { id: "café" }, { id: "m" });
  const section = world.section();
  assert.deepEqual(section?.models, [rule("good", ["t", 1]), { name: "m", ...STANDARD }]);
  assert.deepEqual(
    section?.objectives.map(({ name }) => name),
    ["ok"],
  );
  assert.deepEqual(world.ids(), ["café", "good", "m"]);
  assert.deepEqual(world.pool.catalog.problems, [
    "Models left out for a name, a weight or more than 16 targets that the filter cannot take: " +
      '"a b", "quote", "many", "heavy" and 1 more.',
    'Objectives left out for a name that the filter cannot take: "ü".',
    'Served models left out for a name that the filter cannot take: "café".',
  ]);
});

test("what does not fit is said", () => {
  const models = Array.from({ length: 300 }, (_, index) => rule(`m${index}`));
  const world = new World(1, { models });
  world.section();
  assert.deepEqual(world.pool.catalog.problems, [
    "Models left out, as the filter takes 256 of a kind and 64 KiB in all: 44.",
  ]);
});

test("adapters beyond 256 at once are said to be left out", () => {
  const world = new World(1);
  const cards = Array.from({ length: 260 }, (_, index) => ({ id: `n${index}`, parent: "m" }));
  world.serve(0, ...cards);
  assert.equal(world.section()?.adapters.length, 256);
  assert.deepEqual(world.pool.catalog.problems, [
    "LoRA adapters left out, as the filter takes 256 of a kind and 64 KiB in all: 4.",
    "Names of served models left out, as the filter takes 256 of a kind and 64 KiB in all: 4.",
  ]);
});

// Which adapters a pod holds, as its scrapes and its list of models tell.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PodModels } from "../../../sidecar-metrics/src/models/pod-models.js";
import { parseModelList } from "../../../sidecar-metrics/src/models/served-models.js";

function lora(running: string, waiting = "", limit = 2) {
  const names = (text: string): string[] => (text === "" ? [] : text.split(" "));
  return { running: names(running), waiting: names(waiting), limit };
}

function list(...ids: string[]) {
  return parseModelList(JSON.stringify({ data: ids.map((id) => ({ id, created: 5 })) })) ?? [];
}

type Step = [running: string, waiting: string, held: string, isAtLimit: boolean];

/** With two slots; as vLLM's slots go, by what was used last. */
const STEPS: Step[] = [
  ["", "", "", false],
  ["a", "", "a", false],
  ["", "", "a", false],
  ["b", "", "a b", false],
  ["a", "", "b a", false],
  ["c", "", "a c", false],
  ["a c", "", "a c", true],
  ["c", "d", "d c", true],
  ["", "", "d c", false],
  ["a b", "c", "c a b", true],
];

test("an adapter stays in its slot until another one needs it", () => {
  const models = new PodModels();
  for (const [running, waiting, held, isAtLimit] of STEPS) {
    models.takeLora(lora(running, waiting), 1);
    assert.equal(models.held.join(" "), held, `after ${running}|${waiting}`);
    assert.equal(models.isAtAdapterLimit, isAtLimit);
  }
});

test("a restart, and a page without adapters, empty the slots", () => {
  const models = new PodModels();
  models.takeLora(lora("a"), 1);
  models.takeLora(lora("b"), 2);
  assert.deepEqual(models.held, ["b"]);
  models.takeLora(null, 2);
  assert.deepEqual([models.held, models.adapterLimit], [[], 0]);
});

test("of a pod without a limit only adapters with requests are known to be there", () => {
  const models = new PodModels();
  models.takeLora(lora("a b", "", 0), 1);
  assert.deepEqual([models.held, models.isAtAdapterLimit], [["a", "b"], false]);
  models.takeLora(lora("b", "", 0), 1);
  assert.deepEqual(models.held, ["b"]);
});

test("an adapter that the pod's list lacks was unloaded", () => {
  const models = new PodModels();
  models.takeLora(lora("a b"), 1);
  models.takeServed(list("base", "b"));
  assert.deepEqual(models.held, ["b"]);
});

test("only what changes for others makes the pod's models new", () => {
  const models = new PodModels();
  const isNew = (change: () => void): boolean => {
    models.isServedDirty = false;
    models.isHeldDirty = false;
    change();
    return models.isServedDirty || models.isHeldDirty;
  };
  models.takeLora(lora("a b"), 1);
  models.takeServed(list("base", "a", "b"));
  assert.equal(
    isNew(() => models.takeLora(lora("b", "a"), 1)),
    false,
  );
  assert.equal(
    isNew(() => models.takeLora(lora("c"), 1)),
    true,
  );
  const later = list("base", "a", "b").map((model) => ({
    ...model,
    card: { ...model.card, created: 999 },
  }));
  assert.equal(
    isNew(() => models.takeServed(later)),
    true,
    "c is gone from the slots",
  );
  assert.equal(
    isNew(() => models.takeServed(later)),
    false,
    "created stays at the first answer",
  );
  assert.equal(models.served?.[0]?.card.created, 5);
  assert.equal(
    isNew(() => models.takeServed(list("base"))),
    true,
  );
});

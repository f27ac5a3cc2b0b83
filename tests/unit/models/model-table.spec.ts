// What a pool knows of its models: the fixture that the sidecar's tests encode, and changes.
import { hasEndpoint } from "../../../filter/models/adapters";
import { ModelTable } from "../../../filter/models/model-table";
import { NameCell } from "../../../filter/models/name-index";
import {
  criticalityOf,
  targetCountOf,
  targetNameOf,
  targetNameSizeOf,
  targetWeightOf,
} from "../../../filter/models/section";
import { readFixture } from "../fake-host";
import { adapter, model, section, tableOf } from "./sections";

const ADAPTERS = "food-review-1 food-review-2 gone".split(" ");

function cellOf(models: ModelTable, name: string): NameCell | null {
  const bytes = String.UTF8.encode(name);
  return models.find(changetype<usize>(bytes), bytes.byteLength);
}

/** `criticality: target=weight ...`, `-` for a name without an entry, "" for an unknown one. */
function rule(models: ModelTable, name: string): string {
  const cell = cellOf(models, name);
  if (cell == null) return "";
  return cell.entry == 0 ? "-" : ruleAt(cell.entry);
}

function ruleAt(entry: usize): string {
  let text = criticalityOf(entry).toString() + ":";
  for (let i: u32 = 0; i < targetCountOf(entry); i++) {
    const target = String.UTF8.decodeUnsafe(targetNameOf(entry, i), targetNameSizeOf(entry, i));
    text += " " + target + "=" + targetWeightOf(entry, i).toString();
  }
  return text;
}

function objective(models: ModelTable, name: string): i32 {
  const bytes = String.UTF8.encode(name);
  const entry = models.objective(changetype<usize>(bytes), bytes.byteLength);
  return entry == 0 ? -1 : criticalityOf(entry);
}

function take(models: ModelTable, part: Uint8Array): bool {
  const table = tableOf(part);
  return models.take(table.dataStart, table.length);
}

describe("the fixture", () => {
  test("has the models, adapters and objectives of table-v1-models.json", () => {
    const models = new ModelTable();
    const bytes = readFixture("table-v1-models.bin");
    expect(models.take(bytes.dataStart, bytes.length)).toBe(true);
    expect(models.isClosed && models.hasAliases && models.needsBodies).toBe(true);
    expect(rule(models, "qwq")).toBe("1: qwq-32b=1");
    expect(rule(models, "qwq-32b")).toBe("-");
    expect(rule(models, "/model/qwen")).toBe("0:");
    expect(rule(models, "canary")).toBe("2: food-review-1=90 food-review-2=10 off=0");
    expect(rule(models, "n".repeat(256))).toBe("0: " + "t".repeat(255) + "=1000000");
    expect(rule(models, "nope")).toBe("");
    expect(rule(models, "")).toBe("");
    expect(ruleAt(models.catchAll)).toBe("2: qwq-32b=0");
    expect(objective(models, "batch")).toBe(2);
    expect(objective(models, "chat")).toBe(1);
    expect(objective(models, "o".repeat(253))).toBe(0);
    expect(objective(models, "qwq")).toBe(-1);
    const list = String.UTF8.decodeUnsafe(models.list, models.listBytes);
    expect(list.startsWith('{"id":"qwq","object":"model","created":1767225600,')).toBe(true);
    expect(
      list.endsWith('{"id":"caf\u00e9","object":"model","created":0,"owned_by":"warmroute"}'),
    ).toBe(true);
  });

  test("tells who holds which adapter", () => {
    const models = new ModelTable();
    const bytes = readFixture("table-v1-models.bin");
    models.take(bytes.dataStart, bytes.length);
    let holders = "";
    for (let i = 0; i < ADAPTERS.length; i++) {
      const cell = cellOf(models, ADAPTERS[i]);
      if (cell == null) continue;
      const bits = models.adapters.bitsOf(cell.adapter - 1);
      for (let n: u32 = 0; n < 1024; n++) {
        if (hasEndpoint(bits, n)) holders += ADAPTERS[i] + " " + n.toString() + ", ";
      }
    }
    expect(holders).toBe("food-review-1 0, food-review-1 1023, food-review-2 7, ");
  });
});

describe("a section", () => {
  test("is read again only under another revision", () => {
    const models = new ModelTable();
    expect(take(models, section([model("a", ["b=1"])]))).toBe(true);
    expect(take(models, section([model("c")]))).toBe(true);
    expect(rule(models, "a")).toBe("0: b=1");
    expect(take(models, section([model("c")], [], [], "", 2))).toBe(true);
    expect(rule(models, "a")).toBe("");
    expect(rule(models, "c")).toBe("0:");
    expect(models.hasAliases).toBe(false);
  });

  test("that is bad leaves what there was", () => {
    const models = new ModelTable();
    take(models, section([model("a", ["b=1"])], [], [], "{}", 1, true));
    expect(take(models, section([model("c", [], 9)], [], [], "", 2))).toBe(false);
    expect(rule(models, "a")).toBe("0: b=1");
    expect(models.isClosed).toBe(true);
    expect(models.listBytes).toBe(2);
  });

  test("that is gone leaves nothing, and counts when it comes back", () => {
    const models = new ModelTable();
    const part = section([model("a", ["b=1"]), model("", ["c=1"])], [], [], "{}", 1, true);
    take(models, part);
    const table = tableOf(part);
    store<u32>(table.dataStart, 0, 64);
    expect(models.take(table.dataStart, table.length)).toBe(true);
    expect(rule(models, "a")).toBe("");
    expect(models.catchAll).toBe(0);
    expect(models.needsBodies).toBe(false);
    expect(models.listBytes).toBe(0);
    take(models, part);
    expect(rule(models, "a")).toBe("0: b=1");
  });

  test("of many names has them all, and of two entries of one name the first", () => {
    const models = new ModelTable();
    const entries: Uint8Array[] = [model("m0", ["first=1"])];
    for (let i = 0; i < 255; i++)
      entries.push(model("m" + i.toString(), ["t" + i.toString() + "=1"]));
    const adapters: Uint8Array[] = [];
    for (let i = 0; i < 256; i++) adapters.push(adapter("t" + i.toString(), [<u16>i]));
    expect(take(models, section(entries, adapters))).toBe(true);
    expect(rule(models, "m0")).toBe("0: first=1");
    for (let i = 1; i < 255; i++) {
      expect(rule(models, "m" + i.toString())).toBe("0: t" + i.toString() + "=1");
    }
    const cell = cellOf(models, "t255") as NameCell;
    expect(hasEndpoint(models.adapters.bitsOf(cell.adapter - 1), 255)).toBe(true);
    expect(hasEndpoint(models.adapters.bitsOf(cell.adapter - 1), 254)).toBe(false);
  });

  test("whose only target is the name itself rewrites nothing", () => {
    const models = new ModelTable();
    take(models, section([model("a", ["a=1"])]));
    expect(models.hasAliases).toBe(false);
    take(models, section([model("a", ["a=1", "b=0"])], [], [], "", 2));
    expect(models.hasAliases).toBe(true);
  });
});

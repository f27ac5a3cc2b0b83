// Bitmaps of the pods that hold an adapter.
import { Adapters, hasEndpoint } from "../../../filter/models/adapters";
import { adapter } from "./sections";

function holders(bits: usize): string {
  let text = "";
  for (let n: u32 = 0; n < 1024; n++) if (hasEndpoint(bits, n)) text += n.toString() + " ";
  return text;
}

describe("adapters", () => {
  test("have the endpoints that their entries name", () => {
    const adapters = new Adapters();
    expect(adapters.add(adapter("a", [0, 63, 64, 1023]).dataStart)).toBe(0);
    expect(adapters.add(adapter("b", []).dataStart)).toBe(1);
    expect(adapters.add(adapter("c", [5, 5]).dataStart)).toBe(2);
    expect(holders(adapters.bitsOf(0))).toBe("0 63 64 1023 ");
    expect(holders(adapters.bitsOf(1))).toBe("");
    expect(holders(adapters.bitsOf(2))).toBe("5 ");
  });

  test("are numbered anew, without what they held, when they are cleared", () => {
    const adapters = new Adapters();
    adapters.add(adapter("a", [1, 2]).dataStart);
    adapters.clear();
    expect(adapters.count).toBe(0);
    expect(adapters.add(adapter("b", [3]).dataStart)).toBe(0);
    expect(holders(adapters.bitsOf(0))).toBe("3 ");
  });

  test("are at most 256: one more takes the last one's place, and nothing else", () => {
    const adapters = new Adapters();
    for (let i = 0; i < 256; i++) adapters.add(adapter("a", [<u16>i]).dataStart);
    expect(adapters.add(adapter("b", [700]).dataStart)).toBe(255);
    expect(holders(adapters.bitsOf(254))).toBe("254 ");
    expect(holders(adapters.bitsOf(255))).toBe("700 ");
  });
});

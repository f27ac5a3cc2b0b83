// The outcomes of a parse and of a scan, of which one is cast to the other.
import { JsonStatus } from "../../../filter/request/json-handler";
import { ParseStatus } from "../../../filter/request/prompt-places";

describe("the outcome of a parse", () => {
  test("has the number of the same outcome of a scan", () => {
    expect<i32>(ParseStatus.Partial).toBe(JsonStatus.More);
    expect<i32>(ParseStatus.Complete).toBe(JsonStatus.Complete);
    expect<i32>(ParseStatus.Malformed).toBe(JsonStatus.Malformed);
    expect<i32>(ParseStatus.TooDeep).toBe(JsonStatus.TooDeep);
  });

  test("has a number of its own where a scan has none", () => {
    expect<i32>(ParseStatus.NoPrompt).toBeGreaterThan(JsonStatus.TooDeep);
  });
});

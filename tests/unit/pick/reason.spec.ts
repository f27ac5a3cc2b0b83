// The closed list of outcomes: one name each, fit for a metric, and what each does to a request.
import {
  fallBack,
  Reason,
  REASON_NAMES,
  REASONS,
  refusalStatus,
} from "../../../filter/pick/reason";
import { REASONS_ROOM } from "../../../filter/share/head";

describe("reasons", () => {
  test("have one name each", () => {
    expect(<u32>REASON_NAMES.length).toBe(REASONS);
    const names = new Set<string>();
    for (let i = 0; i < REASON_NAMES.length; i++) names.add(REASON_NAMES[i]);
    expect(<u32>names.size).toBe(REASONS);
    // The last of the list: a reason that is added must move it.
    expect(<u32>Reason.TargetMissed + 1).toBe(REASONS);
  });

  test("have names of lower-case letters and hyphens, as metrics and headers want them", () => {
    for (let i = 0; i < REASON_NAMES.length; i++) {
      const name = REASON_NAMES[i];
      expect(name.length).toBeGreaterThan(0);
      for (let k = 0; k < name.length; k++) {
        const code = name.charCodeAt(k);
        expect((code >= 0x61 && code <= 0x7a) || code == 0x2d).toBe(true);
      }
    }
  });

  test("stand in the order of their names", () => {
    expect(REASON_NAMES[Reason.Prefix]).toBe("prefix");
    expect(REASON_NAMES[Reason.Load]).toBe("load");
    expect(REASON_NAMES[Reason.Cold]).toBe("cold");
    expect(REASON_NAMES[Reason.NoPrompt]).toBe("no-prompt");
    expect(REASON_NAMES[Reason.BadJson]).toBe("fallback-json");
    expect(REASON_NAMES[Reason.Default]).toBe("default");
    expect(REASON_NAMES[Reason.NoKey]).toBe("fallback-no-key");
    expect(REASON_NAMES[Reason.Stalled]).toBe("fallback-stalled");
    expect(REASON_NAMES[Reason.NoTable]).toBe("fallback-no-table");
    expect(REASON_NAMES[Reason.NoEndpoint]).toBe("fallback-no-endpoint");
    expect(REASON_NAMES[Reason.Busy]).toBe("fallback-busy");
    expect(REASON_NAMES[Reason.UnknownModel]).toBe("unknown-model");
    expect(REASON_NAMES[Reason.TooLarge]).toBe("too-large");
    expect(REASON_NAMES[Reason.Encoded]).toBe("encoded");
    expect(REASON_NAMES[Reason.Shed]).toBe("shed");
    expect(REASON_NAMES[Reason.Unrewritten]).toBe("unrewritten");
    expect(REASON_NAMES[Reason.ModelList]).toBe("model-list");
    expect(REASON_NAMES[Reason.Probe]).toBe("probe");
    expect(REASON_NAMES[Reason.Overloaded]).toBe("overloaded");
    expect(REASON_NAMES[Reason.TargetMissed]).toBe("target-missed");
  });

  test("have room in the head record", () => {
    expect(REASONS).toBeLessThanOrEqual(REASONS_ROOM);
  });

  test("leave the destination to Envoy only where there is nothing to choose by", () => {
    let passed = "";
    for (let reason: u32 = 0; reason < REASONS; reason++) {
      if (!fallBack(<Reason>reason)) passed += " " + REASON_NAMES[reason];
    }
    expect(passed).toBe(" fallback-no-table fallback-no-endpoint fallback-busy");
  });

  test("refuse by a status of their own, and all others never", () => {
    let refused = "";
    for (let reason: u32 = 0; reason < REASONS; reason++) {
      const status = refusalStatus(<Reason>reason);
      if (status != 0) refused += " " + status.toString() + " " + REASON_NAMES[reason];
    }
    expect(refused).toBe(
      " 404 unknown-model 413 too-large 415 encoded 429 shed 500 unrewritten 429 overloaded" +
        " 429 target-missed",
    );
  });
});

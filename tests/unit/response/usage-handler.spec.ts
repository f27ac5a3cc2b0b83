// The figures of one document after the other: what a later one replaces, and what it leaves.
import { JsonScanner } from "../../../filter/request/json-scanner";
import {
  USAGE_SCANNER_AT,
  UsageFigures,
  UsageHandler,
} from "../../../filter/response/usage-handler";

@unmanaged
class Probe extends UsageFigures {
  clear(): void {
    this.clearFigures();
  }
  document(json: string): string {
    const bytes = String.UTF8.encode(json);
    this.beginDocument();
    this.scanner.feed(handler, changetype<usize>(this), changetype<usize>(bytes), bytes.byteLength);
    return `${this.promptTokens} ${this.cachedTokens} ${this.outputTokens}`;
  }
}

const handler = new UsageHandler();
const probe = changetype<Probe>(heap.alloc(USAGE_SCANNER_AT + offsetof<JsonScanner>()));

describe("the figures", () => {
  test("of a later document replace those it gives, null replaces none", () => {
    probe.clear();
    expect(probe.document('{"usage":{"prompt_tokens":5,"completion_tokens":1}}')).toBe("5 -1 1");
    expect(probe.document('{"usage":null}')).toBe("5 -1 1");
    expect(probe.document('{"usage":{"completion_tokens":2}}')).toBe("5 -1 2");
    const last = '{"usage":{"prompt_tokens":6,"prompt_tokens_details":{"cached_tokens":4}}}';
    expect(probe.document(last)).toBe("6 4 2");
  });

  test("of the prompt are the sum of Anthropic's three, in any order", () => {
    const read = '"cache_read_input_tokens":100';
    const made = '"cache_creation_input_tokens":20';
    const input = '"input_tokens":3';
    const orders = [
      [read, made, input],
      [input, read, made],
      [made, input, read],
    ];
    for (let i = 0; i < orders.length; i++) {
      probe.clear();
      expect(probe.document('{"usage":{' + orders[i].join(",") + "}}")).toBe("123 100 -1");
    }
    probe.clear();
    expect(probe.document('{"usage":{' + read + "}}")).toBe("-1 100 -1");
  });

  test("are not found behind a document that broke off within usage", () => {
    probe.clear();
    probe.document('{"usage":{"prompt_tokens_details":{');
    expect(probe.document('{"x":{"prompt_tokens":5,"y":{"cached_tokens":5}}}')).toBe("-1 -1 -1");
  });

  test("beyond all reason are not taken", () => {
    probe.clear();
    expect(probe.document('{"usage":{"prompt_tokens":500000001}}')).toBe("-1 -1 -1");
    expect(probe.document('{"usage":{"prompt_tokens":500000000}}')).toBe("500000000 -1 -1");
  });
});

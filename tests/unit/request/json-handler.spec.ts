// What a handler may rely on in each call: its context, the scanner's depth and offset.
import {
  JSON_DEPTH_MAX,
  JSON_KEY_BYTES_MAX,
  JsonHandler,
} from "../../../filter/request/json-handler";
import { JsonScanner } from "../../../filter/request/json-scanner";

const CTX: usize = 12345;
const scanner = changetype<JsonScanner>(heap.alloc(offsetof<JsonScanner>()));
let calls = "";

function note(ctx: usize, call: string): void {
  expect(ctx).toBe(CTX);
  calls += `${call}${scanner.depth}@${scanner.consumed} `;
}

class Noting extends JsonHandler {
  open(ctx: usize, isObject: bool): void {
    note(ctx, isObject ? "{" : "[");
  }
  close(ctx: usize, isObject: bool): void {
    note(ctx, isObject ? "}" : "]");
  }
  key(ctx: usize, p: usize, n: i32): void {
    note(ctx, "key");
  }
  textBegin(ctx: usize): void {
    note(ctx, "begin");
  }
  text(ctx: usize, p: usize, n: u32): void {}
  textEnd(ctx: usize): void {
    note(ctx, "end");
  }
  scalar(ctx: usize, p: usize, n: u32): void {
    note(ctx, "scalar");
  }
}
const handler = new Noting();

describe("a handler", () => {
  test("sees the depth inside of a container and the offset behind each token", () => {
    const document = '{ "a": "bc", "d\\n": [12 ]}';
    const expected = "{1@1 key1@5 begin1@8 end1@11 key1@18 [2@21 scalar2@23 ]1@25 }0@26 ";
    const bytes = String.UTF8.encode(document);
    for (let cut = 0; cut <= bytes.byteLength; cut++) {
      calls = "";
      scanner.reset();
      scanner.feed(handler, CTX, changetype<usize>(bytes), cut);
      scanner.feed(handler, CTX, changetype<usize>(bytes) + cut, bytes.byteLength - cut);
      expect(calls).toBe(expected, cut.toString());
    }
  });
});

describe("the limits", () => {
  test("fit the scanner's bits and buffer", () => {
    expect(JSON_DEPTH_MAX <= 64).toBe(true);
    expect(JSON_KEY_BYTES_MAX <= 64).toBe(true);
  });
});

// Answers of the three APIs, as documents and as streams cut at every byte.
import { USAGE_STATE_BYTES, UsageState } from "../../../filter/response/usage-scanner";

const state = changetype<UsageState>(heap.alloc(USAGE_STATE_BYTES));

const CHAT =
  '{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",' +
  '"content":"{\\"usage\\":{\\"prompt_tokens\\":9999,\\"cached_tokens\\":9999}}"}}],' +
  '"usage":{"prompt_tokens":120,"total_tokens":150,"completion_tokens":30,' +
  '"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"cached_tokens":7}}}';
const STREAM =
  'data: {"choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}\n\n' +
  'data: {"choices":[{"delta":{"content":"data: {\\"usage\\":{\\"prompt_tokens\\":1}}"}}]}\n\n' +
  'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":2,' +
  '"prompt_tokens_details":null}}\n\n' +
  "data: [DONE]\n\n";
const RESPONSES =
  'event: response.created\ndata: {"type":"response.created","response":{"id":"r",' +
  '"usage":null}}\n\n' +
  'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"x"}\n\n' +
  'event: response.completed\ndata: {"type":"response.completed",' +
  '"response":{"output":[{"usage":{"input_tokens":1}}],' +
  '"usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":16},"output_tokens":5}}}\n\n';
const ANTHROPIC =
  'event: message_start\r\ndata: {"type":"message_start","message":{"content":[],' +
  '"usage":{"input_tokens":10,' +
  '"cache_creation_input_tokens":20,"cache_read_input_tokens":300,"output_tokens":1}}}\r\n\r\n' +
  ': comment\r\nevent: ping\r\ndata: {"type":"ping"}\r\n\r\n' +
  'event: message_delta\r\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},' +
  '"usage":{"output_tokens":44}}\r\n\r\n';

/** Prompt, cached and output tokens of an answer cut at both bytes; then events and sawData. */
function cut(isSse: bool, bytes: ArrayBuffer, first: i32, second: i32): string {
  const p = changetype<usize>(bytes);
  state.reset(isSse);
  state.feed(p, first);
  state.feed(p + first, second - first);
  state.feed(p + second, bytes.byteLength - second);
  const tokens = `${state.promptTokens} ${state.cachedTokens} ${state.outputTokens}`;
  return `${tokens} ${state.events} ${state.sawData}`;
}

function json(body: string): string {
  return cut(false, String.UTF8.encode(body), 0, 0);
}

/** Expects the same result wherever the stream is cut. */
function stream(body: string, expected: string): void {
  const bytes = String.UTF8.encode(body);
  for (let first = 0; first <= bytes.byteLength; first++) {
    const told = cut(true, bytes, first, first + (bytes.byteLength - first) / 3);
    if (told != expected) expect(told).toBe(expected, first.toString());
  }
  expect(cut(true, bytes, 0, 0)).toBe(expected);
}

describe("usage in one document", () => {
  test("is read from top level, split at any byte", () => {
    const bytes = String.UTF8.encode(CHAT);
    for (let at = 0; at <= bytes.byteLength; at++) {
      expect(cut(false, bytes, at, at)).toBe("120 64 30 0 false");
    }
  });

  test("of responses and Anthropic messages is read, too", () => {
    expect(
      json(
        '{"usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":16},' +
          '"output_tokens":5}}',
      ),
    ).toBe("37 16 5 0 false");
    expect(
      json(
        '{"usage":{"input_tokens":3,"cache_read_input_tokens":100,' +
          '"cache_creation_input_tokens":null,"output_tokens":7}}',
      ),
    ).toBe("103 100 7 0 false");
  });

  test("is unknown where it is absent, null or no number", () => {
    expect(json("{}")).toBe("-1 -1 -1 0 false");
    expect(json('{"usage":null}')).toBe("-1 -1 -1 0 false");
    expect(json('{"usage":{"prompt_tokens":5,"prompt_tokens_details":null}}')).toBe(
      "5 -1 -1 0 false",
    );
    expect(
      json('{"usage":{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":null}}}'),
    ).toBe("5 -1 -1 0 false");
    expect(json('{"usage":{"prompt_tokens":"5","completion_tokens":-3}}')).toBe("-1 -1 -1 0 false");
    expect(json('{"usage":{"prompt_tokens":1.5,"completion_tokens":99999999999}}')).toBe(
      "-1 -1 -1 0 false",
    );
    expect(json('{"usage":{"prompt_tokens":[5],"completion_tokens":{"prompt_tokens":5}}}')).toBe(
      "-1 -1 -1 0 false",
    );
  });

  test("elsewhere in the document does not count", () => {
    const usage = '{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":5}}';
    expect(json('{"x":{"usage":' + usage + "}}")).toBe("-1 -1 -1 0 false");
    expect(json('{"message":{},"x":{"usage":' + usage + "}}")).toBe("-1 -1 -1 0 false");
    expect(json('{"usage":{},"x":' + usage + "}")).toBe("-1 -1 -1 0 false");
    expect(json('{"usage":{"input_tokens_details":{},"x":{"cached_tokens":5}}}')).toBe(
      "-1 -1 -1 0 false",
    );
    expect(json('[{"usage":' + usage + "}]")).toBe("-1 -1 -1 0 false");
    expect(json('{"usage":[' + usage + "]}")).toBe("-1 -1 -1 0 false");
    expect(json('{"response":[{"usage":' + usage + "}]}")).toBe("-1 -1 -1 0 false");
    expect(json('{"message":{"x":{"usage":' + usage + "}}}")).toBe("-1 -1 -1 0 false");
    expect(json('{"message":{"message":{"usage":' + usage + "}}}")).toBe("-1 -1 -1 0 false");
    expect(
      json('{"cached_tokens":5,"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":5}}'),
    ).toBe("-1 -1 -1 0 false");
    expect(json('{"usage":{"x":{"cached_tokens":5}}}')).toBe("-1 -1 -1 0 false");
    expect(json('{"usage":"prompt_tokens","prompt_tokens":5}')).toBe("-1 -1 -1 0 false");
  });

  test("of an answer that is no JSON is unknown", () => {
    expect(json("<html>")).toBe("-1 -1 -1 0 false");
    expect(json('{"usage":{"prompt_tokens":12')).toBe("-1 -1 -1 0 false");
    expect(json("[".repeat(10000))).toBe("-1 -1 -1 0 false");
  });
});

describe("usage in a stream", () => {
  test("of chunks comes from the last one; null details are unknown", () => {
    stream(STREAM, "11 -1 2 3 true");
  });

  test("of a response lies in its last event", () => {
    stream(RESPONSES, "37 16 5 3 true");
  });

  test("of a message lies in two events and adds up the cached tokens", () => {
    stream(ANTHROPIC, "330 300 44 3 true");
  });

  test("may have lines that end in a carriage return alone", () => {
    stream(STREAM.replaceAll("\n", "\r"), "11 -1 2 3 true");
  });

  test("may have documents of several lines, and no spaces", () => {
    stream('data:{"usage":\ndata:{"prompt_tokens":\ndata:7}}\n\ndata:{}\n\n', "7 -1 -1 2 true");
    stream('data:{"usage":\r\ndata:{"prompt_tokens":7}}\r\n\r\ndata:{}\r\n\r\n', "7 -1 -1 2 true");
  });

  test("goes on after an event that is no JSON", () => {
    stream('data: {"usage":{oops\n\ndata: {"usage":{"prompt_tokens":7}}\n\n', "7 -1 -1 2 true");
    stream("data\ndat: x\nxdata: {}\n data: {}\n", "-1 -1 -1 0 false");
    stream('data: \ndata:\n\ndata: {"usage":{"prompt_tokens":7}}', "7 -1 -1 1 true");
  });

  test("has begun with the colon of the first data line", () => {
    const bytes = String.UTF8.encode(": ping\n\nevent: x\ndata: {}\n\n");
    const p = changetype<usize>(bytes);
    state.reset(true);
    state.feed(p, 21);
    expect(state.sawData).toBe(false);
    state.feed(p + 21, 1);
    expect(state.sawData).toBe(true);
  });

  test("survives any one byte being any other", () => {
    const bytes = String.UTF8.encode(STREAM + RESPONSES);
    const p = changetype<usize>(bytes);
    for (let at = 0; at < bytes.byteLength; at++) {
      const byte = load<u8>(p + at);
      for (let odd = 0; odd < 256; odd += 5) {
        store<u8>(p + at, <u8>odd);
        cut(true, bytes, at, at);
      }
      store<u8>(p + at, byte);
    }
    expect(cut(true, bytes, 0, 0)).toBe("37 16 5 6 true");
  });
});

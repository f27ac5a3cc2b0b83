// Whole request bodies: cut, spelled otherwise, odd, huge, of each API.
import { CHECKPOINTS_MAX, ParseStatus, RequestKind } from "../../../filter/request/prompt-parser";
import {
  apart,
  chain,
  chat,
  chatBody,
  chatChain,
  ends,
  message,
  parse,
  parseBytes,
  same,
  shared,
  state,
  summary,
  text,
} from "./prompt-cases";

const LONG = text(9, 300);
const PLAIN =
  '{"model":"m","messages":[{"role":"system","content":"s\\n"},{"role":"user","content":"aé",' +
  '"name":"n"}],' +
  '"tools":[{"type":"function","function":{"name":"f"}}],"max_tokens":5}';
const BODY =
  '{"messages": [{"content": "Be \\u0062rief.", "role": "system"}, {"role":"user",' +
  '"content":[{"text":"' +
  LONG +
  '","type":"text"},{"type":"image_url","image_url":{"url":"http://x/\\u00e9.png"}}]},' +
  '{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",' +
  '"function":{"name":"f","arguments":"{\\"a\\":1}"}}]},' +
  '{"tool_call_id":"c1","role":"tool","content":"42 \\ud83d\\ude00"}], "stream":true, ' +
  '"max_tokens" : 77,' +
  '"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",' +
  '"properties":{"a":{"type":"integer"}}}}}],' +
  '"model":"qwen", "user":"u1", "x":[[{"y":[]}]]}';

describe("a body", () => {
  test("has the same results when it is split at any two bytes", () => {
    const bytes = String.UTF8.encode(BODY);
    expect(parseBytes(RequestKind.Chat, bytes, 0, 0)).toBe(ParseStatus.Complete);
    const expected = summary();
    expect(state.checkpointCount).toBeGreaterThan(5);
    for (let first = 0; first <= bytes.byteLength; first++) {
      const second = first + (bytes.byteLength - first) / 2;
      parseBytes(RequestKind.Chat, bytes, first, second);
      if (summary() != expected) expect(summary()).toBe(expected, first.toString());
    }
  });

  test("has a chain, or none, but no trap, when it ends at any byte", () => {
    const bytes = String.UTF8.encode(BODY);
    for (let n = 0; n < bytes.byteLength; n++) {
      const status = parseBytes(RequestKind.Chat, bytes.slice(0, n), 0, 0);
      expect(status).toBe(ParseStatus.Partial);
      expect(state.promptBytes).toBeLessThan(6000);
    }
  });

  test("survives any one byte being any other", () => {
    const bytes = String.UTF8.encode(BODY);
    const p = changetype<usize>(bytes);
    const odd: u8[] = [0, 0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c, 0x3a, 0x30, 0x80, 0xff];
    for (let at = 0; at < bytes.byteLength; at++) {
      const byte = load<u8>(p + at);
      for (let i = 0; i < odd.length; i++) {
        store<u8>(p + at, odd[i]);
        parseBytes(RequestKind.Chat, bytes, at, at);
        expect(state.checkpointCount <= CHECKPOINTS_MAX).toBe(true);
      }
      store<u8>(p + at, byte);
    }
  });

  test("that is no JSON, too deep or without prompt says so", () => {
    expect(chat('{"messages":[}')).toBe(ParseStatus.Malformed);
    expect(state.checkpointCount).toBe(0);
    expect(chat('{"messages":' + "[".repeat(10000))).toBe(ParseStatus.TooDeep);
    expect(chat('{"messages":[{"role":"user","content":"a"}],"x":' + '{"a":'.repeat(10000))).toBe(
      ParseStatus.TooDeep,
    );
    expect(state.checkpointCount).toBe(0);
    expect(chat("{}")).toBe(ParseStatus.NoPrompt);
    expect(chat("[]")).toBe(ParseStatus.NoPrompt);
    expect(chat('"messages"')).toBe(ParseStatus.NoPrompt);
    expect(chat('{"messages":[]}')).toBe(ParseStatus.NoPrompt);
    expect(chat('{"messages":null,"model":"m"}')).toBe(ParseStatus.NoPrompt);
    expect(chat('{"prompt":"of another API"}')).toBe(ParseStatus.NoPrompt);
    expect(chat("")).toBe(ParseStatus.Partial);
  });

  test("may hold bytes that are no UTF-8", () => {
    const bytes = String.UTF8.encode(chatBody([message("user", "a?b")]));
    const p = changetype<usize>(bytes);
    for (let i = 0; i < bytes.byteLength; i++) if (load<u8>(p + i) == 0x3f) store<u8>(p + i, 0xff);
    expect(parseBytes(RequestKind.Chat, bytes, 0, 0)).toBe(ParseStatus.Complete);
    const odd = chain();
    expect(shared(odd, chatChain(chatBody([message("user", "a?b")])))).toBe(0);
  });
});

describe("another spelling of the same body", () => {
  test("has the same hashes: escapes and white space", () => {
    same(
      RequestKind.Chat,
      PLAIN,
      '\n{ "mod\\u0065l" : "\\u006d", "messages" : [ {"role":"system","content":"s\\u000A"} , ' +
        '{"role" :"user", ' +
        '"c\\u006fntent":"a\\u00E9","name":"n"} ],"tools":[{"type":"function",' +
        '"function":{"name":"\\u0066"}} ],"max_tokens":5 }\t',
    );
  });

  test("has the same hashes: order of keys", () => {
    same(
      RequestKind.Chat,
      PLAIN,
      '{"max_tokens":5,"tools":[{"function":{"name":"f"},"type":"function"}],' +
        '"messages":[{"content":"s\\n","role":"system"},{"name":"n","content":"aé",' +
        '"role":"user"}],"model":"m"}',
    );
  });

  test("has the same hashes: a text part instead of a string", () => {
    same(
      RequestKind.Chat,
      PLAIN,
      '{"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"s\\n"}]},' +
        '{"role":"user","content":[{"text":"aé","cache_control":{"type":"ephemeral"}}],' +
        '"name":"n","tool_calls":null}],' +
        '"tools":[{"type":"function","function":{"name":"f"},"cache_control":{"a":1}}],' +
        '"max_tokens":5}',
    );
  });

  test("has the same hashes: repeated keys, of which the last wins", () => {
    same(
      RequestKind.Chat,
      PLAIN,
      '{"model":"other","max_tokens":1,"messages":[{"role":"user","content":"' +
        LONG +
        '"}],"tools":[{"x":1}],"model":"m","messages":[{"content":"' +
        LONG +
        '","role":"user","role":"system","content":"s\\n"},' +
        '{"role":"user","content":[{"type":"text","text":"' +
        LONG +
        '","text":"aé"}],"name":"n"}],"max_tokens":5,"tools":[{"type":"function",' +
        '"function":{"name":"f"}}]}',
    );
  });

  test("but other content has not", () => {
    apart(PLAIN, PLAIN.replace('"model":"m"', '"model":"n"'));
    // The tools come first, and are the same.
    expect(shared(chatChain(PLAIN), chatChain(PLAIN.replace("system", "user")))).toBe(1);
    apart(PLAIN, PLAIN.replace('"f"', '"g"'));
    expect(shared(chatChain(PLAIN), chatChain(PLAIN.replace("s\\n", "s\\t")))).toBe(1);
  });
});

describe("a chain", () => {
  test("ends with the prompt, at any length", () => {
    for (let n = 1; n < 700; n += 37) {
      chat(chatBody([message("user", text(1, n))]));
      expect(ends().endsWith(n.toString())).toBe(true, n.toString());
      expect(state.promptBytes).toBe(n);
    }
  });

  test("has the grid of its message", () => {
    chat(chatBody([message("user", text(1, 5000))]));
    expect(ends()).toBe(
      "256 512 768 1024 1280 1536 1792 2048 2304 2560 2816 3072 3328 3584 3840 4096 4352 4624 " +
        "4913 5000",
    );
  });

  test("counts its ends from the first tool", () => {
    const tools = '"tools":[{"a":"b"}],';
    chat('{"messages":[{"role":"user","content":"12345"}],' + tools + '"model":"m"}');
    // {"a":"b"} as compact JSON has 9 bytes, and a comma.
    expect(ends()).toBe("10 15");
    expect(state.promptBytes).toBe(15);
  });

  test("of 8 MiB stays within its limit and reaches the end", () => {
    const content = text(3, 1 << 10).repeat(8 << 10);
    expect(chat(chatBody([message("user", content)]))).toBe(ParseStatus.Complete);
    expect(state.promptBytes).toBe(8 << 20);
    expect(state.checkpointCount).toBeLessThan(160);
    expect(ends().endsWith(" 8388608")).toBe(true);
  });

  test("of 8 MiB in many messages stays within its limit and reaches the end", () => {
    const one = message("user", text(4, 1000));
    const body = '{"messages":[' + (one + ",").repeat(8191) + one + "]}";
    expect(chat(body)).toBe(ParseStatus.Complete);
    expect(state.checkpointCount <= CHECKPOINTS_MAX).toBe(true);
    expect(ends().endsWith(" 8192000")).toBe(true);
  });

  test("of messages that grow as fast as checkpoints allow stays within its limit", () => {
    const messages: string[] = [];
    let position: f64 = 0;
    for (let i = 0; i < 800; i++) {
      const n = <i32>(position / 63) + 1;
      position += n;
      messages.push(message("user", "x".repeat(n)));
    }
    expect(chat(chatBody(messages))).toBe(ParseStatus.Complete);
    expect(state.checkpointCount).toBe(CHECKPOINTS_MAX);
    expect(ends().endsWith(" " + state.promptBytes.toString())).toBe(true);
  });
});

describe("a body that is cut", () => {
  test("has the whole one's checkpoints up to the cut", () => {
    const body = chatBody([message("system", text(1, 600)), message("user", text(2, 2000))]);
    const whole = chatChain(body);
    chat(body.substr(0, 1500));
    expect(ends()).toBe("256 512 600 856 1112 1368 1418");
    // All but the last, which marks the cut.
    expect(shared(whole, chain())).toBe(6);
  });
});

describe("each API", () => {
  test("completions: a string, a list of strings, token ids, lists of token ids", () => {
    parse(RequestKind.Completions, '{"prompt":"' + text(1, 300) + '"}');
    expect(ends()).toBe("256 300");
    const single = chain();
    parse(RequestKind.Completions, '{"prompt":["' + text(1, 300) + '","' + text(2, 500) + '"]}');
    expect(shared(single, chain())).toBe(2);
    expect(state.checkpointCount).toBe(2);
    expect(state.promptBytes).toBe(800);
    expect(state.promptTokens).toBe(0);
    const ids = "1,2,3,4".repeat(1) + ",50000".repeat(66);
    parse(RequestKind.Completions, '{"prompt":[' + ids + "]}");
    expect(ends()).toBe("256 280");
    expect(state.promptTokens).toBe(70);
    const tokens = chain();
    parse(RequestKind.Completions, '{"prompt":[[' + ids + "],[7,8]]}");
    expect(shared(tokens, chain())).toBe(2);
    expect(state.promptTokens).toBe(72);
    expect(state.promptBytes).toBe(288);
  });

  test("completions: a longer prompt has the shorter one's grid", () => {
    parse(RequestKind.Completions, '{"prompt":"' + text(1, 1000) + '"}');
    const short = chain();
    parse(RequestKind.Completions, '{"prompt":"' + text(1, 9000) + '"}');
    expect(shared(short, chain())).toBe(3);
  });

  test("completions: no trap on other prompts", () => {
    const odd = [
      "{}",
      "5",
      "null",
      "[null]",
      "[{}]",
      '["a",1,[2]]',
      '[1,[2,[3]],"a"]',
      "[[],[]]",
      "[-1,1.5,99999999999]",
    ];
    for (let i = 0; i < odd.length; i++) {
      parse(RequestKind.Completions, '{"prompt":' + odd[i] + "}");
      parse(RequestKind.Embeddings, '{"input":' + odd[i] + "}");
      chat('{"messages":' + odd[i] + ',"tools":' + odd[i] + "}");
      parse(RequestKind.Responses, '{"input":' + odd[i] + ',"instructions":' + odd[i] + "}");
      parse(
        RequestKind.Messages,
        '{"messages":[{"content":' + odd[i] + '}],"system":' + odd[i] + "}",
      );
      expect(state.checkpointCount <= 2).toBe(true);
    }
  });

  test("embeddings read input, generate reads prompt", () => {
    same(RequestKind.Embeddings, '{"input":"abc"}', '{"input":["abc"]}');
    const embedded = chain();
    expect(parse(RequestKind.Generate, '{"prompt":"abc"}')).toBe(ParseStatus.Complete);
    expect(shared(embedded, chain())).toBe(1);
    expect(parse(RequestKind.Generate, '{"input":"abc"}')).toBe(ParseStatus.NoPrompt);
  });

  test("responses: a string is a message of the user", () => {
    same(
      RequestKind.Responses,
      '{"input":"hi","instructions":"be brief"}',
      '{"instructions":"be brief","input":[{"type":"message","id":"i","status":"s","role":"user",' +
        '"content":[{"type":"input_text","text":"hi"}]}]}',
    );
    expect(ends()).toBe("8 10");
  });

  test("messages: system as a string or as text parts", () => {
    same(
      RequestKind.Messages,
      '{"system":"be brief","messages":[{"role":"user","content":"hi"}]}',
      '{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],' +
        '"system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral"}}]}',
    );
    expect(ends()).toBe("8 10");
  });
});

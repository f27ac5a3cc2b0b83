// Limits, names and the namespace of request bodies.
import { RequestKind } from "../../../filter/request/prompt-parser";
import { chat, message, parse, state, text } from "./prompt-cases";

const USER = message("user", "hi");

/** The answer's limit of a chat with these keys. */
function limit(keys: string): u32 {
  chat("{" + keys + ',"messages":[' + USER + "]}");
  return state.maxOutputTokens;
}
function isStream(keys: string): bool {
  limit(keys);
  return state.isStream;
}
function conversation(body: string): u64 {
  chat(body);
  return state.conversationHash;
}
function modelHash(body: string): u64 {
  chat(body);
  return state.modelHash;
}

describe("the answer's limit", () => {
  test("is the least that is given", () => {
    expect(limit('"max_tokens":7')).toBe(7);
    expect(limit('"max_tokens":7,"max_completion_tokens":5')).toBe(5);
    expect(limit('"max_completion_tokens":5,"max_output_tokens":9')).toBe(5);
  });

  test("is 0 when none is given", () => {
    expect(limit('"x":1')).toBe(0);
    expect(limit('"max_tokens":null')).toBe(0);
    expect(limit('"max_tokens":"7"')).toBe(0);
    expect(limit('"max_tokens":-7')).toBe(0);
    expect(limit('"max_tokens":{"max_tokens":7}')).toBe(0);
  });

  test("is the last of repeated keys", () => {
    expect(limit('"max_tokens":7,"max_tokens":9')).toBe(9);
    expect(limit('"max_tokens":7,"max_tokens":null')).toBe(0);
  });

  test("saturates", () => {
    expect(limit('"max_tokens":99999999999999999999')).toBe(u32.MAX_VALUE);
  });
});

describe("stream", () => {
  test("is true only when the word is", () => {
    expect(isStream('"stream":true')).toBe(true);
    expect(isStream('"stream":false')).toBe(false);
    expect(isStream('"stream":"true"')).toBe(false);
    expect(isStream('"stream":true,"stream":null')).toBe(false);
    expect(isStream('"x":{"stream":true}')).toBe(false);
  });
});

describe("the model", () => {
  test("has the raw range of its string with quotes", () => {
    chat('{"messages":[],"model" :\t"q\\u0077en" }');
    expect(state.modelStart).toBe(25);
    expect(state.modelEnd).toBe(36);
    chat('{"model":"first","model":"second"}');
    expect(state.modelStart).toBe(25);
    expect(state.modelEnd).toBe(33);
  });

  test("that is no string is absent", () => {
    const odd = ["5", "null", '["m"]', '{"model":"m"}', "true"];
    for (let i = 0; i < odd.length; i++) {
      expect(modelHash('{"model":"x","model":' + odd[i] + ',"messages":[' + USER + "]}")).toBe(0);
      expect(state.modelStart).toBe(0, odd[i]);
      expect(state.modelEnd).toBe(0, odd[i]);
    }
    expect(modelHash('{"messages":[{"model":"m"}]}')).toBe(0);
  });

  test("is not known when the body ends within it", () => {
    expect(modelHash('{"model":"qwe')).toBe(0);
    expect(state.modelStart).toBe(0);
  });

  test("hashes by its decoded name", () => {
    expect(modelHash('{"model":"m"}')).not.toBe(0);
    expect(modelHash('{"model":"m"}')).toBe(modelHash('{"model":"\\u006d"}'));
    expect(modelHash('{"model":"m"}')).not.toBe(modelHash('{"model":"n"}'));
  });
});

/** The decoded name that is kept. */
function nameKept(body: string): string {
  chat(body);
  return String.UTF8.decodeUnsafe(state.modelName, state.modelNameSize);
}

/** The last hash of a chat's chain, with another model set before it is built. */
function lastHash(body: string, model: string): u64 {
  const bytes = String.UTF8.encode(body);
  state.reset(RequestKind.Chat, 1, 2);
  state.feed(changetype<usize>(bytes), bytes.byteLength);
  state.close();
  const name = String.UTF8.encode(model);
  if (model.length > 0) state.setModel(changetype<usize>(name), name.byteLength);
  state.build();
  return load<u64>(state.hashes() + ((<usize>(state.checkpointCount - 1)) << 3));
}

describe("the model's name", () => {
  test("is kept decoded, that of the last key", () => {
    expect(nameKept('{"model":"a\\/b \\u00e9","messages":[]}')).toBe("a/b \u00e9");
    expect(nameKept('{"model":"long","messages":[],"model":"s"}')).toBe("s");
    expect(nameKept('{"model":""}')).toBe("");
    expect(nameKept('{"model":"x","model":7}')).toBe("");
    expect(nameKept('{"model":"cut')).toBe("");
  });

  test("is kept up to 256 bytes, and its whole length is known", () => {
    expect(nameKept('{"model":"' + "x".repeat(256) + '"}')).toBe("x".repeat(256));
    expect(state.modelBytes).toBe(256);
    expect(nameKept('{"model":"' + "y".repeat(5000) + '"}')).toBe("y".repeat(256));
    expect(state.modelBytes).toBe(5000);
  });

  test("of another model makes the chain that a direct request for it has", () => {
    const body = '"messages":[' + USER + "]}";
    const direct = lastHash('{"model":"b",' + body, "");
    expect(lastHash('{"model":"a",' + body, "b")).toBe(direct);
    expect(lastHash('{"model":"a",' + body, "")).not.toBe(direct);
    expect(lastHash("{" + body, "b")).toBe(direct);
  });
});

describe("the conversation", () => {
  test("is another with another system prompt in the messages", () => {
    const question = message("user", "q");
    const a = conversation('{"messages":[' + message("system", "s1") + "," + question + "]}");
    const b = conversation('{"messages":[' + message("system", "s2") + "," + question + "]}");
    expect(a).not.toBe(b);
  });

  test("is the cache key, else the user, whatever the messages", () => {
    const a = conversation('{"prompt_cache_key":"k","user":"u","messages":[' + USER + "]}");
    expect(
      conversation(
        '{"messages":[],"user":"v","messages":[' +
          message("user", "x") +
          '],"prompt_cache_key":"k"}',
      ),
    ).toBe(a);
    const b = conversation('{"user":"u","messages":[' + USER + "]}");
    expect(b).not.toBe(a);
    expect(
      conversation('{"messages":[' + message("user", "x") + '],"prompt_cache_key":"","user":"u"}'),
    ).toBe(b);
  });

  test("is else the same at each turn, on every model", () => {
    const system = message("system", "s");
    const first = conversation('{"model":"m","messages":[' + system + "," + USER + "]}");
    const later =
      system + "," + USER + "," + message("assistant", "a") + "," + message("user", "b");
    expect(conversation('{"model":"n","messages":[' + later + "]}")).toBe(first);
    expect(conversation('{"messages":[' + system + "," + message("user", "b") + "]}")).not.toBe(
      first,
    );
  });

  test("depends on the tools", () => {
    const body = '"messages":[' + USER + "]}";
    expect(conversation('{"tools":[{"a":1}],' + body)).not.toBe(conversation("{" + body));
  });

  test("of a completion is its prompt", () => {
    parse(RequestKind.Completions, '{"prompt":"' + text(1, 600) + '"}');
    const one = state.conversationHash;
    parse(RequestKind.Completions, '{"prompt":"' + text(1, 601) + '"}');
    expect(state.conversationHash).not.toBe(one);
    parse(RequestKind.Completions, '{"model":"m","prompt":["' + text(1, 600) + '"]}');
    expect(state.conversationHash).toBe(one);
  });

  test("is 0 without a prompt", () => {
    expect(conversation('{"user":"u"}')).toBe(0);
  });
});

describe("the namespace", () => {
  test("holds everything that keeps prefix caches apart, by meaning", () => {
    const rest = ',"messages":[' + message("user", text(1, 300)) + "]}";
    const keys = [
      '"x":1',
      '"cache_salt":"a"',
      '"chat_template":"a"',
      '"chat_template_kwargs":{"a":1,"b":2}',
      '"chat_template_kwargs":{"a":1,"b":3}',
      '"documents":[{"text":"a"}]',
      '"model":"a"',
    ];
    const firsts = new Set<u64>();
    for (let i = 0; i < keys.length; i++) {
      chat("{" + keys[i] + rest);
      firsts.add(load<u64>(state.hashes()));
    }
    expect(firsts.size).toBe(keys.length);
    chat('{"chat_template_kwargs": {"b":2,"a":1}, "cache_salt":null' + rest);
    expect(firsts.has(load<u64>(state.hashes()))).toBe(true);
  });

  test("holds the tenant that was set, and is what it was without one", () => {
    const body = '{"model":"m","messages":[' + message("user", text(1, 300)) + "]}";
    chat(body);
    const none = load<u64>(state.hashes());
    const firsts = new Set<u64>().add(none);
    for (let tenant: u64 = 0; tenant < 3; tenant++) {
      state.reset(RequestKind.Chat, state.k0, state.k1);
      const bytes = String.UTF8.encode(body);
      state.feed(changetype<usize>(bytes), bytes.byteLength);
      state.close();
      state.tenant = tenant;
      state.build();
      firsts.add(load<u64>(state.hashes()));
    }
    expect(firsts.size).toBe(3);
  });
});

// What two chats share: exactly the checkpoints of what they have in common.
import { chat, chatBody, chatChain, ends, message, shared, state, text } from "./prompt-cases";

const SYSTEM = message("system", text(1, 600));
const FIRST = message("user", text(2, 300));
const ANSWER = message("assistant", text(3, 500));
const SECOND = message("user", text(4, 400));
const OTHER = message("user", text(5, 400));
const IMAGE = '{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}';

function parts(content: string): string {
  return '{"role":"user","content":[' + content + "]}";
}
function textPart(content: string): string {
  return '{"type":"text","text":"' + content + '"}';
}
/** The hashes of a chat with one message whose content is a list of parts. */
function partsChain(content: string): u64[] {
  return chatChain(chatBody([parts(content)]));
}

describe("two chats", () => {
  test("share exactly the checkpoints of the messages they share", () => {
    const a = chatChain(chatBody([SYSTEM, FIRST, ANSWER, SECOND]));
    // 600 ends a message, 900 the next, 1400 the third: the grid counts within each.
    expect(ends()).toBe("256 512 600 856 900 1156 1400 1656 1800");
    const b = chatChain(chatBody([SYSTEM, FIRST, ANSWER, OTHER]));
    expect(shared(a, b)).toBe(7);
  });

  test("share the grid of a message up to where it parts", () => {
    const one = chatChain(chatBody([message("user", text(1, 1000) + text(2, 1000))]));
    const two = chatChain(chatBody([message("user", text(1, 1000) + text(3, 1000))]));
    expect(shared(one, two)).toBe(3);
  });

  test("of which one goes on: it starts with the other's chain", () => {
    const turns = [SYSTEM, FIRST, ANSWER, SECOND, message("assistant", "ok"), OTHER];
    let before: u64[] = [];
    for (let n = 1; n <= turns.length; n++) {
      const now = chatChain(chatBody(turns.slice(0, n)));
      // The forced end of "ok" is no place in a longer chat.
      expect(shared(before, now)).toBe(n == 6 ? before.length - 1 : before.length, n.toString());
      before = now;
    }
  });

  test("share nothing when a role differs", () => {
    const one = chatChain(chatBody([message("user", text(1, 600))]));
    expect(shared(one, chatChain(chatBody([message("system", text(1, 600))])))).toBe(0);
  });

  test("share the text of a message, but not its end, when it has other members", () => {
    const plain = chatChain(chatBody([message("user", text(1, 600)), SECOND]));
    const named = '{"name":"n","role":"user","content":"' + text(1, 600) + '"}';
    expect(shared(plain, chatChain(chatBody([named, SECOND])))).toBe(2);
  });

  test("do not share a message's end with a longer message", () => {
    const short = chatChain(chatBody([message("user", text(1, 200))]));
    expect(shared(short, chatChain(chatBody([message("user", text(1, 300))])))).toBe(0);
  });

  test("differ when the same text is cut into messages elsewhere", () => {
    const one = chatChain(chatBody([message("user", "ab"), message("user", "c")]));
    const two = chatChain(chatBody([message("user", "a"), message("user", "bc")]));
    expect(shared(one, two)).toBe(0);
  });

  test("share nothing when model or salt differ", () => {
    const body = chatBody([SYSTEM, FIRST]);
    const one = chatChain(body);
    expect(shared(one, chatChain(body.replace('"m"', '"n"')))).toBe(0);
    expect(shared(one, chatChain(body.replace('"m"', '"m","cache_salt":"s"')))).toBe(0);
  });
});

describe("parts of a content", () => {
  test("differ from the same text in other parts", () => {
    const ab = partsChain(textPart("ab"));
    expect(shared(ab, partsChain(textPart("a") + "," + textPart("b")))).toBe(0);
    expect(shared(ab, partsChain('"ab"'))).toBe(1);
  });

  test("share the text before an image", () => {
    const before = textPart(text(1, 600)) + ",";
    const one = partsChain(before + IMAGE);
    const two = partsChain(before + IMAGE.replace("AAAA", "BBBB"));
    expect(shared(one, two)).toBe(2);
    expect(one.length).toBe(3);
  });

  test("count an image as 4 KiB, whatever its bytes", () => {
    chat(chatBody([parts(IMAGE + "," + textPart("abc"))]));
    const small = state.promptBytes;
    chat(chatBody([parts(IMAGE.replace("AAAA", text(1, 100000)) + "," + textPart("abc"))]));
    expect(state.promptBytes).toBe(small);
    expect(small).toBe(4099);
  });

  test("count a tool's result by its bytes", () => {
    const result = '{"type":"tool_result","content":"' + text(1, 5000) + '"}';
    chat(chatBody([parts(result)]));
    // The key and the string with quotes, colon and comma.
    expect(state.promptBytes).toBe(5000 + 7 + 3);
  });

  test("hash other parts whatever the order of keys", () => {
    const one = partsChain(IMAGE);
    const two = partsChain('{"image_url":{"url":"data:image/png;base64,AAAA"},"type":"image_url"}');
    expect(shared(one, two)).toBe(1);
    expect(one.length).toBe(1);
  });

  test("tell a text of another type from plain text", () => {
    const plain = partsChain(textPart("a"));
    expect(shared(plain, partsChain('{"type":"thinking","text":"a"}'))).toBe(0);
    expect(shared(plain, partsChain('{"text":"a","type":"input_text"}'))).toBe(1);
  });
});

describe("a tail of short messages", () => {
  test("gets no checkpoint closer than a 64th of the position, but at the end", () => {
    const turns = [message("user", text(1, 6400))];
    for (let i = 0; i < 5; i++) turns.push(message("user", "123456789012345678901234567890"));
    chat(chatBody(turns));
    expect(ends().endsWith(" 6400 6520 6550")).toBe(true, ends());
  });
});

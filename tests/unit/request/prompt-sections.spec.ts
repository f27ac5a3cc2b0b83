// Tools and system prompts before the messages.
import { RequestKind } from "../../../filter/request/prompt-parser";
import {
  chain,
  chat,
  chatChain,
  ends,
  message,
  parse,
  same,
  shared,
  state,
  text,
} from "./prompt-cases";

const FIRST = message("user", text(2, 300));

describe("tools", () => {
  test("are shared as far as they are the same, in their order", () => {
    const a = '{"name":"a","description":"' + text(1, 100) + '"}';
    const b = '{"name":"b","description":"' + text(2, 100) + '"}';
    const rest = ',"messages":[' + FIRST + '],"model":"m"}';
    const ab = chatChain('{"tools":[' + a + "," + b + "]" + rest);
    expect(ab.length).toBe(4);
    expect(shared(ab, chatChain('{"tools":[' + b + "," + a + "]" + rest))).toBe(0);
    expect(shared(ab, chatChain('{"tools":[' + a + "]" + rest))).toBe(1);
    expect(shared(ab, chatChain(rest.replace(",", "{")))).toBe(0);
  });

  test("beyond what is kept still end with a checkpoint", () => {
    const tool = '{"description":"' + text(1, 1000) + '"}';
    chat('{"tools":[' + (tool + ",").repeat(2000) + tool + '],"messages":[' + FIRST + "]}");
    const end = state.promptBytes - 300;
    expect(ends().includes(" " + end.toString() + " ")).toBe(true);
  });

  test("that are empty are no tools", () => {
    same(
      RequestKind.Chat,
      '{"model":"m","tools":[],"messages":[' + FIRST + "]}",
      '{"model":"m","messages":[' + FIRST + "]}",
    );
  });
});

describe("system", () => {
  test("comes before the messages and has its own grid", () => {
    const rest = '"messages":[' + FIRST + '],"model":"m"}';
    parse(RequestKind.Messages, '{"system":"' + text(1, 600) + '",' + rest);
    const one = chain();
    expect(ends()).toBe("256 512 600 856 900");
    parse(RequestKind.Messages, "{" + rest);
    expect(shared(one, chain())).toBe(0);
    parse(RequestKind.Messages, '{"system":"' + text(1, 550) + '",' + rest);
    expect(shared(one, chain())).toBe(2);
  });
});

// Odd values in every place of a body: they change nothing around them, and nothing traps.
import { ParseStatus, RequestKind } from "../../../filter/request/prompt-parser";
import { parse, same, state } from "./prompt-cases";

const ODD = [
  "1",
  "null",
  "true",
  '"x"',
  "[]",
  "{}",
  '[[{"role":[1]}],"y"]',
  '{"content":{"text":[2]}}',
];
const MESSAGE = '{"role":"user","content":"hi"}';

describe("an odd value", () => {
  test("among the messages is passed over", () => {
    for (let i = 0; i < ODD.length; i++) {
      if (ODD[i].startsWith("{")) continue;
      same(
        RequestKind.Chat,
        '{"messages":[' + MESSAGE + "," + MESSAGE + "]}",
        '{"messages":[' + MESSAGE + "," + ODD[i] + "," + MESSAGE + "]}",
      );
    }
  });

  test("under a key that is not looked at is passed over", () => {
    for (let i = 0; i < ODD.length; i++) {
      same(
        RequestKind.Chat,
        '{"messages":[' + MESSAGE + '],"model":"m"}',
        '{"x":' + ODD[i] + ',"messages":[' + MESSAGE + '],"y":' + ODD[i] + ',"model":"m"}',
      );
    }
  });

  test("under cache_control is passed over in messages and parts", () => {
    for (let i = 0; i < ODD.length; i++) {
      same(
        RequestKind.Chat,
        '{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}',
        '{"messages":[{"cache_control":' +
          ODD[i] +
          ',"role":"user","content":[{"cache_control":' +
          ODD[i] +
          ',"type":"text","text":"hi"}]}]}',
      );
    }
  });

  test("as role, content, part or type leaves the next message whole", () => {
    const spots = [
      '"role":',
      '"content":',
      '"name":',
      '"type":',
      '"content":[',
      '"content":[{"text":',
    ];
    const closings = ["", "", "", "", "]", "}]"];
    for (let s = 0; s < spots.length; s++) {
      for (let i = 0; i < ODD.length; i++) {
        for (let kind = 1; kind <= 6; kind++) {
          const list = kind == RequestKind.Responses ? "input" : "messages";
          const odd = "{" + spots[s] + ODD[i] + closings[s] + "}";
          const body = '{"' + list + '":[' + odd + "," + MESSAGE + '],"model":"m"}';
          const status = parse(<RequestKind>kind, body);
          const isRead =
            kind == RequestKind.Chat ||
            kind == RequestKind.Responses ||
            kind == RequestKind.Messages;
          expect(status).toBe(isRead ? ParseStatus.Complete : ParseStatus.NoPrompt, body);
          expect(state.messageCount).toBe(isRead ? 2 : 0, body);
          expect(state.modelHash).not.toBe(0, body);
        }
      }
    }
  });
});

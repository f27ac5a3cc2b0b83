// What the fuzzer found, as small as it gets: each was wrong once. They are sent in this order, and
// compared like the fuzzer's own bodies.
import type { Api } from "./support/reading.js";

export interface FoundCase {
  /** What was wrong. */
  name: string;
  api: Api;
  body: string;
  cuts?: number[];
}

export const FOUND_CASES: readonly FoundCase[] = [
  {
    name: "a prompt of many tokens, before one of none",
    api: "chat",
    body: JSON.stringify({ messages: [{ role: "user", content: "words ".repeat(700) }] }),
  },
  {
    name: "a message without text had the tokens of the request before it",
    api: "chat",
    body: '{"messages":[{"role":"user","content":true}]}',
  },
  {
    name: "a message of nothing had them, too",
    api: "messages",
    body: '{"messages":[{}]}',
  },
  {
    name: "a role that is null did not take back an earlier one",
    api: "chat",
    body: '{"messages":[{"role":"user","content":"a","role":null},{"role":"user","content":"b"}]}',
  },
  {
    name: "a type of an item that is null did not take back an earlier one",
    api: "responses",
    body: '{"input":[{"type":"reasoning","content":"a","type":null},{"content":"b"}]}',
  },
  {
    name: "a type of a part that is null did not take back an earlier one",
    api: "chat",
    body: '{"messages":[{"content":[{"type":"image_url","text":"a","type":null},"b"]}]}',
  },
  {
    name: "a text of a part that is null takes back an earlier one",
    api: "messages",
    body: '{"system":[{"type":"text","text":"a","text":null},"b"],"messages":[{"content":"c"}]}',
  },
  {
    name: "a word alone is no prompt, whether or not a space ends it",
    api: "completions",
    body: "0 ",
  },
  {
    name: "broken behind what is too deep: the model before it counted",
    api: "chat",
    body: `{"model":"m","x":${"[".repeat(64)}`,
  },
];

// Where the strings of a body go, by the place and the key they stand under.
import { ItemKey, RequestKind, TopKey } from "../../../filter/request/prompt-keys";
import { Owner, Place, TextTarget } from "../../../filter/request/prompt-places";
import { endText, textTarget } from "../../../filter/request/prompt-texts";
import { state } from "./prompt-cases";

function atTop(kind: RequestKind, key: TopKey): TextTarget {
  state.reset(kind, 1, 2);
  state.place = Place.Top;
  state.topKey = key;
  return textTarget(state);
}
function inItem(place: Place, key: ItemKey): TextTarget {
  state.reset(RequestKind.Chat, 1, 2);
  state.place = place;
  state.itemKey = key;
  return textTarget(state);
}

describe("a string", () => {
  test("at top level starts the section of its key, or is a value", () => {
    expect(atTop(RequestKind.Completions, TopKey.Prompt)).toBe(TextTarget.Section);
    expect(state.owner).toBe(Owner.Prompt);
    expect(atTop(RequestKind.Messages, TopKey.System)).toBe(TextTarget.Section);
    expect(state.owner).toBe(Owner.System);
    expect(atTop(RequestKind.Responses, TopKey.Messages)).toBe(TextTarget.Section);
    expect(state.owner).toBe(Owner.Message);
    expect(atTop(RequestKind.Chat, TopKey.Messages)).toBe(TextTarget.None);
    expect(atTop(RequestKind.Chat, TopKey.Other)).toBe(TextTarget.None);
    expect(atTop(RequestKind.Chat, TopKey.MaxTokens)).toBe(TextTarget.None);
    expect(atTop(RequestKind.Chat, TopKey.Model)).toBe(TextTarget.Name);
    expect(atTop(RequestKind.Chat, TopKey.Documents)).toBe(TextTarget.Value);
  });

  test("in a message or part is text, a member, or ignored", () => {
    expect(inItem(Place.Message, ItemKey.Content)).toBe(TextTarget.Section);
    expect(inItem(Place.Message, ItemKey.Role)).toBe(TextTarget.Value);
    expect(inItem(Place.Message, ItemKey.Ignored)).toBe(TextTarget.None);
    expect(inItem(Place.Part, ItemKey.Text)).toBe(TextTarget.Section);
    expect(state.partHasText).toBe(true);
    expect(inItem(Place.Part, ItemKey.Other)).toBe(TextTarget.Value);
    expect(inItem(Place.Part, ItemKey.Ignored)).toBe(TextTarget.None);
  });

  test("in a list of prompts is hashed when it is the first, else counted", () => {
    state.reset(RequestKind.Completions, 1, 2);
    state.place = Place.Prompts;
    expect(textTarget(state)).toBe(TextTarget.Section);
    endText(state);
    expect(state.owner).toBe(Owner.None);
    expect(textTarget(state)).toBe(TextTarget.Count);
  });

  test("in places without text goes nowhere", () => {
    expect(inItem(Place.Messages, ItemKey.Other)).toBe(TextTarget.None);
    expect(inItem(Place.Skipped, ItemKey.Other)).toBe(TextTarget.None);
    expect(inItem(Place.Tokens, ItemKey.Other)).toBe(TextTarget.None);
    expect(inItem(Place.Start, ItemKey.Other)).toBe(TextTarget.None);
  });
});

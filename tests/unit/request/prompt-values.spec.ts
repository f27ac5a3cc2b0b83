// Steps into containers, by the key they stand under.
import { ItemKey, RequestKind, TopKey } from "../../../filter/request/prompt-keys";
import { Place } from "../../../filter/request/prompt-places";
import {
  beginValue,
  endValue,
  isMember,
  openTop,
  skip,
} from "../../../filter/request/prompt-values";
import { state } from "./prompt-cases";

/** Where a container under the key leads; Start when it is not looked at. */
function leads(key: TopKey, isObject: bool): Place {
  state.reset(RequestKind.Chat, 1, 2);
  state.place = Place.Top;
  state.topKey = key;
  return openTop(state, isObject) ? state.place : Place.Start;
}

describe("a container at top level", () => {
  test("leads into the list of its key", () => {
    expect(leads(TopKey.Messages, false)).toBe(Place.Messages);
    expect(leads(TopKey.Prompt, false)).toBe(Place.Prompts);
    expect(leads(TopKey.Tools, false)).toBe(Place.Tools);
    expect(leads(TopKey.System, false)).toBe(Place.Parts);
  });

  test("is a value when its hash counts", () => {
    expect(leads(TopKey.TemplateArguments, true)).toBe(Place.Value);
    expect(leads(TopKey.Documents, false)).toBe(Place.Value);
  });

  test("is not looked at otherwise", () => {
    expect(leads(TopKey.Messages, true)).toBe(Place.Start);
    expect(leads(TopKey.Tools, true)).toBe(Place.Start);
    expect(leads(TopKey.Other, false)).toBe(Place.Start);
    expect(leads(TopKey.MaxTokens, false)).toBe(Place.Start);
  });
});

describe("a value", () => {
  test("returns to the place where it began, and counts there", () => {
    state.reset(RequestKind.Chat, 1, 2);
    state.place = Place.Tools;
    beginValue(state);
    expect(state.place).toBe(Place.Value);
    state.value.textBegin();
    expect(state.value.textEnd()).toBe(true);
    endValue(state);
    expect(state.place).toBe(Place.Tools);
    expect(state.toolCount).toBe(1);
  });

  test("of a content or text counts only as a string or list", () => {
    expect(isMember(ItemKey.Other)).toBe(true);
    expect(isMember(ItemKey.Role)).toBe(true);
    expect(isMember(ItemKey.Type)).toBe(true);
    expect(isMember(ItemKey.Content)).toBe(false);
    expect(isMember(ItemKey.Text)).toBe(false);
    expect(isMember(ItemKey.Ignored)).toBe(false);
  });
});

describe("a container that is skipped", () => {
  test("ends at the depth around it", () => {
    state.reset(RequestKind.Chat, 1, 2);
    state.place = Place.Parts;
    state.scanner.depth = 5;
    skip(state);
    expect(state.place).toBe(Place.Skipped);
    expect(state.placeAfter).toBe(Place.Parts);
    expect(state.depthAfter).toBe(4);
  });
});

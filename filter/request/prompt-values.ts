// Steps into containers: into a section's, into a value hashed by structure, or over them.
import { PromptDraft } from "./prompt-draft";
import { ItemKey, TopKey } from "./prompt-keys";
import { addMember } from "./prompt-messages";
import { setTopValue } from "./prompt-options";
import { Place } from "./prompt-places";
import { addTool, beginSystem } from "./prompt-sections";

/** A container under a key of the body; false when there is nothing to learn from it. */
export function openTop(draft: PromptDraft, isObject: bool): bool {
  if (draft.topKey >= TopKey.Model) {
    beginValue(draft);
    draft.value.open(isObject);
    return true;
  }
  if (isObject) return false;
  switch (draft.topKey) {
    case TopKey.Messages:
      draft.place = Place.Messages;
      return true;
    case TopKey.Prompt:
      draft.place = Place.Prompts;
      return true;
    case TopKey.Tools:
      draft.place = Place.Tools;
      return true;
    case TopKey.System:
      beginSystem(draft);
      draft.place = Place.Parts;
      return true;
    default:
      return false;
  }
}

/** Starts the value that is hashed by structure; the scan goes on behind it where it is now. */
export function beginValue(draft: PromptDraft): void {
  draft.placeAfter = draft.place;
  draft.place = Place.Value;
  draft.value.begin(draft.k0, draft.k1);
}

/** Hands the value that is whole to what it belongs to. */
export function endValue(draft: PromptDraft): void {
  draft.place = draft.placeAfter;
  if (draft.place == Place.Tools) addTool(draft);
  else if (draft.place == Place.Top) setTopValue(draft);
  else addMember(draft, draft.place == Place.Part);
}

/** Looks at nothing until the container that just opened closes. */
export function skip(draft: PromptDraft): void {
  draft.placeAfter = draft.place;
  draft.place = Place.Skipped;
  draft.depthAfter = draft.scanner.depth - 1;
}

/** Whether a number or word under the key counts: as content or text neither does. */
export function isMember(key: ItemKey): bool {
  return key == ItemKey.Other || key == ItemKey.Role || key == ItemKey.Type;
}

// Decides where each string of a request body goes: into a section, a hashed value, or nowhere.
import { PromptDraft } from "./prompt-draft";
import { ItemKey, RequestKind, TopKey } from "./prompt-keys";
import { beginMessage, beginPart, endMessage, setUser } from "./prompt-messages";
import { Owner, Place, TextTarget } from "./prompt-places";
import { beginPrompt, beginSystem, endPrompt, endSystem } from "./prompt-sections";

/** Where the string that begins goes; begins the section or part that it is. */
export function textTarget(draft: PromptDraft): TextTarget {
  switch (draft.place) {
    case Place.Value:
    case Place.Tools:
      return TextTarget.Value;
    case Place.Prompts:
      return beginPrompt(draft, Owner.Prompt);
    case Place.Parts:
      beginPart(draft);
      return TextTarget.Section;
    case Place.Message:
      if (draft.itemKey == ItemKey.Content) return TextTarget.Section;
      return draft.itemKey == ItemKey.Ignored ? TextTarget.None : TextTarget.Value;
    case Place.Part:
      if (draft.itemKey == ItemKey.Text) {
        draft.partHasText = true;
        return TextTarget.Section;
      }
      return draft.itemKey == ItemKey.Ignored ? TextTarget.None : TextTarget.Value;
    case Place.Top:
      return topTextTarget(draft);
    default:
      return TextTarget.None;
  }
}

/** Ends the section that the string was. In a message or part, that lies with their ends. */
export function endText(draft: PromptDraft): void {
  if (draft.place == Place.Prompts) return endPrompt(draft);
  if (draft.place != Place.Top) return;
  if (draft.topKey == TopKey.System) endSystem(draft);
  else if (draft.topKey == TopKey.Messages) endMessage(draft);
  else endPrompt(draft);
}

function topTextTarget(draft: PromptDraft): TextTarget {
  switch (draft.topKey) {
    case TopKey.Prompt:
      return beginPrompt(draft, Owner.Prompt);
    case TopKey.System:
      beginSystem(draft);
      return TextTarget.Section;
    case TopKey.Messages:
      if (draft.kind != RequestKind.Responses) return TextTarget.None;
      // A string as input is one message of the user.
      beginMessage(draft);
      setUser(draft);
      return TextTarget.Section;
    case TopKey.Model:
      draft.modelStart = draft.scanner.consumed - 1;
      draft.modelBytes = 0;
      return TextTarget.Name;
    default:
      return draft.topKey > TopKey.Model ? TextTarget.Value : TextTarget.None;
  }
}

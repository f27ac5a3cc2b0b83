// Turns what a scan of a request body tells into steps of the prompt's sections.
import { JsonHandler } from "./json-handler";
import { isNull, wholeNumber } from "./json-scalar";
import { PromptDraft } from "./prompt-draft";
import { ItemKey, TopKey, messageKey, partKey, topKey } from "./prompt-keys";
import * as messages from "./prompt-messages";
import { clearTop, setOption } from "./prompt-options";
import { Owner, Place, TextTarget } from "./prompt-places";
import * as sections from "./prompt-sections";
import { endText, textTarget } from "./prompt-texts";
import { beginValue, endValue, isMember, openTop, skip } from "./prompt-values";
import { keyHash } from "./structural-hash";

/** The key under which a content counts that is neither string, list nor null. */
const STRANGE_CONTENT: u64 = 0x21;

/** All its state is the PromptDraft at `ctx`. */
export class PromptHandler extends JsonHandler {
  open(ctx: usize, isObject: bool): void {
    const draft = changetype<PromptDraft>(ctx);
    switch (draft.place) {
      case Place.Value:
        draft.value.open(isObject);
        return;
      case Place.Skipped:
        return;
      case Place.Start:
        if (!isObject) break;
        draft.place = Place.Top;
        return;
      case Place.Top:
        if (openTop(draft, isObject)) return;
        break;
      case Place.Messages:
        if (!isObject) break;
        messages.beginMessage(draft);
        draft.place = Place.Message;
        return;
      case Place.Parts:
        if (!isObject) break;
        messages.beginPart(draft);
        draft.place = Place.Part;
        return;
      case Place.Message:
        if (draft.itemKey == ItemKey.Content && !isObject) {
          draft.place = Place.Parts;
          return;
        }
      case Place.Part:
        if (draft.itemKey == ItemKey.Ignored) break;
      case Place.Tools:
        beginValue(draft);
        draft.value.open(isObject);
        return;
      case Place.Prompts:
        if (isObject) break;
        sections.beginPrompt(draft, Owner.Tokens);
        draft.place = Place.Tokens;
        return;
      default:
        break;
    }
    skip(draft);
  }

  close(ctx: usize, isObject: bool): void {
    const draft = changetype<PromptDraft>(ctx);
    switch (draft.place) {
      case Place.Value:
        if (draft.value.close()) endValue(draft);
        return;
      case Place.Skipped:
        if (draft.scanner.depth == draft.depthAfter) draft.place = draft.placeAfter;
        return;
      case Place.Part:
        messages.endPart(draft);
        draft.place = Place.Parts;
        return;
      case Place.Message:
        messages.endMessage(draft);
        draft.place = Place.Messages;
        return;
      case Place.Tokens:
        sections.endPrompt(draft);
        draft.place = Place.Prompts;
        return;
      case Place.Parts:
        draft.place = draft.owner == Owner.System ? Place.Top : Place.Message;
        if (draft.owner == Owner.System) sections.endSystem(draft);
        return;
      case Place.Tools:
        sections.endTools(draft);
        break;
      case Place.Prompts:
        sections.endPrompt(draft);
        break;
      case Place.Top:
        draft.place = Place.End;
        return;
      default:
        break;
    }
    draft.place = Place.Top;
  }

  key(ctx: usize, p: usize, n: i32): void {
    const draft = changetype<PromptDraft>(ctx);
    switch (draft.place) {
      case Place.Value:
        draft.value.key(p, n);
        return;
      case Place.Top:
        draft.topKey = topKey(draft.kind, p, n);
        clearTop(draft);
        return;
      case Place.Message:
        draft.itemKey = messageKey(draft.kind, p, n);
        messages.clearMember(draft);
        break;
      case Place.Part:
        draft.itemKey = partKey(p, n);
        messages.clearPartMember(draft);
        break;
      default:
        return;
    }
    draft.itemKeyBytes = <u32>max(n, 0) + 3;
    draft.itemKeyHash = STRANGE_CONTENT;
    if (draft.itemKey != ItemKey.Other) return;
    draft.itemKeyHash = keyHash(draft.value, draft.k0, draft.k1, p, max(n, 0));
  }

  textBegin(ctx: usize): void {
    const draft = changetype<PromptDraft>(ctx);
    draft.textTarget = textTarget(draft);
    if (!isValue(draft.textTarget)) return;
    if (draft.place != Place.Value) beginValue(draft);
    draft.value.textBegin();
    draft.wordBytes = 0;
  }

  text(ctx: usize, p: usize, n: u32): void {
    const draft = changetype<PromptDraft>(ctx);
    switch (draft.textTarget) {
      case TextTarget.Section:
        draft.section.text(p, n);
        return;
      case TextTarget.Value:
        draft.value.text(p, n);
        draft.keepWord(p, n);
        return;
      case TextTarget.Name:
        draft.value.text(p, n);
        draft.keepName(p, n);
        return;
      case TextTarget.Count:
        draft.otherPromptsBytes += n;
        return;
      default:
        return;
    }
  }

  textEnd(ctx: usize): void {
    const draft = changetype<PromptDraft>(ctx);
    if (isValue(draft.textTarget)) {
      if (draft.value.textEnd()) endValue(draft);
    } else if (draft.textTarget == TextTarget.Section) endText(draft);
    draft.textTarget = TextTarget.None;
  }

  scalar(ctx: usize, p: usize, n: u32): void {
    const draft = changetype<PromptDraft>(ctx);
    switch (draft.place) {
      case Place.Value:
        if (draft.value.scalar(p, n)) endValue(draft);
        return;
      case Place.Prompts:
        if (draft.promptCount == 0) sections.beginPrompt(draft, Owner.Tokens);
        sections.addToken(draft, <u32>wholeNumber(p, n));
        return;
      case Place.Tokens:
        sections.addToken(draft, <u32>wholeNumber(p, n));
        return;
      case Place.Top:
        if (draft.topKey < TopKey.Model) return setOption(draft, p, n);
        break;
      case Place.Tools:
        break;
      case Place.Message:
      case Place.Part:
        if (isMember(draft.itemKey)) break;
        return;
      default:
        return;
    }
    // SDKs write null for what they leave out, and templates print neither.
    if (isNull(p, n)) return;
    beginValue(draft);
    if (draft.value.scalar(p, n)) endValue(draft);
  }
}

// @ts-ignore: decorator
@inline
function isValue(target: TextTarget): bool {
  return target == TextTarget.Value || target == TextTarget.Name;
}

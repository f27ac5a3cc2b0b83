// The memory of a prompt: its parts lie one behind the other and none reaches into the next.
import { CHECKPOINTS_MAX, CheckpointList } from "../../../filter/prefix/checkpoints";
import { JsonScanner } from "../../../filter/request/json-scanner";
import {
  MODEL_NAME_BYTES_MAX,
  PROMPT_STATE_BYTES,
  PromptDraft,
} from "../../../filter/request/prompt-draft";
import { RequestKind } from "../../../filter/request/prompt-keys";
import { STRUCTURAL_HASH_BYTES } from "../../../filter/request/structural-hash";
import { TextSection } from "../../../filter/request/text-section";
import { state } from "./prompt-cases";

const start = changetype<usize>(state);

/** Expects a part at or behind `from`, and returns where it ends. */
function part(from: usize, at: usize, bytes: usize): usize {
  expect(at >= from).toBe(true);
  return at + bytes;
}

/** Where the hashes of a list end when it is full. */
function full(list: CheckpointList): u32 {
  while (true) {
    const before = list.count;
    list.push(before, before + 1);
    if (list.count == before) return before;
  }
}

describe("the memory of a prompt", () => {
  test("holds its parts without overlap", () => {
    state.reset(RequestKind.Chat, 1, 2);
    let end = start + offsetof<PromptDraft>();
    end = part(end, changetype<usize>(state.scanner), offsetof<JsonScanner>());
    end = part(end, changetype<usize>(state.value), STRUCTURAL_HASH_BYTES);
    end = part(end, changetype<usize>(state.section), offsetof<TextSection>());
    end = part(end, changetype<usize>(state.sectionBefore), offsetof<TextSection>());
    end = part(end, changetype<usize>(state.tools), offsetof<CheckpointList>());
    end = part(end, changetype<usize>(state.system), offsetof<CheckpointList>());
    end = part(end, changetype<usize>(state.messages), offsetof<CheckpointList>());
    end = part(end, state.tools.hashes, 0);
    expect(end % 8).toBe(0);
  });

  test("holds all three lists when they are full", () => {
    state.reset(RequestKind.Chat, 1, 2);
    const tools: usize = full(state.tools);
    const system: usize = full(state.system);
    expect(full(state.messages)).toBe(CHECKPOINTS_MAX);
    expect(state.system.hashes).toBe(state.tools.hashes + 8 * tools);
    expect(state.messages.hashes).toBe(state.system.hashes + 8 * system);
    expect(state.tools.ends >= state.messages.hashes + 8 * <usize>CHECKPOINTS_MAX).toBe(true);
    expect(state.system.ends).toBe(state.tools.ends + 4 * tools);
    expect(state.messages.ends).toBe(state.system.ends + 4 * system);
    const end = state.messages.ends + 4 * <usize>CHECKPOINTS_MAX;
    expect(state.modelName).toBe(end);
    expect(end + MODEL_NAME_BYTES_MAX).toBe(start + PROMPT_STATE_BYTES);
  });

  test("keeps the first 16 bytes of a word, and its length", () => {
    const bytes = String.UTF8.encode("0123456789abcdefghij");
    const p = changetype<usize>(bytes);
    for (let cut: u32 = 0; cut <= 20; cut++) {
      state.wordBytes = 0;
      state.keepWord(p, cut);
      state.keepWord(p + cut, 20 - cut);
      expect(state.wordBytes).toBe(20);
      expect(String.UTF8.decodeUnsafe(state.word, 16)).toBe("0123456789abcdef");
    }
  });
});

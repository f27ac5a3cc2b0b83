// Request bodies of every API that the filter reads, made with chance along the APIs' own shapes.
import { ALIAS } from "./machine.js";
import type { Api } from "./reading.js";
import { below, pick, type Random, Speller, styleFrom } from "./spelling.js";

type Member = readonly [string, string];

export const APIS: readonly Api[] = [
  ...(["chat", "chat", "chat", "completions", "completions"] as const),
  ...(["responses", "responses", "messages", "messages", "generate", "embeddings"] as const),
];
const ROLES = ["user", "assistant", "system", "developer", "tool", "USER", ""];
const PART_TYPES = [
  ...["text", "text", "text", "input_text", "output_text", "image_url", "input_image"],
  ...["input_audio", "video", "file", "tool_result", "Text", "imag", "input_"],
];

/** One body, as a binary string. */
export function makeBody(random: Random, api: Api): string {
  return new BodyMaker(new Speller(random, styleFrom(random)), api).body();
}

class BodyMaker {
  private readonly random: Random;
  /** Mostly small: most faults need no long text. */
  private textBytes: number;

  constructor(
    private readonly spell: Speller,
    private readonly api: Api,
  ) {
    this.random = spell.random;
    const chance = this.random();
    this.textBytes = chance < 0.7 ? 40 : chance < 0.97 ? 400 : chance < 0.998 ? 5_000 : 100_000;
  }

  body(): string {
    const { random } = this;
    if (random() < 0.01) return this.spell.value();
    const members: Member[] = [this.model(), ...this.prompt()];
    for (let i = below(random, 4); i > 0; i--) members.push(this.option());
    // A repeated key: the last one counts.
    if (random() < 0.1) members.push(random() < 0.5 ? this.model() : pick(random, this.prompt()));
    if (random() < 0.1) members.splice(below(random, members.length), 1);
    if (random() < 0.3) members.reverse();
    if (random() < 0.2) members.sort(() => random() - 0.5);
    return this.spell.space() + this.spell.object(members) + this.spell.space();
  }

  private text(): string {
    return this.spell.text(below(this.random, 2 * this.textBytes));
  }

  private model(): Member {
    const { random, spell } = this;
    const key = spell.word("model");
    const chance = random();
    if (chance < 0.1) return [key, spell.word(ALIAS)];
    if (chance < 0.8) return [key, spell.word(pick(random, ["m", "org/model-7b", "qwen", ""]))];
    if (chance < 0.95) return [key, spell.text(below(random, 400))];
    return [key, spell.value()];
  }

  private prompt(): Member[] {
    const { spell } = this;
    const named = (name: string, value: string): Member => [spell.word(name), value];
    switch (this.api) {
      case "chat":
        return [named("messages", this.messages()), ...this.tools()];
      case "messages":
        return [named("messages", this.messages()), ...this.tools(), ...this.system("system")];
      case "responses":
        return [named("input", this.input()), ...this.tools(), ...this.system("instructions")];
      case "embeddings":
        return [named("input", this.plain())];
      default:
        return [named("prompt", this.plain())];
    }
  }

  private messages(): string {
    const { random, spell } = this;
    const chance = random();
    if (chance < 0.02) return spell.value();
    // Many short messages, as a chat that has run for long.
    const isLong = chance < 0.025;
    if (isLong) this.textBytes = Math.min(this.textBytes, 400);
    const count = isLong ? 200 + below(random, 500) : 1 + below(random, 5);
    return spell.list(
      Array.from({ length: count }, () => (random() < 0.01 ? spell.value() : this.message())),
    );
  }

  private message(): string {
    const { random, spell } = this;
    const members: Member[] = [[spell.word("role"), spell.word(pick(random, ROLES))]];
    members.push([spell.word("content"), this.content()]);
    const chance = random();
    if (chance < 0.08) members.push([spell.word("tool_calls"), spell.value()]);
    else if (chance < 0.12) members.push([spell.word("name"), this.spell.text(6)]);
    else if (chance < 0.16) members.push([spell.word("type"), this.itemType()]);
    else if (chance < 0.2) members.push([spell.anyKey(), spell.value()]);
    else if (chance < 0.23) members.push([spell.word("content"), this.content()]);
    else if (chance < 0.26) members.push([spell.word("role"), spell.value(1)]);
    else if (chance < 0.3) members.push([spell.word(pick(random, ["id", "status"])), '"x"']);
    if (random() < 0.2) members.reverse();
    return spell.object(members);
  }

  private itemType(): string {
    const { random, spell } = this;
    return random() < 0.8
      ? spell.word(pick(random, ["message", "reasoning", "function_call"]))
      : spell.value(1);
  }

  private content(): string {
    const { random, spell } = this;
    const chance = random();
    if (chance < 0.65) return this.text();
    if (chance < 0.72) return spell.value();
    return spell.list(Array.from({ length: below(random, 4) }, () => this.part()));
  }

  private part(): string {
    const { random, spell } = this;
    if (random() < 0.08) return spell.value();
    const members: Member[] = [];
    if (random() < 0.9) members.push([spell.word("type"), spell.word(pick(random, PART_TYPES))]);
    if (random() < 0.8) members.push([spell.word("text"), this.text()]);
    const chance = random();
    if (chance < 0.1) members.push([spell.word("image_url"), spell.value()]);
    else if (chance < 0.15) members.push([spell.word("cache_control"), spell.value()]);
    else if (chance < 0.19) members.push([spell.word("text"), spell.value(1)]);
    else if (chance < 0.22) members.push([spell.word("type"), spell.value(1)]);
    if (random() < 0.2) members.reverse();
    return spell.object(members);
  }

  private tools(): Member[] {
    const { random, spell } = this;
    if (random() > 0.2) return [];
    const count = random() < 0.05 ? 150 : below(random, 4);
    const tools = Array.from({ length: count }, () => spell.value());
    return [[spell.word("tools"), random() < 0.95 ? spell.list(tools) : spell.value()]];
  }

  private system(name: string): Member[] {
    return this.random() < 0.5 ? [[this.spell.word(name), this.content()]] : [];
  }

  private input(): string {
    return this.random() < 0.4 ? this.text() : this.messages();
  }

  /** A prompt, several, or token ids. */
  private plain(): string {
    const { random, spell } = this;
    const chance = random();
    if (chance < 0.6) return this.text();
    if (chance < 0.65) return spell.value();
    const ids = (): string =>
      spell.list(Array.from({ length: below(random, 100) }, () => String(below(random, 100_000))));
    if (chance < 0.75) return ids();
    return spell.list(
      Array.from({ length: below(random, 5) }, () => {
        const kind = random();
        if (kind < 0.6) return this.text();
        return kind < 0.8 ? ids() : kind < 0.95 ? spell.number() : spell.value();
      }),
    );
  }

  private option(): Member {
    const { random, spell } = this;
    const name = pick(random, [
      ...["stream", "max_tokens", "max_completion_tokens", "max_output_tokens", "temperature"],
      ...["cache_salt", "chat_template", "chat_template_kwargs", "documents", "user"],
      ...["prompt_cache_key", "stop", "logit_bias", "stream_options", "response_format"],
    ]);
    const chance = random();
    if (chance < 0.3) return [spell.word(name), pick(random, ["true", "false", "null"])];
    if (chance < 0.6) return [spell.word(name), spell.number()];
    if (chance < 0.9) return [spell.word(name), spell.value()];
    return [spell.anyKey(), spell.value()];
  }
}

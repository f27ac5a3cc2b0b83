// Answers of pods in all dialects, with what they say of tokens known: to compare, or to damage.
import { below, pick, type Random, Speller } from "./spelling.js";
import type { Api } from "./reading.js";

export interface Answer {
  isEvents: boolean;
  /** Binary. */
  body: string;
  /** What is charged for it: tokens as said, else events; 0: nothing. */
  tokens: number;
}

/** What poses as a count of tokens, where none may stand. */
const DECOY = '{"usage":{"completion_tokens":777,"prompt_tokens":3}}';

export function makeAnswer(random: Random, api: Api): Answer {
  return new AnswerMaker(random, api).answer();
}

class AnswerMaker {
  private readonly spell: Speller;
  private readonly said: number | null;

  constructor(
    private readonly random: Random,
    private readonly api: Api,
  ) {
    this.spell = new Speller(random, { escapes: 0.1, raw: 0, spaces: random() < 0.3 });
    this.said = random() < 0.8 ? 1 + below(random, 5000) : null;
  }

  answer(): Answer {
    if (this.random() < 0.4) {
      return { isEvents: false, body: this.whole(), tokens: this.said ?? 0 };
    }
    const events = this.events();
    // Anthropic's start always says how many there are so far.
    const unsaid = this.api === "messages" ? 1 : events.length;
    return { isEvents: true, body: this.written(events), tokens: this.said ?? unsaid };
  }

  private object(members: readonly (readonly [string, string])[]): string {
    return this.spell.object(members.map(([key, value]) => [this.spell.word(key), value] as const));
  }

  private whole(): string {
    const { said, api } = this;
    const choice = this.object([["message", this.text()]]);
    const members: (readonly [string, string])[] = [
      ["id", '"c-1"'],
      ["choices", this.spell.list([choice])],
      ["nested", this.spell.list([DECOY])],
      ["extra", DECOY],
    ];
    if (said !== null) {
      const usage = api === "responses" || api === "messages" ? this.anthropic() : this.openai();
      members.push(["usage", usage]);
    }
    if (this.random() < 0.3) members.reverse();
    return this.object(members);
  }

  /** Model's text, now and then of words that look like figures. */
  private text(): string {
    const { random, spell } = this;
    return random() < 0.2 ? JSON.stringify(DECOY) : spell.text(below(random, 60));
  }

  private openai(): string {
    const { random, said } = this;
    const members: (readonly [string, string])[] = [
      ["prompt_tokens", String(below(random, 5000))],
      ["completion_tokens", String(said)],
      ["total_tokens", "99999"],
      ["prompt_tokens_details", random() < 0.5 ? "null" : '{"cached_tokens":0,"audio_tokens":9}'],
      ["completion_tokens_details", '{"reasoning_tokens":5,"completion_tokens":888}'],
    ];
    if (random() < 0.3) members.reverse();
    return this.object(members);
  }

  private anthropic(): string {
    const input = String(below(this.random, 5000));
    return this.object([
      ["input_tokens", input],
      ["output_tokens", String(this.said)],
    ]);
  }

  private events(): string[] {
    const { random, said, api } = this;
    const events: string[] = [];
    if (api === "messages") {
      events.push(
        '{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}',
      );
      for (let i = below(random, 5); i > 0; i--) events.push(this.object([["delta", this.text()]]));
      events.push(`{"type":"message_delta","usage":{"output_tokens":${said ?? 1}}}`);
      return events;
    }
    for (let i = 1 + below(random, 6); i > 0; i--) {
      events.push(
        this.object([
          ["choices", this.text()],
          ["usage", "null"],
        ]),
      );
    }
    if (said === null) return events;
    if (api === "responses") {
      const inner = this.object([
        ["id", '"r"'],
        ["usage", this.anthropic()],
      ]);
      events.push(
        this.object([
          ["type", '"response.completed"'],
          ["response", inner],
        ]),
      );
    } else
      events.push(
        this.object([
          ["choices", "[]"],
          ["usage", this.openai()],
        ]),
      );
    return events;
  }

  /** Server-sent events in all the ways in which they may be written. */
  private written(events: readonly string[]): string {
    const { random } = this;
    const end = pick(random, ["\n", "\n", "\n", "\r\n", "\r"]);
    const space = random() < 0.8 ? " " : "";
    let body = random() < 0.1 ? `: a comment${end}${end}` : "";
    for (const event of events) {
      if (random() < 0.2) body += `event: chunk${end}`;
      if (random() < 0.1) body += `id: 7${end}data-x: 1${end}`;
      // A line end between two tokens is white space, and each line has its own name.
      const lines = event.split(/\r\n|[\r\n]/);
      body += `${lines.map((line) => `data:${space}${line}`).join(end)}${end}${end}`;
    }
    return body + (random() < 0.9 ? `data:${space}[DONE]${end}${end}` : "");
  }
}

// One API request on a pod: from its plan to the last byte of the answer.
import type { ServerResponse } from "node:http";
import type { Sequence } from "../engine/sequence.js";
import { planAnswers, type PlannedAnswer } from "./answer-plan.js";
import { openAnswer, type AnswerWriter } from "./answer-writer.js";
import type { EngineDriver } from "./engine-driver.js";
import type { PodOptions } from "./pod-options.js";
import type { ApiRequest } from "./request.js";
import type { RequestFacts } from "./vllm-histograms.js";
import { AnswerWire, DONE_EVENT, type Usage } from "./wire.js";

/** One answer of a request that may ask for several; the engine's sequences belong to these. */
export interface Choice extends PlannedAnswer {
  generation: Generation;
  facts: RequestFacts;
  index: number;
  sequence: Sequence<Choice> | null;
}

export class Generation {
  private readonly choices: Choice[];
  private readonly promptTokens: number;
  private readonly wire: AnswerWire;
  private writer: AnswerWriter | null = null;
  private unfinished: number;
  private tokensMade = 0;
  /** Everything is written, or the connection is gone. */
  private hasEnded = false;

  /** Throws an ApiError when the pod cannot answer such a request. */
  constructor(
    private readonly request: ApiRequest,
    private readonly options: PodOptions,
    private readonly driver: EngineDriver<Choice>,
  ) {
    const { kind, choices, maxTokens } = request;
    const { engine } = driver;
    const { blockTokens, scheduler } = engine.options;
    const plan = planAnswers(request, options, blockTokens, engine.sequenceTokensMax);
    const facts = { adapter: plan.adapter, choices, maxTokens };
    this.promptTokens = plan.promptTokens;
    this.choices = plan.answers.map((planned, index) => {
      return { ...planned, generation: this, facts, index, sequence: null };
    });
    this.unfinished = this.choices.length;
    const id = `${kind === "chat" ? "chatcmpl" : "cmpl"}-${options.newId()}`;
    const created = Math.floor(options.clock.unixSeconds());
    this.wire = new AnswerWire(kind, scheduler, id, created, request.model ?? options.model);
  }

  start(response: ServerResponse, acceptsGzip: boolean): void {
    const isGzip = acceptsGzip && this.options.gzip;
    this.writer = openAnswer(response, this.request.isStream, isGzip);
    for (const choice of this.choices) {
      choice.sequence = this.driver.submit({
        id: String(choice.index),
        promptTokens: choice.promptTokens,
        outputTokens: choice.answer.texts.length,
        blockHashes: choice.answer.blockHashes,
        owner: choice,
      });
    }
  }

  /** The connection is gone: the engine drops what is not finished; returns how many answers. */
  abort(): number {
    this.hasEnded = true;
    let aborted = 0;
    for (const { sequence } of this.choices) {
      if (!sequence || sequence.state === "finished") continue;
      this.driver.cancel(sequence);
      aborted++;
    }
    return aborted;
  }

  /** A token of one of the choices exists. */
  onToken(choice: Choice, sequence: Sequence<Choice>): void {
    if (this.hasEnded || !this.writer) return;
    if (this.options.fault.resetAfterTokens === this.tokensMade++) {
      this.hasEnded = true;
      return this.writer.cut(); // The closed connection aborts the rest, as if the client had gone.
    }
    const isLast = sequence.state === "finished";
    if (isLast) this.unfinished--;
    const { isStream } = this.request;
    const text = isStream ? this.tokenText(choice, sequence, isLast) : "";
    if (this.unfinished > 0) {
      if (isStream) this.writer.write(text);
      return;
    }
    this.hasEnded = true;
    this.writer.end(isStream ? text + this.streamEnd() : this.body());
  }

  private tokenText(choice: Choice, sequence: Sequence<Choice>, isLast: boolean): string {
    const { index, answer } = choice;
    const at = sequence.generatedTokens;
    const isFirst = this.request.kind === "chat" && at === 1;
    const role = isFirst ? this.wire.roleEvent(index, this.usageSoFar(0)) : "";
    const finish = isLast ? choice.finishReason : null;
    const text = answer.texts[at - 1] ?? "";
    return role + this.wire.tokenEvent(index, text, finish, this.usageSoFar(at));
  }

  private usageSoFar(completionTokens: number): Usage | null {
    if (!this.request.continuousUsage || this.options.usage === "never") return null;
    return { promptTokens: this.promptTokens, completionTokens, cachedTokens: null };
  }

  private streamEnd(): string {
    const { usage } = this.options;
    const isWanted = usage === "always" || (usage === "asked" && this.request.includeUsage);
    return (isWanted ? this.wire.usageEvent(this.usage()) : "") + DONE_EVENT;
  }

  private body(): string {
    const choices = this.choices.map(({ index, answer, finishReason }) => ({
      index,
      text: answer.texts.join(""),
      finishReason,
    }));
    return this.wire.body(choices, this.options.usage === "never" ? null : this.usage());
  }

  private usage(): Usage {
    let completionTokens = 0;
    for (const { answer } of this.choices) completionTokens += answer.texts.length;
    // vLLM tells no details at all where nothing was cached, so absent is not zero.
    const cached = this.choices[0]?.sequence?.cachedTokens ?? 0;
    const isTold = this.options.promptTokensDetails && cached > 0;
    const cachedTokens = isTold ? cached : null;
    return { promptTokens: this.promptTokens, completionTokens, cachedTokens };
  }
}

// Decides before the engine runs what the answers to a request will be, or why there are none.
import type { PodOptions } from "./pod-options.js";
import { Prompt, saltOf, type Answer } from "./prompt.js";
import { ApiError, type ApiRequest } from "./request.js";
import type { FinishReason } from "./wire.js";

export interface PlannedAnswer {
  promptTokens: number;
  answer: Answer;
  finishReason: FinishReason;
}

export interface AnswerPlan {
  /** The LoRA adapter asked for; null: the model itself. */
  adapter: string | null;
  /** Of all prompts, each counted once. */
  promptTokens: number;
  answers: PlannedAnswer[];
}

/** Throws an ApiError for a model that is not served or a prompt that is too long. */
export function planAnswers(
  request: ApiRequest,
  options: PodOptions,
  blockTokens: number,
  contextTokens: number,
): AnswerPlan {
  const adapter = adapterOf(request.model, options);
  const salt = saltOf(adapter, request.cacheSalt);
  const plan: AnswerPlan = { adapter, promptTokens: 0, answers: [] };
  for (const prompt of promptsOf(request, blockTokens, salt)) {
    refuseTooLong(prompt.tokenCount, request.maxTokens, contextTokens);
    plan.promptTokens += prompt.tokenCount;
    for (let choice = 0; choice < request.choices; choice++) {
      plan.answers.push(planOne(prompt, choice, request.maxTokens, options, contextTokens));
    }
  }
  return plan;
}

function adapterOf(model: string | null, options: PodOptions): string | null {
  if (model === null || model === options.model) return null;
  if (options.otherNames.includes(model)) return null;
  if (options.adapters.includes(model)) return model;
  const message = `The model \`${model}\` does not exist.`;
  throw new ApiError(404, "NotFoundError", message, "model");
}

function promptsOf(request: ApiRequest, blockTokens: number, salt: number): Prompt[] {
  if (request.kind === "chat") {
    const prompt = new Prompt(blockTokens, salt);
    prompt.chat(request.messages, request.tools);
    return [prompt];
  }
  return request.prompts.map((given) => {
    const prompt = new Prompt(blockTokens, salt);
    if (typeof given === "string") prompt.text(given);
    else for (const token of given) prompt.token(token);
    return prompt;
  });
}

function refuseTooLong(promptTokens: number, maxTokens: number | null, context: number): void {
  if (promptTokens === 0) throw badRequest("The decoder prompt cannot be empty");
  const limit = `This model's maximum context length is ${context} tokens`;
  if (promptTokens >= context) {
    throw badRequest(
      `${limit}. However, your request has ${promptTokens} input tokens. ` +
        "Please reduce the length of the input messages.",
    );
  }
  if (maxTokens !== null && promptTokens + maxTokens > context) {
    throw badRequest(
      `'max_tokens' or 'max_completion_tokens' is too large: ${maxTokens}. ${limit} and ` +
        `your request has ${promptTokens} input tokens ` +
        `(${maxTokens} > ${context} - ${promptTokens}).`,
    );
  }
}

/** An answer has `max_tokens` tokens; without a limit the prompt itself decides on a length. */
function planOne(
  prompt: Prompt,
  choice: number,
  maxTokens: number | null,
  options: PodOptions,
  contextTokens: number,
): PlannedAnswer {
  const { outputTokensMin, outputTokensMax } = options;
  const spread = outputTokensMax - outputTokensMin + 1;
  const wished = outputTokensMin + (((prompt.digest >>> 0) + choice) % spread);
  const room = contextTokens - prompt.tokenCount;
  const stopsItself = maxTokens === null && wished <= room;
  return {
    promptTokens: prompt.tokenCount,
    answer: prompt.answer(maxTokens ?? Math.min(wished, room), stopsItself, choice),
    finishReason: stopsItself ? "stop" : "length",
  };
}

function badRequest(message: string): ApiError {
  return new ApiError(400, "BadRequestError", message);
}

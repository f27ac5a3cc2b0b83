// Picks the usage figures of the OpenAI and Anthropic dialects out of one JSON document.
import { JsonHandler, JsonScanner } from "../request/json-scanner";
import { wholeNumber } from "../request/json-scalar";
import { isWord } from "../request/prompt-keys";

/** Keys that matter; what else a document holds, model's text included, cannot pose as one. */
const enum UsageKey {
  None = 0,
  /** The object with the figures. */
  Usage,
  /** What may hold it at top level: "response" (Responses), "message" (Anthropic). */
  Wrapper,
  /** The object with the cached tokens. */
  Details,
  Prompt,
  Output,
  Cached,
  CacheRead,
  CacheCreation,
}

/** The figures, and where in a document the scan is. Each figure is -1 while unknown. */
@unmanaged
export class UsageFigures {
  /** Tokens of the prompt, cached ones included. */
  promptTokens: i32;
  /** Tokens of the prompt that the engine found in its cache. */
  cachedTokens: i32;
  outputTokens: i32;
  /** Anthropic's input_tokens and cache_creation_input_tokens lie beside the cached ones. */
  private inputTokens: i32;
  private cacheReadTokens: i32;
  private cacheCreationTokens: i32;

  private key: UsageKey;
  /** Depth at which the members of the object lie; 0 while it is not open. */
  private wrapperDepth: u32;
  private usageDepth: u32;
  private detailsDepth: u32;

  /** Makes all figures unknown. */
  protected clearFigures(): void {
    this.promptTokens = -1;
    this.cachedTokens = -1;
    this.outputTokens = -1;
    this.inputTokens = -1;
    this.cacheReadTokens = -1;
    this.cacheCreationTokens = -1;
  }

  /** Prepares for a document; figures of earlier ones stay until it replaces them. */
  protected beginDocument(): void {
    this.scanner.reset();
    this.key = UsageKey.None;
    this.wrapperDepth = 0;
    this.usageDepth = 0;
    this.detailsDepth = 0;
  }

  @inline get scanner(): JsonScanner {
    return changetype<JsonScanner>(changetype<usize>(this) + USAGE_SCANNER_AT);
  }

  open(isObject: bool): void {
    const depth = this.scanner.depth;
    const key = this.key;
    this.key = UsageKey.None;
    if (!isObject) return;
    if (key == UsageKey.Wrapper) this.wrapperDepth = depth;
    else if (key == UsageKey.Usage) this.usageDepth = depth;
    else if (key == UsageKey.Details) this.detailsDepth = depth;
  }

  close(): void {
    const depth = this.scanner.depth;
    this.key = UsageKey.None;
    if (depth < this.wrapperDepth) this.wrapperDepth = 0;
    if (depth < this.usageDepth) this.usageDepth = 0;
    if (depth < this.detailsDepth) this.detailsDepth = 0;
  }

  setKey(p: usize, n: i32): void {
    const depth = this.scanner.depth;
    if (depth == this.usageDepth) this.key = figureKey(p, n);
    else if (depth == this.detailsDepth) this.key = detailKey(p, n);
    else if (depth == 1) this.key = topKey(p, n);
    else if (depth == this.wrapperDepth && isWord(p, n, "usage")) this.key = UsageKey.Usage;
    else this.key = UsageKey.None;
  }

  endText(): void {
    this.key = UsageKey.None;
  }

  /** Takes a figure; null, a fraction or a number beyond all reason leave it as it was. */
  scalar(p: usize, n: u32): void {
    const key = this.key;
    this.key = UsageKey.None;
    if (key < UsageKey.Prompt) return;
    const value = wholeNumber(p, n);
    if (value < 0 || value > FIGURE_MAX) return;
    const tokens = <i32>value;
    if (key == UsageKey.Output) this.outputTokens = tokens;
    else if (key == UsageKey.Cached) this.cachedTokens = tokens;
    else if (key == UsageKey.Prompt) this.inputTokens = tokens;
    else if (key == UsageKey.CacheCreation) this.cacheCreationTokens = tokens;
    else {
      this.cacheReadTokens = tokens;
      this.cachedTokens = tokens;
    }
    if (this.inputTokens < 0) return;
    this.promptTokens =
      this.inputTokens + max(this.cacheReadTokens, 0) + max(this.cacheCreationTokens, 0);
  }
}

/** Beyond any context, and the sum of three stays an i32. */
const FIGURE_MAX: i64 = 500_000_000;
/** Where the scanner of a UsageState lies: behind all its fields, which UsageState checks. */
export const USAGE_SCANNER_AT: usize = 96;

/** Tells UsageFigures what the scan of a document meets. */
export class UsageHandler extends JsonHandler {
  open(ctx: usize, isObject: bool): void {
    changetype<UsageFigures>(ctx).open(isObject);
  }
  close(ctx: usize, isObject: bool): void {
    changetype<UsageFigures>(ctx).close();
  }
  key(ctx: usize, p: usize, n: i32): void {
    changetype<UsageFigures>(ctx).setKey(p, n);
  }
  textBegin(ctx: usize): void {}
  text(ctx: usize, p: usize, n: u32): void {}
  textEnd(ctx: usize): void {
    changetype<UsageFigures>(ctx).endText();
  }
  scalar(ctx: usize, p: usize, n: u32): void {
    changetype<UsageFigures>(ctx).scalar(p, n);
  }
}

function topKey(p: usize, n: i32): UsageKey {
  if (isWord(p, n, "usage")) return UsageKey.Usage;
  return isWord(p, n, "response") || isWord(p, n, "message") ? UsageKey.Wrapper : UsageKey.None;
}

function figureKey(p: usize, n: i32): UsageKey {
  if (isWord(p, n, "prompt_tokens") || isWord(p, n, "input_tokens")) return UsageKey.Prompt;
  if (isWord(p, n, "completion_tokens") || isWord(p, n, "output_tokens")) return UsageKey.Output;
  if (isWord(p, n, "prompt_tokens_details")) return UsageKey.Details;
  if (isWord(p, n, "input_tokens_details")) return UsageKey.Details;
  if (isWord(p, n, "cache_read_input_tokens")) return UsageKey.CacheRead;
  return isWord(p, n, "cache_creation_input_tokens") ? UsageKey.CacheCreation : UsageKey.None;
}

function detailKey(p: usize, n: i32): UsageKey {
  return isWord(p, n, "cached_tokens") ? UsageKey.Cached : UsageKey.None;
}

// Rates learned from what the pods answer. Each starts at its configured value and is a ratio of
// fading sums, so that a wrong start or an odd answer loses its weight and nothing divides by 0.
import { Config } from "../config";
import { Endpoint } from "./endpoint";

/** Tokens of evidence that weigh as much as what is believed before them. */
const PRIOR_TOKENS: f64 = 20000;
/**
 * The same for one pod against the pool. Prompts that another VM has just sent there lengthen a
 * first byte and are not seen: a pod that a few such samples slander is picked no more, and with
 * too little before them could never show that it is as fast as the others.
 */
const POD_PRIOR_TOKENS: f64 = 200000;
/** What a sum keeps with each sample: half after 69, so that a pod that changed is seen again. */
const FADE: f64 = 0.99;
/** Samples shorter than this say more about the step than about prefill. */
const PREFILL_TOKENS_MIN: f64 = 512;
/** Learned values stay within this factor of the configured one. */
const RANGE: f64 = 50;
/** What sums of delays keep with each first token: half after 23, as a queue changes in seconds. */
const DELAY_FADE: f64 = 0.97;
/** Seconds on both sides that say the predictions are right: short waits say little against it. */
const DELAY_PRIOR_SECONDS: f64 = 5;
const DELAY_FACTOR_MAX: f64 = 8;
/** Beyond the factor a first token counts as late by no more than this. */
const DELAY_SLACK_SECONDS: f64 = 1;
/** Weight of one answer in a running mean. */
const MEAN_WEIGHT: f64 = 0.02;

/** One pool's learned rates. Times in seconds. */
export class Rates {
  bytesPerToken: f64 = 4;
  prefillSecondsPerToken: f64 = 62e-6;
  outputTokens: f64 = 300;
  promptTokens: f64 = 1000;
  secondsPerOutputToken: f64 = 0.012;
  /** First tokens came after so many times the seconds that were predicted, of late. */
  delayFactor: f64 = 1;
  private delaySeconds: f64 = 0;
  private predictedSeconds: f64 = 0;
  private bytes: f64 = 0;
  private byteTokens: f64 = 0;
  private prefillSeconds: f64 = 0;
  private prefillTokens: f64 = 0;
  private hasPromptTokens: bool = false;
  private hasOutputTokens: bool = false;
  private hasDecode: bool = false;
  private bytesPerTokenStart: f64 = 4;
  private prefillStart: f64 = 62e-6;

  /** Starts from the configured values; what was learned under another configuration stays. */
  configure(config: Config): void {
    this.bytesPerTokenStart = config.bytesPerToken;
    this.prefillStart = config.prefillUsPerToken * 1e-6;
    if (this.byteTokens == 0) this.bytesPerToken = config.bytesPerToken;
    if (this.prefillTokens == 0) this.prefillSecondsPerToken = this.prefillStart;
    if (!this.hasOutputTokens) this.outputTokens = <f64>config.outputTokens;
    if (!this.hasDecode) this.secondsPerOutputToken = config.tpotMs * 1e-3;
  }

  /** A prompt of `bytes` decoded bytes had `tokens` tokens, by the pod's own word. */
  learnBytes(bytes: f64, tokens: f64): void {
    if (bytes < 64 || tokens < 16) return;
    this.bytes = this.bytes * FADE + bytes;
    this.byteTokens = this.byteTokens * FADE + tokens;
    const prior: f64 = 2000;
    const ratio = (this.bytes + prior * this.bytesPerTokenStart) / (this.byteTokens + prior);
    this.bytesPerToken = Math.min(Math.max(ratio, 0.5), 16);
  }

  /** Every prompt that was routed, for the mean of those that wait unseen. */
  learnPrompt(tokens: f64): void {
    const weight = this.hasPromptTokens ? MEAN_WEIGHT : 1;
    this.hasPromptTokens = true;
    this.promptTokens += (tokens - this.promptTokens) * weight;
  }

  learnOutput(tokens: f64): void {
    this.hasOutputTokens = true;
    this.outputTokens += (Math.min(tokens, 1e6) - this.outputTokens) * MEAN_WEIGHT;
  }

  /** One streamed answer: `seconds` from its first to its last of `tokens` tokens. */
  learnDecode(seconds: f64, tokens: f64): void {
    if (tokens < 8 || !(seconds > 0)) return;
    this.hasDecode = true;
    const sample = Math.min(Math.max(seconds / (tokens - 1), 1e-4), 10);
    this.secondsPerOutputToken += (sample - this.secondsPerOutputToken) * MEAN_WEIGHT;
  }

  /**
   * A first token came after `seconds`. What the engine does with a full cache is beyond any model:
   * with shared prompts it takes two to three times as long as predicted.
   */
  learnDelay(predicted: f64, seconds: f64): void {
    // False for NaN and for infinity, too: neither must ever enter a sum.
    if (!(predicted >= 0 && predicted <= 1e6 && seconds >= 0 && seconds <= 1e6)) return;
    this.predictedSeconds = this.predictedSeconds * DELAY_FADE + predicted;
    // What hung is no sign of how predictions do.
    const bounded = Math.min(seconds, predicted * DELAY_FACTOR_MAX + DELAY_SLACK_SECONDS);
    this.delaySeconds = this.delaySeconds * DELAY_FADE + bounded;
    const factor =
      (this.delaySeconds + DELAY_PRIOR_SECONDS) / (this.predictedSeconds + DELAY_PRIOR_SECONDS);
    this.delayFactor = Math.min(Math.max(factor, 1 / DELAY_FACTOR_MAX), DELAY_FACTOR_MAX);
  }

  /** A first byte came after `seconds`, for `tokens` of prefill of its own and ahead of it. */
  learnPrefill(endpoint: Endpoint, seconds: f64, tokens: f64): void {
    if (tokens < PREFILL_TOKENS_MIN) return;
    // One step of decode is part of each first byte.
    const rest = Math.max(seconds - this.secondsPerOutputToken, 0);
    const start = this.prefillStart;
    const bounded = Math.min(Math.max(rest, (tokens * start) / RANGE), tokens * start * RANGE);
    this.prefillSeconds = this.prefillSeconds * FADE + bounded;
    this.prefillTokens = this.prefillTokens * FADE + tokens;
    this.prefillSecondsPerToken =
      (this.prefillSeconds + PRIOR_TOKENS * start) / (this.prefillTokens + PRIOR_TOKENS);
    endpoint.prefillSeconds = endpoint.prefillSeconds * FADE + bounded;
    endpoint.prefillTokens = endpoint.prefillTokens * FADE + tokens;
  }

  /** Seconds of prefill per token on one pod: its own evidence, shrunk to the pool's. */
  // @ts-ignore: decorator
  @inline
  prefillOf(endpoint: Endpoint): f64 {
    return (
      (endpoint.prefillSeconds + POD_PRIOR_TOKENS * this.prefillSecondsPerToken) /
      (endpoint.prefillTokens + POD_PRIOR_TOKENS)
    );
  }
}

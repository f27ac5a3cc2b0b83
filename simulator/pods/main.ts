// Starts simulated vLLM pods from the command line: one, or several on consecutive ports.
import { randomUUID } from "node:crypto";
import { Command, InvalidArgumentError, Option } from "commander";
import type { EngineConfig } from "../engine/options.js";
import { profile, PROFILE_DEFAULT, PROFILES } from "../engine/profiles.js";
import { startPod, type Pod } from "./pod.js";
import type { Fault, PodOptions } from "./pod-options.js";

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("not a number");
  return value;
}

function list(text: string, before: string[]): string[] {
  return [...before, text];
}

const command = new Command("pods")
  .description("Simulated vLLM pods: OpenAI API, /metrics, KV and prefix cache, in real time")
  .option("--host <address>", "address to listen on", "127.0.0.1")
  .option("--port <port>", "first port", number, 8000)
  .option("--count <n>", "pods, on consecutive ports", number, 1)
  .option("--name <name>", "sent as x-pod; with --count, NAME-0, NAME-1, ...", "pod")
  .option("--profile <name>", `engine: ${Object.keys(PROFILES).join(", ")}`, PROFILE_DEFAULT)
  .option("--model <name>", "served model", "demo")
  .option("--other-name <name>", "further name of the model, may be repeated", list, [])
  .option("--adapter <name>", "LoRA adapter, may be repeated", list, [])
  .option("--max-loras <n>", "adapters that fit at once, as told on /metrics", number)
  .option("--kv-tokens <n>", "KV cache in tokens", number)
  .option("--block-size <n>", "tokens in a KV block", number)
  .option("--max-num-seqs <n>", "sequences running at once", number)
  .option("--max-num-batched-tokens <n>", "tokens in a step", number)
  .option("--max-model-len <n>", "tokens of prompt and answer", number)
  .option("--enable-prefix-caching", "turn the prefix cache on")
  .option("--no-enable-prefix-caching", "turn the prefix cache off")
  .option("--step-ms <ms>", "cost of a decoding step", number)
  .option("--prefill-step-ms <ms>", "V0: cost of a prefill step", number)
  .option("--prefill-us-per-token <us>", "cost of a prompt token", number)
  .option("--sequence-us <us>", "cost of a running sequence in a step", number)
  .option("--kv-token-ns <ns>", "cost of a KV token read in a step", number)
  .option("--prompt-tokens-details", "tell cached tokens in usage", false)
  .addOption(
    new Option("--usage <when>", "when to send usage")
      .choices(["never", "asked", "always"])
      .default("asked"),
  )
  .option("--gzip", "compress answers for clients that accept it", false)
  .option("--output-tokens-min <n>", "shortest answer without max_tokens", number)
  .option("--output-tokens-max <n>", "longest answer without max_tokens", number)
  .option("--status <code>", "answer every request with this status", number)
  .option("--hang", "never answer a request", false);

type Flags = Record<string, string | number | boolean | string[] | undefined>;

function engineOf(flags: Flags): EngineConfig {
  const config = profile(flags["profile"] as string);
  const timing = { ...config.timing };
  const set = (key: keyof typeof timing, flag: string, unitMs: number): void => {
    if (flags[flag] !== undefined) timing[key] = (flags[flag] as number) * unitMs;
  };
  set("stepMs", "stepMs", 1);
  set("prefillStepMs", "prefillStepMs", 1);
  set("prefillTokenMs", "prefillUsPerToken", 1e-3);
  set("sequenceMs", "sequenceUs", 1e-3);
  set("kvTokenMs", "kvTokenNs", 1e-6);
  const overrides: Partial<Record<keyof EngineConfig, unknown>> = {
    kvTokens: flags["kvTokens"],
    blockTokens: flags["blockSize"],
    maxRunning: flags["maxNumSeqs"],
    maxStepTokens: flags["maxNumBatchedTokens"],
    maxSequenceTokens: flags["maxModelLen"],
    prefixCaching: flags["enablePrefixCaching"],
  };
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return { ...config, ...Object.fromEntries(given), timing };
}

async function main(): Promise<void> {
  const flags = command.parse().opts<Flags>();
  const count = flags["count"] as number;
  const fault: Fault = {};
  if (flags["status"] !== undefined) fault.status = flags["status"] as number;
  if (flags["hang"]) fault.hang = true;
  const pods: Pod[] = [];
  for (let i = 0; i < count; i++) {
    const options: Partial<PodOptions> = {
      host: flags["host"] as string,
      port: (flags["port"] as number) + i,
      name: count === 1 ? (flags["name"] as string) : `${flags["name"] as string}-${i}`,
      model: flags["model"] as string,
      otherNames: flags["otherName"] as string[],
      adapters: flags["adapter"] as string[],
      maxLoras: (flags["maxLoras"] as number | undefined) ?? null,
      engine: engineOf(flags),
      usage: flags["usage"] as PodOptions["usage"],
      promptTokensDetails: flags["promptTokensDetails"] as boolean,
      gzip: flags["gzip"] as boolean,
      fault,
      newId: () => randomUUID().replaceAll("-", ""),
    };
    if (flags["outputTokensMin"] !== undefined) {
      options.outputTokensMin = flags["outputTokensMin"] as number;
    }
    if (flags["outputTokensMax"] !== undefined) {
      options.outputTokensMax = flags["outputTokensMax"] as number;
    }
    const pod = await startPod(options);
    pods.push(pod);
    process.stdout.write(`${options.name} listening on ${pod.address}\n`);
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void Promise.all(pods.map((pod) => pod.close())));
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`pods: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

// Turns the series of one metrics page into the load of one pod.
import type { EngineMapping, Figure } from "../engines/mapping.js";
import { type ExpositionHandler, type Labels, NameSet } from "./exposition.js";

/** The table's fields for these are 32 bits wide and keep the largest value for "missing". */
const GAUGE_MAX = 0xffff_fffe;
const COUNTER_MAX = Number.MAX_SAFE_INTEGER;
/** Rounding in the engine may carry a full cache just above 1; more than this is not a share. */
const KV_USAGE_ROUNDING_MAX = 1.01;
/** How many models found instead of the configured one are named to the reader. */
const OTHER_MODELS_MAX = 4;
const MODEL_NAME_CHARS_MAX = 80;
/** More than any batch has; what is beyond is not read. */
const ADAPTERS_MAX = 256;
const ADAPTER_NAME_CHARS_MAX = 256;

/** LoRA adapters with requests, as of the newest series of the page. */
export interface LoraLoad {
  running: string[];
  waiting: string[];
  /** Adapters that one batch may have; 0 is unknown. */
  limit: number;
}

/** What a scrape says; null is missing (absent, or no sensible number), never zero. */
export interface PodLoad {
  waiting: number | null;
  running: number | null;
  /** Share of the KV cache in use, 0 to 1. */
  kvUsage: number | null;
  /** 0 is unknown. */
  kvCapacityTokens: number;
  promptTokens: number | null;
  generatedTokens: number | null;
  prefixQueryTokens: number | null;
  prefixHitTokens: number | null;
  /** Null: the pod does not tell. */
  hasPrefixCaching: boolean | null;
  startTimeSeconds: number | null;
  /** Null: the pod serves no adapters. */
  lora: LoraLoad | null;
  /** Names whose values are no numbers, negative or too large: read as missing. */
  oddNames: string[];
}

export type LoadReading =
  { kind: "load"; load: PodLoad } | { kind: "no_metrics" } | { kind: "no_model"; models: string[] };

interface Sum {
  value: number;
  count: number;
  isOdd: boolean;
}

interface EngineInfo {
  capacityTokens: number;
  blockTokens: number;
}

export class LoadCollector implements ExpositionHandler {
  private readonly sums = new Map<string, Sum>();
  private readonly infos = new Map<string, EngineInfo>();
  private readonly inBlocks = new Set<string>();
  private readonly otherModels = new Set<string>();
  private hasPrefixCaching: boolean | null = null;
  private lora: LoraLoad | null = null;
  private loraAt = -Infinity;

  constructor(
    private readonly mapping: EngineMapping,
    private readonly modelName: string | null,
  ) {}

  static names(mapping: EngineMapping): NameSet {
    const { info, lora, names } = mapping;
    return new NameSet([info.name, lora.name, ...Object.values(names).flat()]);
  }

  help(name: string, text: string): void {
    if (this.mapping.maybeInBlocks.includes(name) && text.includes("blocks")) {
      this.inBlocks.add(name);
    }
  }

  sample(name: string, labels: Labels, value: number): void {
    if (name === this.mapping.info.name) return this.info(labels);
    if (name === this.mapping.lora.name) return this.adapters(labels, value);
    const model = labels.get(this.mapping.modelLabel);
    if (this.modelName !== null && model !== undefined && model !== this.modelName) {
      if (this.otherModels.size < OTHER_MODELS_MAX) {
        this.otherModels.add(model.slice(0, MODEL_NAME_CHARS_MAX));
      }
      return;
    }
    const sum = this.sums.get(name) ?? { value: 0, count: 0, isOdd: false };
    sum.value += value;
    sum.count++;
    sum.isOdd ||= !(value >= 0);
    this.sums.set(name, sum);
  }

  finish(): LoadReading {
    const oddNames: string[] = [];
    const { blockTokens } = this;
    const read = (figure: Figure, valueMax: number): number | null => {
      const name = this.mapping.names[figure].find((candidate) => this.sums.has(candidate));
      const sum = name === undefined ? undefined : this.sums.get(name);
      if (name === undefined || sum === undefined) return null;
      // Engines of one pod have caches of one size, so the share in use is their plain mean.
      let value = figure === "kvUsage" ? sum.value / sum.count : sum.value;
      if (this.inBlocks.has(name)) {
        if (blockTokens === 0) return null;
        value *= blockTokens;
      }
      if (!sum.isOdd && value <= valueMax) return value;
      oddNames.push(name);
      return null;
    };
    const kvUsage = read("kvUsage", KV_USAGE_ROUNDING_MAX);
    const load: PodLoad = {
      waiting: roundUp(read("waiting", GAUGE_MAX)),
      running: roundUp(read("running", GAUGE_MAX)),
      kvUsage: kvUsage === null ? null : Math.min(1, kvUsage),
      kvCapacityTokens: this.capacityTokens(),
      promptTokens: read("promptTokens", COUNTER_MAX),
      generatedTokens: read("generatedTokens", COUNTER_MAX),
      prefixQueryTokens: read("prefixQueryTokens", COUNTER_MAX),
      prefixHitTokens: read("prefixHitTokens", COUNTER_MAX),
      hasPrefixCaching: this.hasPrefixCaching,
      startTimeSeconds: read("startTimeSeconds", COUNTER_MAX),
      lora: this.lora,
      oddNames,
    };
    // The queue is the one thing a page must have: without it this is another program's page.
    if (load.waiting !== null || load.running !== null || oddNames.length > 0) {
      return { kind: "load", load };
    }
    if (this.otherModels.size > 0) return { kind: "no_model", models: [...this.otherModels] };
    return { kind: "no_metrics" };
  }

  private info(labels: Labels): void {
    const { info } = this.mapping;
    const blockTokens = positive(labels.get(info.blockSizeLabel));
    const product = blockTokens * positive(labels.get(info.blocksLabel));
    const capacityTokens = positive(labels.get(info.tokensLabel)) || product;
    const engine = labels.get(info.engineLabel) ?? "";
    // A pod may show an engine twice, before and after it measured its memory: the larger counts.
    const known = this.infos.get(engine);
    this.infos.set(engine, {
      capacityTokens: Math.max(capacityTokens, known?.capacityTokens ?? 0),
      blockTokens: Math.max(blockTokens, known?.blockTokens ?? 0),
    });
    const caching = labels.get(info.prefixCachingLabel)?.toLowerCase();
    if (caching === "true") this.hasPrefixCaching ??= true;
    if (caching === "false") this.hasPrefixCaching = false;
  }

  private adapters(labels: Labels, at: number): void {
    if (!(at >= this.loraAt)) return;
    this.loraAt = at;
    const { lora } = this.mapping;
    const running = adapterNames(labels.get(lora.runningLabel));
    const waiting = adapterNames(labels.get(lora.waitingLabel));
    const limit = positive(labels.get(lora.limitLabel));
    // V0 shows the series with a limit of 0 where LoRA is off.
    const isOff = limit === 0 && running.length === 0 && waiting.length === 0;
    this.lora = isOff ? null : { running, waiting, limit };
  }

  /** The largest of all engines'; a hostile page may have more than a call has arguments. */
  private get blockTokens(): number {
    let tokens = 0;
    for (const info of this.infos.values()) tokens = Math.max(tokens, info.blockTokens);
    return tokens;
  }

  private capacityTokens(): number {
    let tokens = 0;
    for (const info of this.infos.values()) tokens += info.capacityTokens;
    return tokens <= GAUGE_MAX ? tokens : 0;
  }
}

/** Engines write whole numbers as "3.0"; a mean over processes may still hold a fraction. */
function roundUp(value: number | null): number | null {
  return value === null ? null : Math.ceil(value);
}

function adapterNames(label: string | undefined): string[] {
  const names = (label ?? "").split(",", ADAPTERS_MAX).map((name) => name.trim());
  return names.filter((name) => name.length > 0 && name.length <= ADAPTER_NAME_CHARS_MAX);
}

/** The labels of the info series are text, "None" among it. */
function positive(label: string | undefined): number {
  return label !== undefined && /^\d{1,15}$/.test(label) ? Number(label) : 0;
}

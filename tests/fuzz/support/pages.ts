// Metrics pages of engines, real ones damaged and hostile ones made with chance.
import { readdirSync, readFileSync } from "node:fs";
import { projectPath } from "../../../scripts/config/project.js";
import { VLLM } from "../../../sidecar-metrics/src/engines/vllm.js";
import { below, pick, type Random } from "./spelling.js";

const FOLDER = projectPath("tests", "fixtures", "metrics");
const REAL = readdirSync(FOLDER)
  .sort()
  .map((name) => readFileSync(`${FOLDER}/${name}`, "latin1"));
const NAMES = [
  ...[VLLM.info.name, VLLM.lora.name, ...Object.values(VLLM.names).flat()],
  ...["unknown_metric", "", "vllm:", "a:b:c"],
];
const VALUES = [
  ...["0", "1", "3.0", "0.5", "-1", "-0", "1e308", "1e309", "-1e309", "NaN", "+Inf", "-Inf", "inf"],
  ...["1e-320", "9007199254740993", "0x10", "1_0", "", "1 1760000000", "1 2 3", "١", "1e", "."],
];
const LABELS = [
  ...['engine="0"', 'engine="1"', 'model_name="m"', 'block_size="16"', 'num_gpu_blocks="999999"'],
  ...['num_gpu_blocks="999999999999999"', 'block_size="None"', 'enable_prefix_caching="False"'],
  ...[
    'max_lora="4"',
    'running_lora_adapters="a,b,,c"',
    'x="\\"\\\\\\n"',
    'x="',
    "x",
    '="1"',
    "x=1",
  ],
  ...['kv_cache_size_tokens="84000"', 'x="}"', 'x="{,"', '__proto__="1"', 'constructor="2"'],
];
const TOKENS = ["{", "}", '"', "\\", "\n", "\r", "\u0000", "\u00ff", "#", "# HELP ", "=", ",", " "];

export function makePage(random: Random): string {
  const chance = random();
  if (chance < 0.4) return damaged(random, pick(random, REAL));
  const lines = Array.from({ length: below(random, 40) }, () => makeLine(random));
  const page = lines.join(pick(random, ["\n", "\n", "\r\n"]));
  return chance < 0.8 ? `${page}\n` : damaged(random, page);
}

function makeLine(random: Random): string {
  const chance = random();
  const name = pick(random, NAMES);
  if (chance < 0.1) return `# HELP ${name} ${pick(random, ["in blocks", "tokens", ""])}`;
  if (chance < 0.15) return `# TYPE ${name} gauge`;
  if (chance < 0.17) return `${name}{x="${"y".repeat(below(random, 70_000))}"} 1`;
  // Label sets without an end in sight.
  const count = random() < 0.02 ? 3_000 : below(random, 5);
  const labels = Array.from({ length: count }, () => pick(random, LABELS));
  const set = count > 0 || random() < 0.3 ? `{${labels.join(",")}}` : "";
  return `${name}${set} ${pick(random, VALUES)}`;
}

function damaged(random: Random, page: string): string {
  let text = page;
  for (let left = 1 + below(random, 5); left > 0; left--) {
    const at = below(random, text.length + 1);
    const chance = random();
    if (chance < 0.3) text = text.slice(0, at) + pick(random, TOKENS) + text.slice(at + 1);
    else if (chance < 0.5) text = text.slice(0, at) + pick(random, VALUES) + text.slice(at);
    else if (chance < 0.6) text = text.slice(0, at);
    else if (chance < 0.8) text = text.slice(0, at) + text.slice(at + below(random, 100));
    else text = text.slice(0, at) + text.slice(below(random, at + 1), at) + text.slice(at);
  }
  return text.slice(0, 1 << 19);
}

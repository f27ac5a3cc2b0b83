// How fast changes take effect on the standalone Envoy Gateway: `./build.sh bench standalone`.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  FIGURES,
  measureApply,
  measurePodSet,
} from "../../tests/gateway/standalone/support/figures.js";
import { filterVersion, pushModule } from "../../tests/gateway/standalone/support/images.js";
import { REGISTRY, startRig } from "../../tests/gateway/standalone/support/rig.js";
import { untilRouted } from "../../tests/gateway/standalone/support/ask.js";
import { spread } from "../envoy/statistics.js";
import { runInNamespaces } from "../namespaces.js";

const ROUNDS = 5;
const POD_SETS_PER_ROUND = 4;

async function measure(rounds: number): Promise<Record<keyof typeof FIGURES, number[]>> {
  const figures: Record<keyof typeof FIGURES, number[]> = { apply: [], add: [], remove: [] };
  for (let round = 0; round < rounds; round++) {
    // A gateway that ran Envoy before has what the first figure is about already.
    const rig = await startRig();
    try {
      const image = `${REGISTRY}/warmroute/filter:bench`;
      const digest = await pushModule(filterVersion("bench"), image, rig.folder);
      figures.apply.push(await measureApply(rig, { image, digest }));
      await untilRouted();
      for (let i = 0; i < POD_SETS_PER_ROUND; i++) {
        const { addMs, removeMs } = await measurePodSet(rig);
        figures.add.push(addMs);
        figures.remove.push(removeMs);
      }
    } finally {
      await rig.stop();
    }
  }
  return figures;
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: "string" }, inside: { type: "boolean" } },
  });
  const rounds = Number(values.rounds ?? ROUNDS);
  if (!Number.isInteger(rounds) || rounds < 1) {
    console.error("usage: standalone [--rounds COUNT]");
    return 1;
  }
  // Its ports are fixed, so it runs in namespaces of its own.
  if (values.inside !== true) return runInNamespaces(fileURLToPath(import.meta.url), args);
  const figures = await measure(rounds);
  for (const [name, title] of Object.entries(FIGURES)) {
    const times = figures[name as keyof typeof FIGURES];
    const { q1, median, q3 } = spread(times);
    const [low, high] = [q1.toFixed(0), q3.toFixed(0)];
    console.log(`${title}: ${median.toFixed(0)} ms (${low} to ${high}, ${times.length} times)`);
  }
  return 0;
}

process.exitCode = await main(process.argv.slice(2));

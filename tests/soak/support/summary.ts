// The summary of a soak, as lines that the suite shows; none is longer than 76 columns.
import { KINDS } from "./plans.js";
import type { Soaked } from "./soak.js";

const COLUMNS_MAX = 76;

export function summaryOf(soaked: Soaked): string[] {
  const { settings, traffic, trouble, warm, end } = soaked;
  const { minutes, seed } = settings;
  const { results } = traffic;
  const kinds = KINDS.map((kind) => {
    return `${kind} ${results.filter(({ plan }) => plan.kind === kind).length}`;
  });
  const streams = results.filter(({ plan }) => plan.isStream).length;
  const lines = [
    `${minutes} minutes with the seed ${seed}; again:`,
    `  ./build.sh test soak --minutes ${minutes} --seed ${seed}`,
    `${results.length} requests, ${streams} of them streams:`,
    ...wrapped(kinds),
    "outcomes:",
    ...table(soaked.counts, soaked.mostOfOne),
    ...table(new Map([["unexplained", soaked.unexplained.length]])),
    `${trouble.faults.length} faults:`,
    ...table(countsOf(trouble.faults.map(({ kind }) => kind.name))),
    `decisions of the filter ${soaked.decisions}, requests that had one ${soaked.decided}`,
    `ejections ${soaked.ejections}, probes ${soaked.probes}; traps ${soaked.traps.length}`,
    `at the end: in flight ${soaked.inFlight}, on pods ${JSON.stringify(soaked.leftOnPods)}`,
    `  waiting for a pod ${soaked.waitingForPod}, ejected ${soaked.ejected}`,
    "memory in MiB, idle:       warm    end",
    memoryLine("Envoy, resident", warm.envoyMiB, end.envoyMiB),
    memoryLine("Envoy, allocated", warm.envoyAllocatedMiB, end.envoyAllocatedMiB),
    memoryLine("sidecar, resident", warm.sidecarMiB, end.sidecarMiB),
  ];
  return lines;
}

export function countsOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** Name and count each, most frequent first. */
function table(
  counts: ReadonlyMap<string, number>,
  mostOfOne: ReadonlyMap<string, number> = new Map(),
): string[] {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => {
      const most = mostOfOne.get(name);
      const ofOne = most === undefined ? "" : `, at most ${most} by one`;
      return `${String(count).padStart(8)}  ${name}${ofOne}`;
    });
}

function memoryLine(name: string, warm: number, end: number): string {
  return `  ${name.padEnd(22)}${warm.toFixed(1).padStart(7)}${end.toFixed(1).padStart(7)}`;
}

/** Joined by commas, as many to a line as it takes. */
function wrapped(parts: readonly string[]): string[] {
  const lines: string[] = [];
  let line = "";
  for (const part of parts) {
    const next = line === "" ? `  ${part}` : `${line}, ${part}`;
    if (next.length >= COLUMNS_MAX) {
      lines.push(`${line},`);
      line = `  ${part}`;
    } else line = next;
  }
  return [...lines, line];
}

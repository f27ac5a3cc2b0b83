// The totals of a run as lines to print.
import type { Totals } from "./campaign.js";

export function figuresOf(totals: Totals, seed: number, ms: number, cpuMs: number): string[] {
  const { bodies, parsed, whole, chains, checkpoints, rewritten, lenient } = totals;
  const share = (count: number): string => `${((100 * count) / bodies).toFixed(1)} %`;
  const sorted = [...totals.reasons].sort(([, a], [, b]) => b - a);
  const strict = [...totals.strict].map(([name, count]) => `${name} ${count}`);
  const mb = (totals.bytes / 1e6).toFixed(1);
  return [
    `${bodies} bodies, ${mb} MB, seed ${seed}: ${((bodies / ms) * 1e3).toFixed(0)} a second, ` +
      `${((bodies / cpuMs) * 1e3).toFixed(0)} a second of CPU`,
    `read to the end ${share(whole)}, taken by JSON.parse ${share(parsed)}`,
    `reasons: ${sorted.map(([name, count]) => `${name} ${count}`).join(", ")}`,
    `compared ${chains} prompts with ${checkpoints} checkpoints, ${rewritten} rewritten models`,
    `disagreements ${totals.disagreementCount}; taken though JSON.parse refuses ${lenient}, ` +
      `refused though it takes: ${strict.join(", ") || "none"}`,
    `at most ${totals.stepsPerByteMax.toFixed(1)} steps a byte and ` +
      `${totals.hostCallsMax} host calls; ` +
      `memory ${totals.memoryBytesEnd / 1024} KiB, in flight ${totals.inFlight}`,
  ];
}

/** Milliseconds of CPU that this process has used. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

// The options of `bench envoy`, and the limits that its figures are held against.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

const HELP = `usage: ./build.sh bench envoy [OPTIONS]

Envoy with the filter against the same Envoy without it, in front of pods that
answer at once, so that nothing but Envoy is measured.

  --sizes 2,220        prompt sizes in KB
  --pairs 10           rounds; each runs plain, routed and a control: plain again
  --seconds 10         length of one run of the CPU measurement
  --peak-seconds 5     length of one run of the peak measurement
  --peak-rounds 3      rounds of the peak measurement
  --connections 100    keep-alive connections, and requests in flight at peak
  --rate-share 0.6     the CPU measurement's rate, as a share of plain's peak
  --workers 2          Envoy's worker threads
  --filter PATH        the module under test (default build/filter.wasm)
  --with PATH          another module, on a third listener, in the same rounds
  --json               one more line at the end: all figures as JSON
`;

export interface Options {
  sizesKb: number[];
  pairs: number;
  seconds: number;
  peakSeconds: number;
  peakRounds: number;
  connections: number;
  rateShare: number;
  workers: number;
  filterPath: string;
  withPath: string | undefined;
  isJson: boolean;
  /** Processes for the load, and as many for the pods: on a big machine one would be the limit. */
  processes: number;
}

/** Most CPU, in ms, that the filter may add to a request with a prompt of so many KB. */
export const ADDED_CPU_MS_MAX: ReadonlyMap<number, number> = new Map([
  [2, 0.03],
  [220, 0.25],
]);
/** Least share of plain's peak that the routed listener keeps with so many KB. */
export const PEAK_SHARE_MIN: ReadonlyMap<number, number> = new Map([[220, 0.7]]);

/** Null after `--help`, which it has printed; throws one line for what it does not understand. */
export function parseOptions(args: string[]): Options | null {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      help: { type: "boolean" },
      json: { type: "boolean" },
      sizes: { ...text, default: "2,220" },
      pairs: { ...text, default: "10" },
      seconds: { ...text, default: "10" },
      "peak-seconds": { ...text, default: "5" },
      "peak-rounds": { ...text, default: "3" },
      connections: { ...text, default: "100" },
      "rate-share": { ...text, default: "0.6" },
      workers: { ...text, default: "2" },
      filter: { ...text, default: "build/filter.wasm" },
      with: text,
    },
  });
  if (values.help === true) {
    console.log(HELP);
    return null;
  }
  const number = (name: string, value: string, min: number, max: number): number => {
    const parsed = Number(value);
    if (value !== "" && parsed >= min && parsed <= max) return parsed;
    throw new Error(`--${name} ${value}: a number from ${min} to ${max} is wanted`);
  };
  const whole = (name: string, value: string, min: number, max: number): number =>
    Math.trunc(number(name, value, min, max));
  return {
    sizesKb: values.sizes.split(",").map((size) => whole("sizes", size, 1, 8000)),
    pairs: whole("pairs", values.pairs, 1, 1000),
    seconds: number("seconds", values.seconds, 0.2, 600),
    peakSeconds: number("peak-seconds", values["peak-seconds"], 0.2, 600),
    peakRounds: whole("peak-rounds", values["peak-rounds"], 1, 100),
    connections: whole("connections", values.connections, 1, 5000),
    rateShare: number("rate-share", values["rate-share"], 0.01, 0.95),
    workers: whole("workers", values.workers, 1, 256),
    filterPath: values.filter,
    withPath: values.with,
    isJson: values.json === true,
    processes: Math.max(1, Math.min(4, Math.floor(availableParallelism() / 4))),
  };
}

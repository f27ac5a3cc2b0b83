// What the published benchmarks of ACK Gateway with Inference Extension measured on GPUs.

/** One run of the tool, its rows as it printed them. */
interface MeasuredRun {
  title: string;
  rows: Readonly<Record<string, string>>;
}

export interface Measured {
  source: string;
  columns: readonly MeasuredRun[];
}

/**
 * By workload. `seed-r1-7b` has none: its article gives the command, and of the results pictures
 * only.
 */
export const MEASURED: ReadonlyMap<string, Measured> = new Map([
  [
    "seed-qwq",
    {
      source:
        "Alibaba Cloud, ACK Gateway with AI Extension: Intelligent Routing Practice for " +
        "Kubernetes Large Model Inference",
      columns: [
        {
          title: "GPU, route",
          rows: {
            "Successful requests:": "2990",
            "Benchmark duration (s):": "5822.60",
            "Total input tokens:": "10071917",
            "Total generated tokens:": "5334789",
            "Request throughput (req/s):": "0.51",
            "Output token throughput (tok/s):": "916.22",
            "Total Token throughput (tok/s):": "2646.02",
            "Mean TTFT (ms):": "2456.44",
            "Median TTFT (ms):": "1366.07",
            "P99 TTFT (ms):": "23509.43",
            "Mean TPOT (ms):": "63.50",
            "Median TPOT (ms):": "63.33",
            "P99 TPOT (ms):": "75.22",
            "Mean ITL (ms):": "63.47",
            "Median ITL (ms):": "55.49",
            "P99 ITL (ms):": "59.16",
          },
        },
        {
          title: "GPU, ext.",
          rows: {
            "Successful requests:": "2990",
            "Benchmark duration (s):": "5755.77",
            "Total input tokens:": "10071917",
            "Total generated tokens:": "5332890",
            "Request throughput (req/s):": "0.52",
            "Output token throughput (tok/s):": "926.53",
            "Total Token throughput (tok/s):": "2676.41",
            "Mean TTFT (ms):": "1796.93",
            "Median TTFT (ms):": "1470.97",
            "P99 TTFT (ms):": "8857.07",
            "Mean TPOT (ms):": "63.10",
            "Median TPOT (ms):": "63.03",
            "P99 TPOT (ms):": "70.68",
            "Mean ITL (ms):": "63.06",
            "Median ITL (ms):": "55.37",
            "P99 ITL (ms):": "59.17",
          },
        },
      ],
    },
  ],
]);

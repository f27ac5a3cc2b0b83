// The configuration of the sidecar: every key with its type, default, limits and meaning.
import { z } from "zod";
import { ENGINE_NAMES } from "../engines/index.js";
import { STRATEGIES } from "../sync/table.js";
import { choice, flag, path, section, text, wholeNumber } from "./fields.js";
import { clusterShape, selectedPods } from "./kubernetes.js";
import { models, objectives } from "./models.js";
import { metricsPath, podList } from "./pods.js";
import { sharing } from "./sharing.js";

const POOLS_MAX = 64;
const MIB = 1024 * 1024;
const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
const PODS_ALLOWED = "an object with exactly one of static, file, kubernetes";
const POOLS_ALLOWED = `a list of 1 to ${POOLS_MAX} pools, absent only where there is kubernetes`;

const listen = section({
  host: text(/^[0-9a-zA-Z.:-]{1,253}$/, "an IP address or host name")
    .default("127.0.0.1")
    .describe("where the sidecar listens; 0.0.0.0 only when gateways run elsewhere"),
  port: wholeNumber(0, 65_535).default(9110).describe("0 takes any free port and logs it"),
});

const scrape = section({
  intervalMs: wholeNumber(10, 60_000).default(50).describe("time from scrape to scrape of a pod"),
  timeoutMs: wholeNumber(10, 60_000)
    .default(500)
    .describe("the whole scrape, body included, fails after this"),
  concurrency: wholeNumber(1, 1_024).default(64).describe("scrapes under way at once"),
  maxBytes: wholeNumber(1_024, 64 * MIB)
    .default(4 * MIB)
    .describe("a longer metrics page is refused"),
  budgetPerSecond: wholeNumber(1, 100_000)
    .default(1_000)
    .describe("scrapes a second over all pods; with more pods each one's interval grows"),
});

const tls = section({
  caFile: path()
    .optional()
    .describe("PEM file of the authority that signed the pods' certificates"),
  serverName: text(/^[0-9a-zA-Z.-]{1,253}$/, "a host name")
    .optional()
    .describe("the name the certificates must carry; without it, the pod's IP"),
  insecureSkipVerify: flag().default(false).describe("true: any certificate will do"),
});

const pods = z
  .strictObject(
    {
      static: podList.optional().describe("the pods, as strings or objects"),
      file: path().optional().describe("a YAML or JSON file with the pods, watched"),
      kubernetes: selectedPods.optional(),
    },
    PODS_ALLOWED,
  )
  .refine((from) => Object.values(from).filter((one) => one !== undefined).length === 1, {
    error: PODS_ALLOWED,
  });

/** What the pods of a pool have in common, be it listed here or found in a cluster. */
const servedShape = {
  engine: choice(ENGINE_NAMES).default("vllm").describe("whose metric names the pods show"),
  routingStrategy: choice(STRATEGIES)
    .optional()
    .describe("wins over the filter's `routingStrategy`; absent: the filter's counts"),
  modelName: text(/^.{1,256}$/, "1 to 256 characters")
    .optional()
    .describe("counts only series with this `model_name`"),
  scheme: choice(["http", "https"]).default("http").describe("how metrics are asked for"),
  metricsPath: metricsPath.default("/metrics").describe("where a pod shows its metrics"),
  metricsPort: wholeNumber(1, 65_535)
    .optional()
    .describe("port of the metrics, if it is not the address's"),
  modelsPath: text(/^(\/[\x21-\x7e]{0,254})?$/, "a path that begins with /, or empty: never asked")
    .default("/v1/models")
    .describe("where a pod tells the models that it serves"),
  tls: tls.prefault({}),
  bearerTokenFile: path()
    .optional()
    .describe("sent as `authorization: Bearer`; read again when it changes"),
};

const pool = section({
  name: text(/^[A-Za-z0-9._/-]{1,63}$/, "1 to 63 of A-Z a-z 0-9 . _ / -").describe(
    "the `pool` of the filter's configuration",
  ),
  ...servedShape,
  models: models.default([]),
  objectives: objectives.default([]),
  closed: flag()
    .optional()
    .describe(
      "true: names that neither `models` nor a pod has are refused; absent: true with `models`",
    ),
  pods,
});

/** Pools that are found in a cluster. */
const kubernetes = section({ ...clusterShape, ...servedShape });

export const configSchema = section({
  listen: listen.prefault({}),
  logLevel: choice(LOG_LEVELS).default("info").describe("logs below this level are left out"),
  hashKey: text(/^[0-9a-fA-F]{32}$/, "32 hexadecimal characters")
    .optional()
    .describe("key of the prompt hashes; gateways share what they know only under one key"),
  hashKeyFile: path()
    .optional()
    .describe("a file with the key, as from a Secret; read again when it changes"),
  statusPage: flag().default(true).describe("serves the status page at `/`"),
  metrics: flag().default(true).describe("serves Prometheus metrics at `/metrics`"),
  scrape: scrape.prefault({}),
  kubernetes: kubernetes.optional(),
  sharing: sharing.optional(),
  pools: z.array(pool, POOLS_ALLOWED).max(POOLS_MAX, POOLS_ALLOWED).default([]),
}).superRefine((config, context) => {
  if (config.pools.length === 0 && config.kubernetes === undefined) {
    context.addIssue({ code: "custom", path: ["pools"], message: POOLS_ALLOWED });
  }
  if (config.hashKey !== undefined && config.hashKeyFile !== undefined) {
    const message = "absent where hashKey is set";
    context.addIssue({ code: "custom", path: ["hashKeyFile"], message });
  }
  const hasKey = config.hashKey !== undefined || config.hashKeyFile !== undefined;
  if (config.sharing !== undefined && !hasKey) {
    const message = "set, or hashKeyFile, where sharing is: hashes mean something under one key";
    context.addIssue({ code: "custom", path: ["hashKey"], message });
  }
  const names = new Set<string>();
  config.pools.forEach(({ name }, index) => {
    if (names.has(name)) {
      const message = "a name that no other pool has";
      context.addIssue({ code: "custom", path: ["pools", index, "name"], message });
    }
    names.add(name);
  });
});

export type Config = z.output<typeof configSchema>;
export type PoolConfig = Config["pools"][number];
export type KubernetesConfig = NonNullable<Config["kubernetes"]>;
/** What a pool's settings say of its pods, wherever the pool comes from. */
export type ServedConfig = Omit<PoolConfig, "name" | "pods" | "models" | "objectives" | "closed">;

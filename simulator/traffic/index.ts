// All traffic there is, by name.
import { AGENT_TRAFFIC } from "./agent.js";
import { BURST_TRAFFIC, SURGE_TRAFFIC, VIRAL_TRAFFIC } from "./changing.js";
import { HALF_STREAMED_TRAFFIC, LORA_TRAFFIC } from "./kinds.js";
import { LWS } from "./lws.js";
import {
  MIXED_PODS_TRAFFIC,
  POD_DIES_TRAFFIC,
  ROLLING_RESTART_TRAFFIC,
  SCALE_OUT_TRAFFIC,
} from "./pod-life.js";
import { SEED_QWQ } from "./seed-qwq.js";
import { SEED_R1_7B } from "./seed-r1-7b.js";
import { CHAT_TRAFFIC, GROUPS_TRAFFIC, RANDOM_TRAFFIC, ZIPF_TRAFFIC } from "./study.js";
import type { Traffic } from "./traffic.js";

const ALL: readonly Traffic[] = [
  SEED_QWQ,
  SEED_R1_7B,
  LWS,
  GROUPS_TRAFFIC,
  ZIPF_TRAFFIC,
  CHAT_TRAFFIC,
  RANDOM_TRAFFIC,
  AGENT_TRAFFIC,
  HALF_STREAMED_TRAFFIC,
  LORA_TRAFFIC,
  BURST_TRAFFIC,
  SURGE_TRAFFIC,
  VIRAL_TRAFFIC,
  MIXED_PODS_TRAFFIC,
  ROLLING_RESTART_TRAFFIC,
  SCALE_OUT_TRAFFIC,
  POD_DIES_TRAFFIC,
];

/** What `--workload` accepts. */
export const TRAFFIC: ReadonlyMap<string, Traffic> = new Map(ALL.map((one) => [one.name, one]));

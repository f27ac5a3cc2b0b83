// All traffic there is, by name.
import { SEED_QWQ } from "./seed-qwq.js";
import { CHAT_TRAFFIC, GROUPS_TRAFFIC, RANDOM_TRAFFIC, ZIPF_TRAFFIC } from "./study.js";
import type { Traffic } from "./traffic.js";

/** What `--workload` accepts. */
export const TRAFFIC: ReadonlyMap<string, Traffic> = new Map(
  [SEED_QWQ, GROUPS_TRAFFIC, ZIPF_TRAFFIC, CHAT_TRAFFIC, RANDOM_TRAFFIC].map((one) => [
    one.name,
    one,
  ]),
);

// All rules there are, by name.
import { chwbl } from "./chwbl.js";
import { eppDefault } from "./epp-default.js";
import { gatewayQueue } from "./gateway-queue.js";
import { leastInFlight } from "./least-in-flight.js";
import { leastRequest } from "./least-request.js";
import { llmdGuide } from "./llmd-guide.js";
import { marginalDelay } from "./marginal-delay.js";
import { oracle } from "./oracle.js";
import { ownDelayTrueCache } from "./own-delay-true-cache.js";
import { randomRule } from "./random.js";
import { roundRobin } from "./round-robin.js";
import type { Rule, RuleView } from "./rule.js";
import { seedDefault } from "./seed-default.js";
import { sglang } from "./sglang.js";
import { warmroute } from "./warmroute.js";

/** What `--rule` accepts. */
export const RULES: ReadonlyMap<string, (view: RuleView) => Rule> = new Map([
  ["random", randomRule],
  ["round-robin", roundRobin],
  ["least-request", leastRequest],
  ["least-in-flight", leastInFlight],
  ["seed-default", seedDefault],
  ["epp-default", eppDefault],
  ["llmd-guide", llmdGuide],
  ["chwbl", chwbl],
  ["sglang", sglang],
  ["own-delay-true-cache", ownDelayTrueCache],
  ["oracle", oracle],
  ["marginal-delay", marginalDelay],
  ["gateway-queue", gatewayQueue],
  ["warmroute", warmroute],
]);

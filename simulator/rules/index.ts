// All rules there are, by name.
import { leastInFlight } from "./least-in-flight.js";
import { leastRequest } from "./least-request.js";
import { randomRule } from "./random.js";
import { roundRobin } from "./round-robin.js";
import type { Rule, RuleView } from "./rule.js";
import { seedDefault } from "./seed-default.js";
import { warmroute } from "./warmroute.js";

/** What `--rule` accepts. */
export const RULES: ReadonlyMap<string, (view: RuleView) => Rule> = new Map([
  ["random", randomRule],
  ["round-robin", roundRobin],
  ["least-request", leastRequest],
  ["least-in-flight", leastInFlight],
  ["seed-default", seedDefault],
  ["warmroute", warmroute],
]);

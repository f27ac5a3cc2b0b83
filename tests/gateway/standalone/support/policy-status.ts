// The filter's policy as the standalone gateway reports it: there is no object to read, only a log.
import { parse } from "yaml";
import { until } from "../../../../lab/processes.js";
import type { Gateway } from "./gateway.js";

/** A status of `llm-gw`'s policy; its name comes behind it. */
const STATUS = new RegExp(
  "Got new status for EnvoyExtensionPolicy\\n(ancestors:\\n(?:[ -].*\\n)*)" +
    '\\t.*"key": "default/warmroute"',
  "g",
);
/** A gateway on a machine under load reads its folder for seconds. */
const CHANGE_TIMEOUT_MS = 120_000;

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

/** The condition `Accepted` of the status that was written last, null before the first. */
export function acceptedOf(gateway: Gateway): Condition | null {
  const last = [...gateway.log().matchAll(STATUS)].at(-1)?.[1];
  if (last === undefined) return null;
  const { ancestors } = parse(last) as { ancestors: { conditions: Condition[] }[] };
  return ancestors[0]?.conditions.find(({ type }) => type === "Accepted") ?? null;
}

/** Waits until `Accepted` is `status` with a message that matches. */
export async function untilAccepted(
  gateway: Gateway,
  status: "True" | "False",
  message: RegExp,
): Promise<Condition> {
  let found: Condition | null = null;
  await until(
    `the policy has Accepted=${status} with ${message.source}`,
    () => {
      found = acceptedOf(gateway);
      return found?.status === status && message.test(found.message);
    },
    CHANGE_TIMEOUT_MS,
  );
  return found as unknown as Condition;
}

// Waits until every worker of a gateway routes by the table.
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../../lab/processes.js";

/** Answers in a row of both workers that show that the table is in force. */
const ROUTED_IN_A_ROW = 8;
const READY_TIMEOUT_MS = 15_000;
/** Counts reach Envoy with a tick and the sidecar with a poll: no later load shall have them. */
const COUNTED_MS = 200;

/** `reason` is that of a request without a prompt, once a table is in force. */
export async function untilRouted(url: string, reason: string): Promise<void> {
  let inARow = 0;
  await until(
    `the table is in force at ${url}`,
    async () => {
      // Each on a connection of its own, so that both workers are asked.
      const response = await fetch(`${url}/health`, { headers: { connection: "close" } });
      await response.arrayBuffer();
      const decision = response.headers.get("x-warmroute-decision") ?? "";
      inARow = decision.includes(`reason=${reason};`) ? inARow + 1 : 0;
      return inARow >= ROUTED_IN_A_ROW;
    },
    READY_TIMEOUT_MS,
  );
  await sleep(COUNTED_MS);
}

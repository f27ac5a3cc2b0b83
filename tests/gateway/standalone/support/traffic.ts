// Traffic that goes on while something is changed, and what went wrong with it.
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { LLM_URL } from "./rig.js";
import { promptOf } from "./ask.js";

const CLIENTS = 4;
/** Between two requests of a client, so that the gateway has time for its change. */
const PAUSE_MS = 10;
/** Clients come back with the same prompts. */
const PROMPTS = 8;

export interface Traffic {
  /** Ends it; everything that was sent, by status, or for no answer by its error. */
  stop(): Promise<Map<string, number>>;
}

/** Half of the clients keep their connection, the others take a new one for each request. */
export function startTraffic(): Traffic {
  let isOver = false;
  const outcomes = new Map<string, number>();
  const client = async (index: number): Promise<void> => {
    const hasOne = index % 2 === 0;
    const kept = new Agent({ connections: 1, keepAliveTimeout: 60_000 });
    for (let count = index; !isOver; count++) {
      const agent = hasOne ? kept : new Agent();
      const outcome = await sendOne(agent, promptOf(`traffic ${count % PROMPTS}`));
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (!hasOne) await agent.close();
      await sleep(PAUSE_MS);
    }
    await kept.close();
  };
  const clients = Array.from({ length: CLIENTS }, (_, index) => client(index));
  return {
    stop: async () => {
      isOver = true;
      await Promise.all(clients);
      return outcomes;
    },
  };
}

async function sendOne(dispatcher: Agent, body: string): Promise<string> {
  try {
    const answer = await request(`${LLM_URL}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      dispatcher,
    });
    await answer.body.text();
    return String(answer.statusCode);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

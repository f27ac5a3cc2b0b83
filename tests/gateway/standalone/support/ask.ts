// Requests through the standalone gateway's listeners, and waiting for what they show.
import { until } from "../../../../lab/processes.js";
import { chat, prose, send, type Answer } from "../../../e2e/support/rig.js";
import { LLM_URL } from "./rig.js";

/** A gateway on a machine under load reads its folder for seconds. */
const CHANGE_TIMEOUT_MS = 120_000;
const CHAT_PATH = "/v1/chat/completions";
/** Several checkpoints long. */
const PROMPT_BYTES = 4096;
/** Each worker of the shipped EnvoyProxy is met by so many new connections, but for 1 in 10^5. */
const IN_A_ROW = 40;

/** A chat whose prompt is its own for each name. */
export function promptOf(name: string): string {
  return chat(prose(name, PROMPT_BYTES));
}

/** One request; a gateway that is not there yet answers 0. */
export async function ask(
  body: string,
  url = LLM_URL,
  headers: Record<string, string> = {},
): Promise<Answer | { status: 0 }> {
  try {
    return await send(url + CHAT_PATH, body, headers);
  } catch (error) {
    // Only of a connection, for anything else is a mistake of the test.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return { status: 0 };
  }
}

/** Asks until `isSo`; the answer that was. */
export async function askUntil(
  what: string,
  body: () => string,
  isSo: (answer: Answer) => boolean,
  url = LLM_URL,
): Promise<Answer> {
  let found: Answer | undefined;
  const probe = async (): Promise<boolean> => {
    const answer = await ask(body(), url);
    if (answer.status === 0 || !isSo(answer as Answer)) return false;
    found = answer as Answer;
    return true;
  };
  await until(what, probe, CHANGE_TIMEOUT_MS);
  return found as Answer;
}

/** Whether the filter chose a pod by what it knows. */
export function isRouted({ status, decision }: Answer): boolean {
  return status === 200 && /^[\d.]+:\d+$/.test(decision.pod);
}

/** Asks for a short prompt until every worker routes. */
export async function untilRouted(url = LLM_URL): Promise<void> {
  await untilAll(`every worker routes at ${url}`, chat("hello"), isRouted, url);
}

/** Asks until every worker's answer `isSo`; when the first of them came, in performance.now(). */
export async function untilAll(
  what: string,
  body: string,
  isSo: (answer: Answer) => boolean,
  url = LLM_URL,
): Promise<number> {
  let inARow = 0;
  let sinceMs = 0;
  const count = (answer: Answer): boolean => {
    inARow = isSo(answer) ? inARow + 1 : 0;
    if (inARow === 1) sinceMs = performance.now();
    return inARow >= IN_A_ROW;
  };
  await askUntil(what, () => body, count, url);
  return sinceMs;
}

// Where a prompt has checkpoints, by docs/decisions/0002 and without any hash: each is named by
// what comes before it, so that two are equal exactly where their prompts are equal so far.

/** A text that begins like no other: two of one id are the same text. */
export interface Piece {
  role: string;
  id: number;
  bytes: number;
}

/** The prompt of a request. */
export interface PromptShape {
  /** What vLLM's cache keeps apart: the model and the cache salt. */
  namespace: string;
  /** Messages; a plain prompt is one text without a role. */
  isChat: boolean;
  pieces: readonly Piece[];
}

export interface Checkpoint {
  key: string;
  /** Bytes of text from the prompt's start. */
  endBytes: number;
}

const GRID_BYTES = 256;
/** To here the grid is even, then a step is a sixteenth of the position. */
const EVEN_BYTES = 4096;

/** The checkpoints in the order of the prompt; the last one is its end. */
export function checkpointsOf(prompt: PromptShape): Checkpoint[] {
  const { namespace, isChat, pieces } = prompt;
  const found: Checkpoint[] = [];
  const isFar = (end: number): boolean => {
    const last = found.at(-1)?.endBytes;
    return last === undefined || (end > last && end - last >= Math.floor(end / 64));
  };
  let before = `${namespace} ${isChat ? "chat" : "text"}`;
  let start = 0;
  for (const { role, id, bytes } of pieces) {
    const name = `${before} ${role}${id}`;
    for (let at = GRID_BYTES; at <= bytes; at += at < EVEN_BYTES ? GRID_BYTES : at >> 4) {
      if (isFar(start + at)) found.push({ key: `${name}@${at}`, endBytes: start + at });
    }
    before = `${name}.`;
    start += bytes;
    if (isChat && isFar(start)) found.push({ key: before, endBytes: start });
  }
  if (found.length === 0 || start > found.at(-1)!.endBytes) {
    found.push({ key: before, endBytes: start });
  }
  return found;
}

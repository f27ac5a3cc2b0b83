// Asks one pod which models it serves, by OpenAI's GET /v1/models.
import { type Dispatcher, request } from "undici";
import { explainRequestError, requestHeaders } from "../scrape/scrape.js";

const BODY_BYTES_MAX = 1024 * 1024;
/** An error page is read this far, so that the connection can be used again. */
const DISCARD_BYTES_MAX = 16 * 1024;
/** Beyond it the pod's list is cut. */
const MODELS_MAX = 1_024;
const TEXT_CHARS_MAX = 256;

/** What the pool's own list shows of a model, in the order in which it is written. */
export interface ModelCard {
  id: string;
  object: "model";
  /** Unix seconds. */
  created: number;
  owned_by: string;
  root: string | null;
  /** The model that an adapter belongs to. */
  parent: string | null;
  max_model_len?: number;
}

export interface ServedModel {
  card: ModelCard;
  isAdapter: boolean;
}

export interface ServedModelsContext {
  dispatcher: Dispatcher;
  bearerToken: () => string | null;
  timeoutMs: number;
}

export type ServedAnswer =
  { isKnown: true; models: ServedModel[] } | { isKnown: false; detail: string };

/** Never rejects: a pod that does not tell costs nothing but this knowledge. */
export async function askServedModels(
  url: string,
  { dispatcher, bearerToken, timeoutMs }: ServedModelsContext,
): Promise<ServedAnswer> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  try {
    const headers = requestHeaders("application/json", bearerToken());
    return await read(await request(url, { dispatcher, headers, signal: deadline.signal }));
  } catch (error) {
    const detail = explainRequestError(error, deadline.signal.aborted ? timeoutMs : null);
    return { isKnown: false, detail };
  } finally {
    clearTimeout(timer);
  }
}

async function read({ statusCode, body }: Dispatcher.ResponseData): Promise<ServedAnswer> {
  // Giving a body up makes it report an error, which without a listener would end the process.
  body.on("error", () => {});
  if (statusCode !== 200) {
    await body.dump({ limit: DISCARD_BYTES_MAX });
    return { isKnown: false, detail: `HTTP status ${statusCode}` };
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      body.destroy();
      return { isKnown: false, detail: `a list of more than ${BODY_BYTES_MAX} bytes` };
    }
    chunks.push(chunk);
  }
  const models = parseModelList(Buffer.concat(chunks, bytes).toString("utf8"));
  if (models === null) return { isKnown: false, detail: "the answer is no list of models" };
  return { isKnown: true, models };
}

/** Null for what is no list of models; entries without a sensible id are left out. */
export function parseModelList(text: string): ServedModel[] | null {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(answer) || !Array.isArray(answer["data"])) return null;
  const models = new Map<string, ServedModel>();
  for (const entry of answer["data"].slice(0, MODELS_MAX) as unknown[]) {
    const card = isObject(entry) ? cardOf(entry) : null;
    if (card === null || models.has(card.id)) continue;
    models.set(card.id, { card, isAdapter: card.parent !== null });
  }
  return [...models.values()];
}

/** Only these keys: others may be long, or no business of a gateway's clients. */
function cardOf(entry: Record<string, unknown>): ModelCard | null {
  const id = textOf(entry["id"]);
  if (id === null) return null;
  const card: ModelCard = {
    id,
    object: "model",
    created: countOf(entry["created"]) ?? 0,
    owned_by: textOf(entry["owned_by"]) ?? "vllm",
    root: textOf(entry["root"]),
    parent: textOf(entry["parent"]),
  };
  const length = countOf(entry["max_model_len"]);
  if (length !== null) card.max_model_len = length;
  return card;
}

function textOf(value: unknown): string | null {
  const isText = typeof value === "string" && value.length > 0 && value.length <= TEXT_CHARS_MAX;
  return isText ? value : null;
}

function countOf(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER
    ? Math.floor(value)
    : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

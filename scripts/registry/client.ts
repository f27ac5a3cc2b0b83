// Asks one registry by HTTP, and logs in the way it says when it answers 401.
import { Agent, request, type Dispatcher } from "undici";
import { parseChallenge, type Challenge } from "./challenge.js";
import type { FoundLogin, Login } from "./credentials.js";

/** A registry that stores a blob elsewhere may take its time to answer a PUT. */
const ANSWER_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Of an error's answer, for the text that a person reads. */
const ERROR_CHARACTERS_MAX = 300;

export interface Question {
  method: Dispatcher.HttpMethod;
  /** A path of the registry, or a whole URL that the registry gave. */
  url: string;
  type?: string;
  /** Media types that the answer may have; registries tell nobody else of an index. */
  accept?: string;
  body?: Buffer;
}

export interface RegistryAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** What the registry said no to; the message names it, the reason and the login that was used. */
export class RegistryError extends Error {}

export class RegistryClient {
  readonly #agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
  });
  #authorization: string | null = null;

  /** `scope` is asked for where the registry's challenge names none. */
  constructor(
    readonly origin: string,
    private readonly found: FoundLogin,
    private readonly scope: string,
  ) {}

  /** Resolves with an answer whose status is one of `good`, else throws a RegistryError. */
  async ask(question: Question, good: number[]): Promise<RegistryAnswer> {
    let answer = await this.#send(question);
    if (answer.status === 401) {
      const challenge = parseChallenge(answer.headers["www-authenticate"]);
      const authorization = challenge === null ? null : await this.#logIn(challenge);
      if (authorization !== null) {
        this.#authorization = authorization;
        answer = await this.#send(question);
      }
    }
    if (good.includes(answer.status)) return answer;
    throw new RegistryError(
      `${this.origin} answered ${answer.status} to ${question.method} ` +
        `${pathOf(question.url)}: ${reasonOf(answer)}${this.#loginHint(answer.status)}`,
    );
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #send(question: Question): Promise<RegistryAnswer> {
    const url = new URL(question.url, this.origin);
    const headers: Record<string, string> = {};
    if (question.type !== undefined) headers["content-type"] = question.type;
    if (question.accept !== undefined) headers["accept"] = question.accept;
    // An upload may lead to another host's storage, which must not see the login.
    if (this.#authorization !== null && url.origin === this.origin) {
      headers["authorization"] = this.#authorization;
    }
    return await this.#fetch(url, question.method, headers, question.body);
  }

  async #logIn(challenge: Challenge): Promise<string | null> {
    const { login } = this.found;
    if (challenge.scheme === "basic") return login === null ? null : basic(login);
    const url = new URL(challenge.realm);
    if (url.protocol !== "https:" && this.origin.startsWith("https:")) {
      throw new RegistryError(
        `${this.origin} sends the login to ${url.origin} without TLS: refused`,
      );
    }
    if (challenge.service !== null) url.searchParams.set("service", challenge.service);
    url.searchParams.set("scope", challenge.scope ?? this.scope);
    const headers: Record<string, string> = login === null ? {} : { authorization: basic(login) };
    const answer = await this.#fetch(url, "GET", headers);
    if (answer.status !== 200) {
      throw new RegistryError(
        `${url.origin} gave no token (${answer.status}): ${reasonOf(answer)}` +
          this.#loginHint(answer.status),
      );
    }
    return `Bearer ${tokenOf(answer.text, url.origin)}`;
  }

  async #fetch(
    url: URL,
    method: Dispatcher.HttpMethod,
    headers: Record<string, string>,
    body?: Buffer,
  ): Promise<RegistryAnswer> {
    const dispatcher = this.#agent;
    const options = { method, headers, dispatcher, ...(body === undefined ? {} : { body }) };
    try {
      const answer = await request(url, options);
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text: await answer.body.text(),
      };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new RegistryError(`${url.origin} cannot be reached: ${code ?? message}`, {
        cause: error,
      });
    }
  }

  #loginHint(status: number): string {
    if (status !== 401 && status !== 403) return "";
    const { login, source } = this.found;
    return login === null ? ` (${source})` : ` (as ${login.username}, from ${source})`;
  }
}

function basic({ username, password }: Login): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** Both names are in use (distribution's token specification: `access_token` is OAuth 2's). */
function tokenOf(text: string, origin: string): string {
  try {
    const { token, access_token: other } = JSON.parse(text) as Record<string, unknown>;
    const found = token ?? other;
    if (typeof found === "string" && found !== "") return found;
  } catch {
    // Told below: a page that is no JSON holds no token either.
  }
  throw new RegistryError(`${origin} answered without a token`);
}

/** The codes and messages of the specification's error body, else the beginning of the text. */
function reasonOf({ text }: RegistryAnswer): string {
  try {
    const { errors } = JSON.parse(text) as { errors?: { code?: string; message?: string }[] };
    const told = errors?.map(({ code, message }) => [code, message].filter(Boolean).join(" "));
    if (told !== undefined && told.length > 0)
      return told.join("; ").slice(0, ERROR_CHARACTERS_MAX);
  } catch {
    // Many proxies in front of registries answer with a page of HTML.
  }
  const line = text.replace(/\s+/g, " ").trim().slice(0, ERROR_CHARACTERS_MAX);
  return line === "" ? "no reason given" : line;
}

/** Without the query, which may hold a signature. */
function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/]+/, "").replace(/\?.*$/, "");
}

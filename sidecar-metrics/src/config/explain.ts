// Turns what a schema refused into one line: where, which key, which value, what is allowed.
import { type Document, isNode, LineCounter, type ParsedNode, parseDocument } from "yaml";
import type { z } from "zod";

const VALUE_CHARS_MAX = 60;
/** Never repeated in a message, which ends up in logs. */
const SECRET_KEYS: PropertyKey[] = ["hashKey"];
/** A URL with a user and most likely a password in it. */
const SECRET_TEXT = /:\/\/[^/]*@/;

export class ConfigError extends Error {}

/** A parsed YAML (or JSON) text that still knows its lines. */
export interface Source {
  file: string;
  document: Document.Parsed<ParsedNode>;
  lines: LineCounter;
}

/** Throws a ConfigError for a text that is no YAML. */
export function parseSource(file: string, text: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    throw new ConfigError(`${file}:${line}: ${error.message.split("\n")[0]}`);
  }
  return { file, document, lines };
}

/** The plain value of a source; throws a ConfigError for aliases that lead nowhere or too far. */
export function contentOf({ file, document }: Source): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new ConfigError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

type Path = readonly PropertyKey[];

/** `variableOf` names the environment variable that set a path, if one did. */
export function explainIssue(
  issue: z.core.$ZodIssue,
  content: unknown,
  source: Source | null,
  variableOf: (path: Path) => string | undefined = () => undefined,
): string {
  const isUnknownKey = issue.code === "unrecognized_keys";
  const path = isUnknownKey ? [...issue.path, issue.keys[0] ?? ""] : issue.path;
  const variable = variableOf(path);
  const where =
    variable ?? (source === null ? "environment" : `${source.file}:${lineOf(source, path)}`);
  const key = path.length === 0 ? "" : `${formatPath(path)}: `;
  if (isUnknownKey) return `${where}: ${key}there is no such key`;
  const value = valueAt(content, path);
  const isMissing = value === undefined;
  const isSecret = SECRET_KEYS.includes(path.at(-1) ?? "") || SECRET_TEXT.test(String(value));
  const shown = isSecret ? "its value" : shorten(value);
  const said = isMissing ? "is missing" : `${shown} is not allowed`;
  return `${where}: ${key}${said}; it must be ${issue.message}`;
}

export function formatPath(path: Path): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}

/** The line of the key itself, or of the nearest thing around it that is written down. */
function lineOf({ document, lines }: Source, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    const pair = pairsOf(parent).find(({ key }) => isNode(key) && key.toJSON() === last);
    const node = pair?.key ?? document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  const start = document.contents?.range[0];
  return start === undefined ? 1 : lines.linePos(start).line;
}

function pairsOf(node: unknown): { key: unknown }[] {
  const items = isNode(node) && "items" in node ? node.items : [];
  return (items as object[]).filter((item): item is { key: unknown } => "key" in item);
}

function valueAt(content: unknown, path: Path): unknown {
  let value = content;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return value;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

function shorten(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return "an alias inside of what it stands for";
  }
  return text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX)}...`;
}

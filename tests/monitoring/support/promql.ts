// Takes PromQL apart as far as these tests need it: which series an expression asks for.

/** One vector selector: a name, matchers, or both. */
export interface Selector {
  /** Empty where only matchers are given. */
  name: string;
  /** With the braces; empty where there are none. */
  matchers: string;
}

const KEYWORDS = new Set([
  ...["and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"],
  ...["group_left", "group_right", "inf", "nan"],
]);
const GROUPING = /\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g;
/** A text, a selector with matchers, a range, a number or duration, or a name. */
const TOKEN = new RegExp(
  [
    String.raw`"(?:[^"\\]|\\.)*"`,
    String.raw`(?<before>[a-zA-Z_:][\w:]*)?\s*(?<matchers>\{(?:[^}"]|"(?:[^"\\]|\\.)*")*\})`,
    String.raw`\[[^\]]*\]`,
    String.raw`\d[\w.]*`,
    String.raw`(?<name>[a-zA-Z_:][\w:]*)(?<call>\s*\()?`,
  ].join("|"),
  "g",
);

/** Every selector, in order; function names, label lists, durations and texts are none. */
export function selectorsOf(expression: string): Selector[] {
  const selectors: Selector[] = [];
  for (const { groups = {} } of expression.replace(GROUPING, " ").matchAll(TOKEN)) {
    const { before = "", matchers, name, call } = groups;
    if (matchers !== undefined) selectors.push({ name: before, matchers });
    else if (name !== undefined && call === undefined && !KEYWORDS.has(name.toLowerCase())) {
      selectors.push({ name, matchers: "" });
    }
  }
  return selectors;
}

/** The labels that the result of an expression of the form `sum by (a, b) (...)` may have. */
export function groupingsOf(expression: string): string[][] {
  return [...expression.matchAll(/\bby\s*\(([^)]*)\)/g)].map((match) =>
    (match[1] ?? "")
      .split(",")
      .map((label) => label.trim())
      .filter((label) => label !== ""),
  );
}

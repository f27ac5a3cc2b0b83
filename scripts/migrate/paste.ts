// Takes the YAML out of pasted shell commands: `kubectl apply -f- <<EOF`, the YAML, `EOF`.
import type { Findings } from "./finding.js";

const OPENING = /^\s*(?:\$\s+)?kubectl\s.*<<-?\s*(["']?)(\w+)\1\s*$/;
/** What the shell replaces between an unquoted `<<EOF` and its end. */
const EXPANSION = /\$[A-Za-z_{(]|`/;

/**
 * The text with every line that is not YAML emptied, so that lines keep their numbers. A text
 * without such a command is YAML as a whole and comes back as it is.
 */
export function unwrapPaste(file: string, text: string, findings: Findings): string {
  const lines = text.split(/\r?\n/);
  if (!lines.some((line) => OPENING.test(line))) return text;
  let end: string | null = null;
  let isQuoted = false;
  let openedAt = 0;
  const kept = lines.map((line, index) => {
    const place = { file, line: index + 1, label: "" };
    if (end === null) {
      const opening = OPENING.exec(line);
      if (opening === null) return "";
      end = opening[2] ?? "";
      isQuoted = opening[1] !== "";
      openedAt = index + 1;
      return "---";
    }
    if (line.trim() === end) {
      end = null;
      return "";
    }
    if (line.startsWith(end)) {
      const text = `"${end}" must stand alone to end the YAML that begins in line ${openedAt}`;
      findings.add("error", place, text);
      end = null;
      return "";
    }
    if (!isQuoted && EXPANSION.test(line)) {
      findings.add("warning", place, "the shell would have replaced a part of this line");
    }
    return line;
  });
  if (end !== null) {
    const place = { file, line: openedAt, label: "" };
    findings.add("error", place, `no line "${String(end)}" ends the YAML that begins here`);
  }
  return kept.join("\n");
}

// Rules of this project that no linter knows, checked over every source file of both languages.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import {
  isExcepted,
  TIDY_EXCEPTIONS,
  unusedExceptions,
  type Exception,
} from "./tidy-exceptions.js";
import { checkProjectPins } from "./tidy-pins.js";

const COLUMNS_MAX = 100;
const FILE_LINES_MAX = 400;
/** A table of cases may be long; a program file of that length has two concerns. */
const TEST_FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;

const SOURCE_FOLDERS = [
  ...["filter", "sidecar-metrics", "simulator", "demo", "lab", "scripts", "tests", "benchmarks"],
  ...[".ci", "docs", "manifests"],
];
const ROOT_FILES = /\.(ts|js|sh|md|json|ya?ml)$/;
const NOT_OURS = /(^|\/)(node_modules|build|\.venv|__snapshots__|generated)\/|package-lock\.json$/;
const TEXT_FILES = /(\.(ts|js|sh|md|json|ya?ml)|^\.ci\/run)$/;

/** One thing that is wrong, or would be without an exception. */
export interface Finding {
  path: string;
  line: number;
  rule: string;
  text: string;
}

interface Word {
  rule: string;
  pattern: RegExp;
  where: (path: string) => boolean;
  why: string;
}

const isCode = (path: string): boolean => /\.(ts|js|sh)$/.test(path) || path === ".ci/run";
const isTest = (path: string): boolean => /^tests\/|\.(test|spec)\.ts$/.test(path);
/** Where time and chance are arguments, so that a run can be repeated. */
const isTimed = (path: string): boolean =>
  /^(filter|simulator|sidecar-metrics)\//.test(path) && !/(^|\/)main\.ts$/.test(path);

// Written in pieces, or this file would find itself.
const WORDS: Word[] = [
  {
    rule: "todo",
    pattern: new RegExp(`\\b(${["FIX", "TO"].join("ME|")}DO|XX${"X"})\\b`),
    where: isCode,
    why: "do it, or say why not",
  },
  {
    rule: "clock",
    pattern: /\b(Date\.now|new Date)\(/,
    where: isTimed,
    why: "the time is an argument (nowMs) outside a main",
  },
  {
    rule: "chance",
    pattern: /\bMath\.random\b/,
    where: isTimed,
    why: "chance is an argument (random) outside a main",
  },
  {
    rule: "machine-path",
    pattern: /(?<![\w.:$}/-])\/(home|root|work|tmp|Users|opt)\/[\w.-]/,
    where: () => true,
    why: "a path of one machine",
  },
  {
    rule: "registry",
    pattern: /\b(registry\.npmjs\.org|pypi\.org|files\.pythonhosted\.org|proxy\.golang\.org)\b/,
    where: () => true,
    why: "the registry is the user's choice",
  },
  {
    rule: "skipped-test",
    pattern: /\b(test|it|describe)\.(skip|only|todo)\(|\bx(it|test|describe)\(/,
    where: isTest,
    why: "a test that does not run is no test",
  },
];

/** All findings of one file, exceptions not yet taken off. */
export function checkFile(path: string, text: string): Finding[] {
  const findings: Finding[] = [];
  const lines = text.replace(/\n$/, "").split("\n");
  const add = (line: number, rule: string, what: string): void => {
    findings.push({ path, line, rule, text: what });
  };
  lines.forEach((line, index) => {
    for (const word of WORDS) {
      if (word.where(path) && word.pattern.test(line)) add(index + 1, word.rule, word.why);
    }
    if (!isCode(path)) return;
    const columns = [...line].length;
    if (columns > COLUMNS_MAX) add(index + 1, "columns", `${columns} columns of ${COLUMNS_MAX}`);
  });
  if (!/\.(ts|js)$/.test(path)) return findings;
  const linesMax = isTest(path) ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
  if (lines.length > linesMax) add(1, "file-lines", `${lines.length} lines of ${linesMax}`);
  if (!/^(#!.*\n)?\/\/ \S/.test(text)) add(1, "purpose", "the first line says what the file does");
  findings.push(...checkSyntax(path, text));
  return findings;
}

/** Rules about functions and statements. AssemblyScript parses as TypeScript well enough. */
function checkSyntax(path: string, text: string): Finding[] {
  const findings: Finding[] = [];
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (position: number): number =>
    file.getLineAndCharacterOfPosition(position).line + 1;
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined && !isGroup(node)) {
      const first = lineOf(node.getStart(file));
      const count = lineOf(node.getEnd()) - first + 1;
      if (count > FUNCTION_LINES_MAX) {
        const what = `a function of ${count} lines, at most ${FUNCTION_LINES_MAX}`;
        findings.push({ path, line: first, rule: "function-lines", text: what });
      }
    }
    if (ts.isThrowStatement(node) && path.startsWith("filter/")) {
      const what = "a trap takes down every stream of the worker";
      findings.push({ path, line: lineOf(node.getStart(file)), rule: "throw", text: what });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return findings;
}

/** The function given to describe() is a list of tests, not one function. */
function isGroup(node: ts.Node): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^(describe|suite)$/.test(call.expression.getText());
}

/** Each file of filter/ has a spec at the same path under tests/unit. */
export function checkSpecs(paths: readonly string[]): Finding[] {
  const all = new Set(paths);
  return paths
    .filter((path) => path.startsWith("filter/") && path.endsWith(".ts"))
    .filter((path) => !all.has(specOf(path)))
    .map((path) => ({ path, line: 1, rule: "spec", text: `there is no ${specOf(path)}` }));
}

function specOf(path: string): string {
  return path.replace(/^filter\//, "tests/unit/").replace(/\.ts$/, ".spec.ts");
}

/** Every text file of the project under `root`, by its path from there. */
export function sourceFiles(root: string): string[] {
  const below = SOURCE_FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap(
    (folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(root, join(entry.parentPath, entry.name))),
  );
  const top = readdirSync(root).filter((name) => ROOT_FILES.test(name));
  return [...below, ...top].filter((path) => TEXT_FILES.test(path) && !NOT_OURS.test(path)).sort();
}

/** What is wrong in the project, each as `path:line: rule: text`. */
export function tidy(root: string, exceptions: readonly Exception[] = TIDY_EXCEPTIONS): string[] {
  const paths = sourceFiles(root);
  const findings = paths.flatMap((path) => checkFile(path, readFileSync(join(root, path), "utf8")));
  findings.push(...checkSpecs(paths), ...checkProjectPins(root));
  return [
    ...findings
      .filter((one) => !isExcepted(one, exceptions))
      .map((one) => `${one.path}:${one.line}: ${one.rule}: ${one.text}`),
    ...unusedExceptions(findings, exceptions).map(
      (one) =>
        `scripts/tidy-exceptions.ts: the exception ${one.path} (${one.rule}) excepts nothing`,
    ),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = tidy(process.cwd());
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

// Reads manifests into objects: several documents a file, `kind: List`, pasted kubectl commands.
import { Document, isMap, isSeq, LineCounter, parseAllDocuments, type YAMLMap } from "yaml";
import { KUBERNETES_YAML } from "../config/kubernetes-yaml.js";
import type { Findings } from "./finding.js";
import { asObject, KubeObject, text } from "./kube-object.js";
import { unwrapPaste } from "./paste.js";

/** A file as it was given; `name` is "-" for the standard input. */
export interface InputFile {
  name: string;
  text: string;
}

/** The objects of all files, in their order; what cannot be read is an error in `findings`. */
export function readObjects(
  files: readonly InputFile[],
  defaultNamespace: string,
  findings: Findings,
): KubeObject[] {
  const objects = files.flatMap((file) => readFile(file, defaultNamespace, findings));
  if (objects.length === 0 && !findings.hasErrors) {
    const place = { file: files[0]?.name ?? "-", line: 1, label: "" };
    findings.add("error", place, "there is no Kubernetes object in it");
  }
  const seen = new Map<string, KubeObject>();
  for (const object of objects) {
    const first = seen.get(object.id);
    if (first === undefined) seen.set(object.id, object);
    else {
      const { file, line } = first.place();
      findings.add("error", object.place(), `given twice, first in ${file}:${line}`);
    }
  }
  return objects;
}

function readFile(file: InputFile, defaultNamespace: string, findings: Findings): KubeObject[] {
  const yaml = unwrapPaste(file.name, file.text, findings);
  const counter = new LineCounter();
  const parsed = parseAllDocuments(yaml, { ...KUBERNETES_YAML, lineCounter: counter });
  const documents: Document.Parsed[] = Array.isArray(parsed) ? parsed : [];
  const objects: KubeObject[] = [];
  let carried: string[] = [];
  for (const document of documents) {
    const error = document.errors[0];
    if (error !== undefined) {
      const line = error.linePos?.[0].line ?? 1;
      const place = { file: file.name, line, label: "" };
      const what = error.message.split("\n", 1)[0]?.replace(/ at line \d+, column \d+:?$/, "");
      findings.add("error", place, `bad YAML: ${what ?? ""}${damage(yaml, line)}`);
      continue;
    }
    const comments = [...carried, ...takeComments(document)];
    carried = document.contents === null || isEmpty(document) ? comments : [];
    if (carried.length > 0 || document.contents === null || isEmpty(document)) continue;
    const at = { file: file.name, counter };
    objects.push(...fromDocument(document, at, comments, defaultNamespace, findings));
  }
  return objects;
}

function isEmpty(document: Document): boolean {
  return document.toJS() === null;
}

/** The usual harm of a web page, where the error shows it. */
function damage(yaml: string, line: number): string {
  const source = yaml.split("\n")[line - 1] ?? "";
  return /\bapiVersion: \S+ kind: /.test(source)
    ? " (the line breaks are lost, as when copied from a web page)"
    : "";
}

/** All comments above the first key; the parser leaves them in one of three places. */
function takeComments(document: Document): string[] {
  const map = document.contents;
  const first = isMap(map) ? map.items[0]?.key : null;
  const holders = [document, map, first] as ({ commentBefore?: string | null } | null)[];
  return holders.flatMap((holder) => {
    const comment = holder?.commentBefore ?? null;
    if (holder === null || comment === null) return [];
    holder.commentBefore = null;
    return comment.split("\n").filter((line) => line !== "");
  });
}

function fromDocument(
  document: Document,
  at: { file: string; counter: LineCounter },
  comments: readonly string[],
  defaultNamespace: string,
  findings: Findings,
): KubeObject[] {
  const maps = membersOf(document);
  return maps.flatMap((map, index) => {
    const one = new Document(null, KUBERNETES_YAML);
    one.contents = map;
    if (index === 0 && comments.length > 0) map.commentBefore = comments.join("\n");
    const object = new KubeObject(one, at, defaultNamespace);
    const wrong = whatIsMissing(object);
    if (wrong === null) return [object];
    const place = { ...object.place(), label: object.kind };
    findings.add("error", place, wrong);
    return [];
  });
}

/** The document itself, or the members of the `kind: List` that `kubectl get` prints. */
function membersOf(document: Document): YAMLMap[] {
  const root = document.contents;
  if (!isMap(root)) return [document.createNode({})];
  const items = root.get("items", true);
  if (text(root.get("kind")) !== "List" || !isSeq(items)) return [root];
  return items.items.filter((item): item is YAMLMap => isMap(item));
}

function whatIsMissing(object: KubeObject): string | null {
  const value = object.value;
  const missing = ["apiVersion", "kind"].filter((key) => text(value[key]) === "");
  if (missing.length > 0) return `this is no Kubernetes object: no ${missing.join(" and no ")}`;
  if (object.name !== "") return null;
  const hasLostIndent = "metadata" in value && value["metadata"] === null && "name" in value;
  const metadata = asObject(value["metadata"]);
  if ("generateName" in metadata) return "metadata.generateName cannot be applied; give a name";
  return `it has no metadata.name${hasLostIndent ? " (the indentation is lost)" : ""}`;
}

// The two articles' own requests, read from the fixtures, and `warmroute migrate` on their files.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { runProgram } from "../support/kubectl.js";
import type { FilterImage } from "../support/filter-image.js";
import { ROOT } from "../support/tools.js";

const SEEDS = join(ROOT, "tests", "fixtures", "seeds");
const WARMROUTE = fileURLToPath(new URL("../../../scripts/warmroute.js", import.meta.url));

export type Article = "qwq" | "qwen";

/** A `curl` command of an article. */
export interface Curl {
  /** Null where the article forgot it. */
  port: number | null;
  path: string;
  body: string;
}

/** The commands in the order of the article. */
export function curlsOf(article: Article): Curl[] {
  const text = readFileSync(join(SEEDS, article, "curl.txt"), "utf8").replaceAll("\\\n", " ");
  const pattern = /curl -X POST \$\{GATEWAY_(?:IP|HOST)\}(?::(\d+))?(\/\S+).*?-d '([^']*)'/gs;
  return [...text.matchAll(pattern)].map(([, port, path = "", body = ""]) => ({
    port: port === undefined ? null : Number(port),
    path,
    body,
  }));
}

/** The arguments of the article's `kubectl get gateway/...`, by which it finds the address. */
export function addressCommand(article: Article): string[] {
  const text = readFileSync(join(SEEDS, article, "curl.txt"), "utf8");
  const [, gateway = "", path = ""] = /kubectl get (\S+) -o jsonpath='([^']*)'/.exec(text) ?? [];
  return ["get", gateway, "-o", `jsonpath=${path}`];
}

export interface Migrated {
  yaml: string;
  stderr: string;
}

/** Runs the command on files of an article; throws what it said when it fails. */
export async function migrateArticle(
  article: Article,
  files: readonly string[],
  filter: FilterImage,
  more: readonly string[] = [],
): Promise<Migrated> {
  const paths = files.map((name) => join(SEEDS, article, `${name}.yaml`));
  const image = ["--filter-image", `${filter.url}@sha256:${filter.sha256}`];
  const args = [WARMROUTE, "migrate", ...image, ...more, ...paths];
  const { code, stdout, stderr } = await runProgram(process.execPath, args);
  if (code !== 0) throw new Error(`warmroute migrate: ${code}\n${stderr}`);
  return { yaml: stdout, stderr };
}

/**
 * The same objects with what the rig needs to simulate the pods of a Deployment: the model that
 * they serve. Nothing else is changed.
 */
export function withModel(yaml: string, deployment: string, model: string): string {
  const documents = parseAllDocuments(yaml);
  if (!Array.isArray(documents)) throw new Error("the migration printed nothing");
  return documents
    .map((document) => {
      const isIt =
        document.get("kind") === "Deployment" &&
        document.getIn(["metadata", "name"]) === deployment;
      const path = ["spec", "template", "metadata", "annotations", "test/model"];
      if (isIt) document.setIn(path, model);
      return document.toString({ lineWidth: 0 });
    })
    .join("");
}

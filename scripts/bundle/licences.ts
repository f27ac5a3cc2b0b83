// The licences of the packages that a bundle holds, in one text.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectPath } from "../config/project.js";

/** The last package folder of an input: packages may hold packages. */
const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

interface Manifest {
  name: string;
  version: string;
  license?: string;
}

/** `inputs` are the bundler's, relative to the project. Throws for a package without a licence. */
export function licencesOf(inputs: string[]): string {
  const folders = new Set(inputs.flatMap((input) => PACKAGE.exec(input)?.[1] ?? []));
  const texts = [...folders].sort().map(licenceOf);
  const intro = "warmroute's sidecar holds these packages, each under the licence that follows it.";
  return `${[intro, ...texts].join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

function licenceOf(folder: string): string {
  const path = projectPath(folder);
  const { name, version, license } = JSON.parse(
    readFileSync(join(path, "package.json"), "utf8"),
  ) as Manifest;
  const files = readdirSync(path)
    .filter((file) => LICENCE_FILE.test(file))
    .sort();
  if (license === undefined && files.length === 0) throw new Error(`${folder} names no licence`);
  const texts = files.map((file) => readFileSync(join(path, file), "utf8").trim());
  return [`${name} ${version} (${license ?? "see below"})`, ...texts].join("\n\n");
}

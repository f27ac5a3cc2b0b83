// The licences of the packages that a bundle holds, in one text.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectPath } from "../config/project.js";

/** The last package folder of an input: packages may hold packages. */
const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** A package as its own manifest names it. */
export interface Packaged {
  name: string;
  version: string;
  /** As an SPDX expression, where it is named so. */
  license?: string;
  /** Relative to the project. */
  folder: string;
}

/** The packages that a bundle holds; `inputs` are the bundler's, relative to the project. */
export function packagesOf(inputs: string[]): Packaged[] {
  const folders = new Set(inputs.flatMap((input) => PACKAGE.exec(input)?.[1] ?? []));
  return [...folders].sort().map(readPackage);
}

export function readPackage(folder: string): Packaged {
  const text = readFileSync(join(projectPath(folder), "package.json"), "utf8");
  return { ...(JSON.parse(text) as Omit<Packaged, "folder">), folder };
}

/** Throws for a package without a licence. */
export function licencesOf(packages: Packaged[]): string {
  const intro = "warmroute's sidecar holds these packages, each under the licence that follows it.";
  const rule = `\n\n${"-".repeat(80)}\n\n`;
  return `${[intro, ...packages.map(licenceOf)].join(rule)}\n`;
}

function licenceOf({ name, version, license, folder }: Packaged): string {
  const path = projectPath(folder);
  const files = readdirSync(path)
    .filter((file) => LICENCE_FILE.test(file))
    .sort();
  if (license === undefined && files.length === 0) throw new Error(`${folder} names no licence`);
  const texts = files.map((file) => readFileSync(join(path, file), "utf8").trim());
  return [`${name} ${version} (${license ?? "see below"})`, ...texts].join("\n\n");
}

// What is installed is what was tried: exact versions, and hashes of all that is downloaded.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "./tidy.js";

const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
const SHA512 = /^sha512-[A-Za-z0-9+/]{86}==$/;
/** A range in package.json would let an install differ from the lockfile that was tried. */
const DEPENDENCY_KEYS = ["dependencies", "devDependencies", "optionalDependencies"] as const;

type Dependencies = Partial<Record<(typeof DEPENDENCY_KEYS)[number], Record<string, string>>>;

interface Lockfile {
  packages: Record<
    string,
    Dependencies & { version?: string; integrity?: string; inBundle?: boolean }
  >;
}

/** Findings about package.json and package-lock.json, given as their texts. */
export function checkPins(manifestText: string, lockText: string): Finding[] {
  const findings: Finding[] = [];
  const add = (path: string, text: string): void => {
    findings.push({ path, line: 1, rule: "pins", text });
  };
  const manifest = JSON.parse(manifestText) as Dependencies;
  const { packages } = JSON.parse(lockText) as Lockfile;
  for (const key of DEPENDENCY_KEYS) {
    for (const [name, version] of Object.entries(manifest[key] ?? {})) {
      if (!EXACT.test(version)) add("package.json", `${name} is "${version}", not one version`);
      if (packages[""]?.[key]?.[name] !== version) {
        add("package-lock.json", `${name} is not locked as package.json names it: npm install`);
      }
    }
  }
  for (const [path, { version = "", integrity = "", inBundle }] of Object.entries(packages)) {
    // What is in another package's archive is covered by the hash of that one.
    if (path === "" || inBundle === true) continue;
    if (!EXACT.test(version)) add("package-lock.json", `${path} has no exact version`);
    if (!SHA512.test(integrity)) add("package-lock.json", `${path} has no SHA-512 hash`);
  }
  return findings;
}

/** The same of the project under `root`. */
export function checkProjectPins(root: string): Finding[] {
  const [manifest, lock] = ["package.json", "package-lock.json"].map((name) =>
    readFileSync(join(root, name), "utf8"),
  );
  return checkPins(manifest as string, lock as string);
}

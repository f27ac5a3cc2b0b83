// Bills of materials in CycloneDX 1.5: what is in filter.wasm, and in the sidecar's one file.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Packaged, readPackage } from "../bundle/licences.js";
import { projectPath } from "../config/project.js";

/**
 * What asc compiles into the module: the language's library and memory management, and the
 * declarations of Envoy's functions.
 */
const FILTER_PACKAGES = ["assemblyscript", "@solo-io/proxy-runtime"];
const SPDX_ID = /^[A-Za-z0-9.-]+$/;
const LICENCE = [{ license: { id: "Apache-2.0" } }];

type Json = Record<string, unknown>;

export function filterSbom(wasm: Uint8Array): string {
  const packages = FILTER_PACKAGES.map((name) => readPackage(`node_modules/${name}`));
  return sbomOf("warmroute-filter", "filter.wasm", wasm, packages);
}

export function sidecarSbom(bundle: Uint8Array, packages: Packaged[]): string {
  return sbomOf("warmroute-sidecar", "sidecar.mjs", bundle, packages);
}

/** No time and no serial number, so that the same content has the same bill everywhere. */
function sbomOf(name: string, file: string, content: Uint8Array, packages: Packaged[]): string {
  const { version } = readJson<{ version: string }>("package.json");
  const ref = `${name}@${version}`;
  const lock = readJson<Lockfile>("package-lock.json");
  const components = packages.map((one) => componentOf(one, lock));
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": ref,
        name,
        version,
        licenses: LICENCE,
        hashes: [{ alg: "SHA-256", content: createHash("sha256").update(content).digest("hex") }],
        properties: [{ name: "warmroute:file", value: file }],
      },
    },
    components,
    dependencies: [{ ref, dependsOn: components.map((one) => one["bom-ref"]) }],
  };
  return `${JSON.stringify(bill, null, 1)}\n`;
}

interface Lockfile {
  packages: Record<string, { integrity?: string } | undefined>;
}

function componentOf({ name, version, license, folder }: Packaged, lock: Lockfile): Json {
  const integrity = lock.packages[folder]?.integrity;
  if (integrity === undefined) throw new Error(`package-lock.json has no hash of ${folder}`);
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return {
    type: "library",
    // Not the purl alone: one package may be there twice, in two folders.
    "bom-ref": `${folder}@${version}`,
    name,
    version,
    purl,
    ...(license === undefined ? {} : { licenses: [licenceOf(license)] }),
    // Of the archive that npm downloaded.
    hashes: [{ alg: "SHA-512", content: hexOf(integrity) }],
  };
}

function licenceOf(license: string): Json {
  return SPDX_ID.test(license) ? { license: { id: license } } : { expression: license };
}

function hexOf(integrity: string): string {
  return Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
}

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(projectPath(name), "utf8")) as T;
}

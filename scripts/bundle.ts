// Bundles the sidecar to one file that runs without node_modules, and collects the licences in it.
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { licencesOf, packagesOf } from "./bundle/licences.js";
import { PROJECT_ROOT, projectPath } from "./config/project.js";
import { sidecarSbom } from "./image/sbom.js";

export const SIDECAR_FILE = "sidecar.mjs";
export const LICENCES_FILE = "THIRD-PARTY.txt";
export const SBOM_FILE = "sbom.cdx.json";

/** Packages from before ES modules call `require`, which a module does not have by itself. */
const REQUIRE = [
  'import { createRequire as warmrouteCreateRequire } from "node:module";',
  "const require = warmrouteCreateRequire(import.meta.url);",
].join("\n");
const REQUIRE_PATHS = [
  'import { dirname as warmrouteDirname } from "node:path";',
  'import { fileURLToPath as warmrouteFileURLToPath } from "node:url";',
  "const __filename = warmrouteFileURLToPath(import.meta.url);",
  "const __dirname = warmrouteDirname(__filename);",
].join("\n");

/**
 * Writes the bundle, its licences and its bill of materials to `folder`; returns the bundle's size
 * in bytes.
 */
export async function bundleSidecar(folder: string): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, SIDECAR_FILE);
  const { metafile } = await build({
    absWorkingDir: PROJECT_ROOT,
    entryPoints: ["sidecar-metrics/src/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20.11",
    format: "esm",
    // Modules that the sidecar imports only when they are used stay so, inside the one file.
    splitting: false,
    banner: { js: `${REQUIRE}\n${REQUIRE_PATHS}` },
    // The licences are in the other file; names and lines stay, for people read stack traces.
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  const packages = packagesOf(Object.keys(metafile.inputs));
  writeFileSync(join(folder, LICENCES_FILE), licencesOf(packages));
  writeFileSync(join(folder, SBOM_FILE), sidecarSbom(readFileSync(outfile), packages));
  copyFileSync(projectPath("LICENSE"), join(folder, "LICENSE"));
  return statSync(outfile).size;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? projectPath("build", "sidecar");
  const bytes = await bundleSidecar(folder);
  const path = join(relative(process.cwd(), folder), SIDECAR_FILE);
  console.error(`bundle: ${path}, ${Math.ceil(bytes / 1024)} KiB`);
}

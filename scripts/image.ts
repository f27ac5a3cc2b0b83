// `./build.sh image`: checks the module, makes the OCI image of it, and pushes it when asked.
import { readFileSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { checkModule } from "./image/check.js";
import { addSbom, writeImage } from "./image/layout.js";
import { policyLines } from "./image/policy-lines.js";
import { filterSbom } from "./image/sbom.js";
import { RegistryClient } from "./registry/client.js";
import { findLogin, PASSWORD_VARIABLE } from "./registry/credentials.js";
import { pushImage, pushReferrers } from "./registry/push.js";
import {
  apiOrigin,
  formatReference,
  parseReference,
  type Reference,
} from "./registry/reference.js";

interface Options {
  wasm: string;
  out: string;
  push?: string;
  sbom: boolean;
  insecure?: boolean;
  username?: string;
}

async function main(options: Options): Promise<void> {
  // First what costs nothing to find out: a wrong name should not wait for an Envoy.
  const target = options.push === undefined ? null : parseReference(options.push);
  const found = target === null ? null : findLogin(target.registry, options.username, process.env);
  const { envoyVersion } = await checkModule(options.wasm);
  console.error(`image: ${options.wasm} loads and routes in Envoy ${envoyVersion}`);
  const wasm = readFileSync(options.wasm);
  const digest = writeImage(wasm, options.out);
  const sbom = filterSbom(wasm);
  addSbom(options.out, sbom);
  writeFileSync(`${options.out}.cdx.json`, sbom);
  if (target === null || found === null) {
    const made = `${options.out} and ${options.out}.cdx.json are made`;
    console.error(`image: ${made}; --push HOST/PATH:TAG sends it to a registry`);
    console.log(digest);
    return;
  }
  const origin = apiOrigin(target.registry, options.insecure === true);
  const scope = `repository:${target.repository}:pull,push`;
  const client = new RegistryClient(origin, found, scope);
  try {
    const { sentCount, keptCount } = await pushImage(options.out, target, client);
    console.error(`image: pushed, ${sentCount} blobs sent, ${keptCount} were there`);
    if (options.sbom) await attachSbom(options.out, target, client);
  } finally {
    await client.close();
  }
  console.log(`${formatReference(target)}@${digest}`);
  console.error(policyLines(target, digest));
}

/** The image is of use without it, and a registry may be too old to take it. */
async function attachSbom(
  folder: string,
  target: Reference,
  client: RegistryClient,
): Promise<void> {
  try {
    await pushReferrers(folder, target, client);
    console.error("image: its bill of materials is attached");
  } catch (error) {
    const { message } = error as Error;
    const hint = "--no-sbom leaves it out";
    throw new Error(`the image is pushed, its bill of materials is not: ${message} (${hint})`, {
      cause: error,
    });
  }
}

const command = new Command("image")
  .description("Makes the OCI image that Envoy Gateway loads; prints its digest, or NAME@DIGEST")
  .option("--wasm <file>", "the module", "build/filter.wasm")
  .option("--out <folder>", "where the OCI layout goes", "build/image")
  .option("--push <reference>", "HOST[:PORT]/PATH:TAG to push it to")
  .option("--no-sbom", "push the image without its bill of materials")
  .option("--insecure", "speak plain HTTP with the registry (loopback always does)")
  .option("--username <name>", `log in by this name, with the password in ${PASSWORD_VARIABLE}`)
  .addHelpText("after", "\nWithout --username the login is that of docker's config.json.");

try {
  await main(command.parse().opts<Options>());
} catch (error) {
  const { message, stack, constructor } = error as Error;
  // A plain mistake is told in its own words; a bug of ours needs its stack.
  const isBug = constructor === TypeError || constructor === ReferenceError;
  console.error(`image: ${isBug ? stack : message}`);
  process.exitCode = 1;
}

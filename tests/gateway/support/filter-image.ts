// Pushes a filter to the rig's registry by `./build.sh image --push`, and names what was pushed.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeImage } from "../../../scripts/image/layout.js";
import { RegistryClient } from "../../../scripts/registry/client.js";
import { pushImage } from "../../../scripts/registry/push.js";
import { apiOrigin, parseReference } from "../../../scripts/registry/reference.js";
import { runProgram } from "./kubectl.js";
import { REGISTRY } from "./registry.js";
import { FILTER_WASM, ROOT } from "./tools.js";

const IMAGE_SCRIPT = fileURLToPath(new URL("../../../scripts/image.js", import.meta.url));
const REPOSITORY = `${REGISTRY}/warmroute/filter`;
const NO_LOGIN = { login: null, source: "none is needed" };

export interface FilterImage {
  /** `HOST:PORT/PATH:TAG`. */
  url: string;
  /** Of the manifest, 64 hex digits. */
  sha256: string;
}

/** Where an image goes, and as whom. */
export interface Destination {
  /** `HOST:PORT/PATH` */
  repository: string;
  login: { username: string; password: string } | null;
}

/** Pushes the built filter, or `module`, under a tag. */
export async function pushFilter(
  folder: string,
  tag: string,
  module: Uint8Array = readFileSync(FILTER_WASM),
  at: Destination = { repository: REPOSITORY, login: null },
): Promise<FilterImage> {
  mkdirSync(folder, { recursive: true });
  const wasm = join(folder, `${tag}.wasm`);
  writeFileSync(wasm, module);
  const { repository, login } = at;
  const url = `${repository}:${tag}`;
  const out = join(folder, `image-${tag}`);
  const args = [IMAGE_SCRIPT, "--wasm", wasm, "--out", out, "--push", url, "--insecure"];
  const as = login === null ? [] : ["--username", login.username];
  const password = login === null ? {} : { WARMROUTE_REGISTRY_PASSWORD: login.password };
  const env = { PWD: ROOT, ...password };
  const output = await runProgram(process.execPath, [...args, ...as], "", env);
  const sha256 = /@sha256:([0-9a-f]{64})\s*$/.exec(output.stdout)?.[1];
  if (output.code !== 0 || sha256 === undefined) {
    throw new Error(`image --push ${url}: ${output.code}\n${output.stderr}${output.stdout}`);
  }
  return { url, sha256 };
}

/** Pushes a module that `image --push` refuses, as another tool would. */
export async function pushUnchecked(
  folder: string,
  tag: string,
  module: Uint8Array,
): Promise<FilterImage> {
  const reference = parseReference(`${REPOSITORY}:${tag}`);
  const out = join(folder, `image-${tag}`);
  mkdirSync(out, { recursive: true });
  writeImage(module, out);
  const scope = `repository:${reference.repository}:pull,push`;
  const client = new RegistryClient(apiOrigin(reference.registry, true), NO_LOGIN, scope);
  try {
    const { digest } = await pushImage(out, reference, client);
    return { url: `${REPOSITORY}:${tag}`, sha256: digest.replace("sha256:", "") };
  } finally {
    await client.close();
  }
}

/** The filter as another module: a custom section changes its bytes and nothing that runs. */
export function withCustomSection(module: Uint8Array, text: string): Uint8Array {
  const name = Buffer.from("version");
  const content = Buffer.from(text);
  const size = 1 + name.length + content.length;
  if (size > 127) throw new Error("a section of more than 127 bytes needs a longer length");
  const head = Uint8Array.from([0, size, name.length]);
  return Buffer.concat([module, head, name, content]);
}

// Images of the filter: several versions that behave alike, pushed as `./build.sh image` does.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeImage } from "../../../../scripts/image/layout.js";
import type { Login } from "../../../../scripts/registry/credentials.js";
import { RegistryClient } from "../../../../scripts/registry/client.js";
import { pushImage } from "../../../../scripts/registry/push.js";
import { apiOrigin, parseReference } from "../../../../scripts/registry/reference.js";
import { FILTER_WASM } from "../../support/tools.js";

/** The built filter with a section that no runtime reads: other bytes, the same behaviour. */
export function filterVersion(name: string): Buffer {
  const text = Buffer.from(name);
  const section = [0, text.length + 1, text.length];
  return Buffer.concat([readFileSync(FILTER_WASM), Buffer.from(section), text]);
}

/** Makes and pushes an image without the check of the command; returns its digest. */
export async function pushModule(
  wasm: Uint8Array,
  reference: string,
  folder: string,
  login: Login | null = null,
): Promise<string> {
  const layout = join(folder, "image");
  writeImage(wasm, layout);
  const target = parseReference(reference);
  const found = { login, source: "the test" };
  const client = new RegistryClient(apiOrigin(target.registry, false), found, "");
  try {
    return (await pushImage(layout, target, client)).digest;
  } finally {
    await client.close();
  }
}

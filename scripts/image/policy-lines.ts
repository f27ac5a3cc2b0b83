// The lines that name a pushed image: for an overlay, and for the policies themselves.
import { formatReference, type Reference } from "../registry/reference.js";

/** The vm_id of an image: Envoy may go on with the old code under the same one. */
export function vmIdOf(digest: string): string {
  return `warmroute-${hexOf(digest)}`;
}

export function policyLines(reference: Reference, digest: string): string {
  return [
    "",
    "# settings.yaml of an overlay:",
    `filterImage: ${formatReference(reference)}`,
    `filterDigest: "${hexOf(digest)}"`,
    "",
    "# or without an overlay: EnvoyExtensionPolicy, in spec.wasm[0]:",
    "code:",
    "  type: Image",
    "  image:",
    `    url: ${formatReference(reference)}`,
    // In quotes, for hexadecimal may read as a number.
    `    sha256: "${hexOf(digest)}"`,
    "# and EnvoyPatchPolicy, the value of its patch of vm_config.vm_id:",
    `value: ${vmIdOf(digest)}`,
  ].join("\n");
}

function hexOf(digest: string): string {
  return digest.replace("sha256:", "");
}

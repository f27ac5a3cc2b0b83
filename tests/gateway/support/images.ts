// What the rig runs in the place of an image: the same program, as it is on this machine.
import { fileURLToPath } from "node:url";
import type { Images } from "./pod-spec.js";
import { tool } from "./tools.js";

const SIDECAR = fileURLToPath(new URL("../../../sidecar-metrics/src/main.js", import.meta.url));

/** Knows the images that an Envoy pod of the shipped manifests has. */
export function imagesOf(envoyPath: string): Images {
  return (image, program) => {
    if (/\/envoyproxy\/gateway:/.test(image)) return [tool("WARMROUTE_ENVOY_GATEWAY_BIN")];
    if (/\/envoyproxy\/envoy:/.test(image)) return [envoyPath];
    // Its entry point; the manifests name none.
    if (/\/warmroute\/sidecar[:@]/.test(image) && program === "")
      return [process.execPath, SIDECAR];
    throw new Error(`the rig has nothing for the image ${image} with the command "${program}"`);
  };
}

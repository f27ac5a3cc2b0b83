// Packs a .wasm file as the OCI image that Envoy Gateway loads.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipStored, tarOf } from "./layer.js";

/** The name that the wasm image specification's `compat` variant asks for in its one layer. */
const MODULE_FILE = "plugin.wasm";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";

/** The bill of materials, as other programs find it: an artifact whose subject is the image. */
export const SBOM_TYPE = "application/vnd.cyclonedx+json";
const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";

interface Blob {
  mediaType: string;
  artifactType?: string;
  digest: string;
  size: number;
}

/**
 * Writes an OCI image layout to `folder` and returns the manifest's digest. Nothing but the module
 * goes in (no time, no user, no compressor's version), so one module has one digest everywhere.
 */
export function writeImage(wasm: Uint8Array, folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  const tar = tarOf(MODULE_FILE, wasm);
  const layer = writeBlob(folder, LAYER_TYPE, gzipStored(tar));
  const config = writeBlob(
    folder,
    CONFIG_TYPE,
    json({
      architecture: "wasm",
      os: "wasip1",
      config: {},
      rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
    }),
  );
  const manifest = writeBlob(
    folder,
    MANIFEST_TYPE,
    json({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config,
      layers: [layer],
      annotations: { "module.wasm.image/variant": "compat" },
    }),
  );
  writeIndex(folder, [manifest]);
  writeFileSync(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  return manifest.digest;
}

/**
 * Adds a bill of materials to the image that `writeImage` wrote, and returns the digest of its
 * manifest. The image itself and its digest stay as they are.
 */
export function addSbom(folder: string, sbom: string): string {
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
    manifests: Blob[];
  };
  const [subject] = index.manifests;
  if (subject === undefined) throw new Error(`${folder}/index.json lists no image`);
  const manifest = writeBlob(
    folder,
    MANIFEST_TYPE,
    json({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      artifactType: SBOM_TYPE,
      config: writeBlob(folder, EMPTY_TYPE, json({})),
      layers: [writeBlob(folder, SBOM_TYPE, Buffer.from(sbom))],
      subject,
    }),
  );
  writeIndex(folder, [subject, { ...manifest, artifactType: SBOM_TYPE }]);
  return manifest.digest;
}

function writeIndex(folder: string, manifests: Blob[]): void {
  const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests };
  writeFileSync(join(folder, "index.json"), json(index));
}

function writeBlob(folder: string, mediaType: string, bytes: Uint8Array): Blob {
  const digest = digestOf(bytes);
  writeFileSync(join(folder, "blobs", digest.replace(":", "/")), bytes);
  return { mediaType, digest, size: bytes.length };
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

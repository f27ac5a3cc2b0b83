// Packs a .wasm file as the OCI image that Envoy Gateway loads, and prints the image's digest.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "./crc32.js";

/** The name that the wasm image specification's `compat` variant asks for in its one layer. */
const MODULE_FILE = "plugin.wasm";
const TAR_BLOCK_BYTES = 512;
const STORED_BLOCK_BYTES_MAX = 65_535;
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";

interface Blob {
  mediaType: string;
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
  const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [manifest] };
  writeFileSync(join(folder, "index.json"), json(index));
  writeFileSync(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  return manifest.digest;
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

/** A ustar archive of one file that belongs to root and is as old as the epoch. */
function tarOf(name: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");
  header.write(name, 0);
  header.write(`${octal(0o644, 7)}\0`, 100);
  header.write(`${octal(0, 7)}\0${octal(0, 7)}\0`, 108); // owner, group
  header.write(`${octal(content.length, 11)}\0${octal(0, 11)}\0`, 124); // size, time
  header.write(" ".repeat(8), 148); // The checksum counts itself as spaces.
  header.write("0", 156); // a regular file
  header.write("ustar\x0000", 257);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${octal(checksum, 6)}\0 `, 148);
  const padding = (TAR_BLOCK_BYTES - (content.length % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
  return Buffer.concat([header, content, Buffer.alloc(padding + 2 * TAR_BLOCK_BYTES)]);
}

/**
 * A gzip of stored blocks. Envoy Gateway takes only a gzipped layer, but what a compressor writes
 * changes from one version of zlib to the next, and the digest with it.
 */
function gzipStored(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])];
  for (let start = 0; start < bytes.length; start += STORED_BLOCK_BYTES_MAX) {
    const block = bytes.subarray(start, start + STORED_BLOCK_BYTES_MAX);
    const head = Buffer.alloc(5);
    head.writeUInt8(start + block.length === bytes.length ? 1 : 0, 0);
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(~block.length & 0xffff, 3);
    parts.push(head, block);
  }
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(bytes), 0);
  tail.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([...parts, tail]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , wasmPath = "build/filter.wasm", folder = "build/image"] = process.argv;
  console.log(writeImage(readFileSync(wasmPath), folder));
}

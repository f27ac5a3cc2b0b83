// The OCI image: what other programs read in it, and that its digest depends on the module alone.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { crc32 } from "../scripts/crc32.js";
import { writeImage } from "../scripts/image/layout.js";

// Longer than one stored block of gzip and no multiple of a tar block.
const MODULE = Buffer.from(Array.from({ length: 150_001 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

describe("the OCI image", () => {
  const folder = mkdtempSync(join(tmpdir(), "warmroute-image-"));
  after(() => rmSync(folder, { recursive: true }));
  const digest = writeImage(MODULE, join(folder, "a"));
  const blob = (name: string): Buffer =>
    readFileSync(join(folder, "a/blobs", name.replace(":", "/")));
  const manifest = JSON.parse(blob(digest).toString()) as { layers: Descriptor[] };
  const layer = blob(manifest.layers[0]?.digest ?? "");

  test("the checksum of the published check string", () => {
    assert.equal(crc32(Buffer.from("123456789")), 0xcbf43926);
  });

  test("tar unpacks the layer to the module", () => {
    const path = join(folder, "layer.tgz");
    writeFileSync(path, layer);
    assert.equal(execFileSync("tar", ["-tzf", path], { encoding: "utf8" }), "plugin.wasm\n");
    const unpacked = execFileSync("tar", ["-xzOf", path], { maxBuffer: 1 << 20 });
    assert.ok(unpacked.equals(MODULE));
  });

  test("zlib reads the layer to the tar that the configuration names", () => {
    const config = (JSON.parse(blob(digest).toString()) as { config: Descriptor }).config;
    const { rootfs } = JSON.parse(blob(config.digest).toString()) as {
      rootfs: { diff_ids: string[] };
    };
    const sum = createHash("sha256").update(gunzipSync(layer)).digest("hex");
    assert.deepEqual(rootfs.diff_ids, [`sha256:${sum}`]);
  });

  test("Envoy Gateway's media type, one layer, sizes as they are", () => {
    assert.equal(manifest.layers.length, 1);
    assert.deepEqual(
      manifest.layers.map(({ mediaType, size }) => [mediaType, size]),
      [["application/vnd.oci.image.layer.v1.tar+gzip", layer.length]],
    );
    const index = JSON.parse(readFileSync(join(folder, "a/index.json"), "utf8")) as {
      manifests: Descriptor[];
    };
    assert.deepEqual(
      index.manifests.map((one) => [one.digest, one.size]),
      [[digest, blob(digest).length]],
    );
  });

  test("the same module has the same digest, another one another", () => {
    assert.equal(writeImage(MODULE, join(folder, "b")), digest);
    assert.notEqual(writeImage(MODULE.subarray(1), join(folder, "c")), digest);
  });
});

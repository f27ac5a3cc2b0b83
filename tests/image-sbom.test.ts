// The bills of materials: what they say is in the files, and how an image carries its own.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { bundleSidecar, LICENCES_FILE, SBOM_FILE, SIDECAR_FILE } from "../scripts/bundle.js";
import { projectPath } from "../scripts/config/project.js";
import { addSbom, writeImage } from "../scripts/image/layout.js";
import { filterSbom } from "../scripts/image/sbom.js";
import { RegistryClient } from "../scripts/registry/client.js";
import { pushImage, pushReferrers } from "../scripts/registry/push.js";
import { apiOrigin, parseReference } from "../scripts/registry/reference.js";
import {
  startFakeRegistry,
  type FakeRegistry,
  type RegistryOptions,
} from "./fixtures/fake-registry.js";

const folder = mkdtempSync(join(tmpdir(), "warmroute-sbom-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const MODULE = Buffer.from("a module");
const TYPE = "application/vnd.cyclonedx+json";
const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

interface Bill {
  bomFormat: string;
  specVersion: string;
  metadata: { component: { name: string; version: string; hashes: { content: string }[] } };
  components: {
    "bom-ref": string;
    name: string;
    version: string;
    purl: string;
    licenses?: unknown[];
    hashes: { alg: string; content: string }[];
  }[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

const manifest = JSON.parse(readFileSync(projectPath("package.json"), "utf8")) as {
  version: string;
  devDependencies: Record<string, string>;
};

describe("a bill of materials", () => {
  test("of the filter names its digest, and what the compiler puts in", () => {
    const bill = JSON.parse(filterSbom(MODULE)) as Bill;
    assert.deepEqual([bill.bomFormat, bill.specVersion], ["CycloneDX", "1.5"]);
    const { component } = bill.metadata;
    assert.deepEqual([component.name, component.version], ["warmroute-filter", manifest.version]);
    assert.equal(component.hashes[0]?.content, digestOf(MODULE));
    assert.deepEqual(
      bill.components.map(({ name, version }) => [name, version]),
      ["assemblyscript", "@solo-io/proxy-runtime"].map((name) => [
        name,
        manifest.devDependencies[name],
      ]),
    );
    assert.equal(bill.components[1]?.purl, "pkg:npm/%40solo-io/proxy-runtime@0.1.8");
    assert.equal(filterSbom(MODULE), filterSbom(MODULE), "the same each time");
    assert.notEqual(filterSbom(MODULE), filterSbom(MODULE.subarray(1)));
  });

  test("of the sidecar names the packages whose licences come with it", async () => {
    const made = join(folder, "sidecar");
    await bundleSidecar(made);
    const bill = JSON.parse(readFileSync(join(made, SBOM_FILE), "utf8")) as Bill;
    const bundle = readFileSync(join(made, SIDECAR_FILE));
    assert.equal(bill.metadata.component.hashes[0]?.content, digestOf(bundle));
    const licences = readFileSync(join(made, LICENCES_FILE), "utf8");
    const licensed = [...licences.matchAll(/^-{80}\n\n(\S+) (\S+) \(/gm)];
    assert.ok(licensed.length > 20);
    assert.deepEqual(
      bill.components.map(({ name, version }) => `${name}@${version}`),
      licensed.map(([, name, version]) => `${name}@${version}`),
    );
    // npm writes hashes in base64, CycloneDX in hexadecimal.
    const lock = JSON.parse(readFileSync(projectPath("package-lock.json"), "utf8")) as {
      packages: Record<string, { version: string; integrity: string }>;
    };
    for (const { name, version, hashes } of bill.components) {
      const [hash] = hashes;
      const integrity = `sha512-${Buffer.from(hash?.content ?? "", "hex").toString("base64")}`;
      const locked = Object.entries(lock.packages).filter(
        ([path, entry]) => path.endsWith(`node_modules/${name}`) && entry.version === version,
      );
      assert.ok(
        locked.some(([, entry]) => entry.integrity === integrity),
        name,
      );
    }
    const refs = bill.components.map((one) => one["bom-ref"]);
    assert.equal(new Set(refs).size, refs.length, "references are unique");
    assert.deepEqual(bill.dependencies[0]?.dependsOn, refs);
  });
});

describe("an image's bill of materials", () => {
  const layout = join(folder, "image");
  const image = writeImage(MODULE, layout);
  const sbom = filterSbom(MODULE);
  const added = addSbom(layout, sbom);
  const blob = (digest: string): Buffer =>
    readFileSync(join(layout, "blobs", digest.replace(":", "/")));

  test("is an artifact whose subject is the image, which stays as it was", () => {
    assert.equal(image, writeImage(MODULE, join(folder, "plain")));
    const artifact = JSON.parse(blob(added).toString()) as {
      artifactType: string;
      subject: { digest: string };
      config: { digest: string };
      layers: { digest: string; mediaType: string }[];
    };
    assert.equal(artifact.artifactType, TYPE);
    assert.equal(artifact.subject.digest, image);
    // The empty descriptor of the OCI image specification.
    const empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert.equal(artifact.config.digest, empty);
    assert.equal(artifact.layers[0]?.mediaType, TYPE);
    assert.equal(blob(artifact.layers[0]?.digest ?? "").toString(), sbom);
    const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
      manifests: { digest: string; artifactType?: string }[];
    };
    assert.deepEqual(
      index.manifests.map(({ digest, artifactType }) => [digest, artifactType]),
      [
        [image, undefined],
        [added, TYPE],
      ],
    );
  });

  /** Pushes the image and its bill to a registry as `w/filter:1`. */
  async function push(options: RegistryOptions): Promise<FakeRegistry> {
    const registry = await startFakeRegistry(options);
    after(() => registry.close());
    await pushTo(registry);
    return registry;
  }

  async function pushTo(registry: FakeRegistry): Promise<void> {
    const reference = parseReference(`${registry.host}/w/filter:1`);
    const origin = apiOrigin(registry.host, false);
    const client = new RegistryClient(origin, { login: null, source: "the test" }, "");
    try {
      await pushImage(layout, reference, client);
      assert.equal(await pushReferrers(layout, reference, client), 1);
    } finally {
      await client.close();
    }
  }

  test("is pushed by its digest, after the image", async () => {
    const registry = await push({ listsReferrers: true });
    const puts = registry.requests.filter((line) => line.startsWith("PUT /v2/w/filter/manifests"));
    assert.deepEqual(
      puts.map((line) => line.split("/").at(-1)),
      ["1", added],
    );
    assert.ok(registry.manifests.get(`w/filter:${added}`)!.bytes.equals(blob(added)));
  });

  test("is found by tag in a registry that does not list referrers", async () => {
    const registry = await push({});
    const tag = `w/filter:${image.replace(":", "-")}`;
    const read = (): { manifests: { digest: string; artifactType?: string }[] } =>
      JSON.parse(registry.manifests.get(tag)!.bytes.toString()) as ReturnType<typeof read>;
    assert.equal(registry.manifests.get(tag)?.type, "application/vnd.oci.image.index.v1+json");
    assert.deepEqual(
      read().manifests.map(({ digest, artifactType }) => [digest, artifactType]),
      [[added, TYPE]],
    );
    // What others attached stays, and a second push adds nothing.
    const other = { mediaType: "x/y", digest: "sha256:0", size: 1 };
    const bytes = Buffer.from(JSON.stringify({ ...read(), manifests: [other] }));
    registry.manifests.set(tag, { type: "application/vnd.oci.image.index.v1+json", bytes });
    await pushTo(registry);
    await pushTo(registry);
    assert.deepEqual(
      read().manifests.map(({ digest }) => digest),
      ["sha256:0", added],
    );
  });

  test("that a registry refuses is an error of its own", async () => {
    const fault = { on: /^PUT .*manifests\/sha256:/, status: 400, body: "MANIFEST_INVALID" };
    await assert.rejects(push({ fault }), { message: /400 to PUT .*MANIFEST_INVALID/ });
  });
});

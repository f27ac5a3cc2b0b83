// Pushes the image of an OCI layout: blobs that the registry lacks, then the manifest by its tag.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { INDEX_TYPE } from "../image/layout.js";
import { RegistryError, type RegistryClient } from "./client.js";
import type { Reference } from "./reference.js";

interface Descriptor {
  mediaType: string;
  artifactType?: string;
  digest: string;
  size: number;
}

export interface Pushed {
  /** `sha256:...` of the manifest, as the registry confirmed it. */
  digest: string;
  /** Blobs that were sent. */
  sentCount: number;
  /** Blobs that the registry had already. */
  keptCount: number;
}

/**
 * The manifest goes last, so that the tag never leads to an image that is not whole: a push that is
 * cut off changes nothing for those who pull.
 */
export async function pushImage(
  folder: string,
  reference: Reference,
  client: RegistryClient,
): Promise<Pushed> {
  const index = readJson<{ manifests: Descriptor[] }>(join(folder, "index.json"));
  const [manifest] = index.manifests;
  if (manifest === undefined) throw new Error(`${folder}/index.json lists no image`);
  const pushed = await pushManifest(folder, manifest, reference, reference.tag, client);
  const { digest, sentCount, keptCount } = pushed;
  return { digest, sentCount, keptCount };
}

/**
 * Pushes what in the layout has the image as its subject: its bill of materials. After the image,
 * for it says nothing without it.
 */
export async function pushReferrers(
  folder: string,
  reference: Reference,
  client: RegistryClient,
): Promise<number> {
  const index = readJson<{ manifests: Descriptor[] }>(join(folder, "index.json"));
  const [subject, ...referrers] = index.manifests;
  for (const one of referrers) {
    const pushed = await pushManifest(folder, one, reference, one.digest, client);
    if (subject !== undefined && !pushed.isReferrer) {
      await tagReferrer(subject.digest, one, reference, client);
    }
  }
  return referrers.length;
}

/**
 * For a registry that does not list referrers by itself: the index that clients look for then
 * (OCI distribution specification 1.1, "Referrers Tag Schema"). What others put there stays.
 */
async function tagReferrer(
  subject: string,
  referrer: Descriptor,
  { repository }: Reference,
  client: RegistryClient,
): Promise<void> {
  const url = `/v2/${repository}/manifests/${subject.replace(":", "-")}`;
  const known = await client.ask({ method: "GET", url, accept: INDEX_TYPE }, [200, 404]);
  const others =
    known.status === 404 ? [] : (JSON.parse(known.text) as { manifests: Descriptor[] }).manifests;
  const manifests = [...others.filter(({ digest }) => digest !== referrer.digest), referrer];
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }));
  await client.ask({ method: "PUT", url, type: INDEX_TYPE, body }, [201]);
}

/** Sends the blobs that the registry lacks, then the manifest under a tag or its digest. */
async function pushManifest(
  folder: string,
  manifest: Descriptor,
  reference: Reference,
  name: string,
  client: RegistryClient,
): Promise<Pushed & { isReferrer: boolean }> {
  const bytes = readBlob(folder, manifest.digest);
  const { config, layers } = JSON.parse(bytes.toString("utf8")) as {
    config: Descriptor;
    layers: Descriptor[];
  };
  const base = `/v2/${reference.repository}`;
  let sentCount = 0;
  const blobs = [config, ...layers];
  for (const { digest } of blobs) {
    const known = await client.ask({ method: "HEAD", url: `${base}/blobs/${digest}` }, [200, 404]);
    if (known.status === 200) continue;
    await sendBlob(client, base, digest, readBlob(folder, digest));
    sentCount++;
  }
  const url = `${base}/manifests/${name}`;
  const put = { method: "PUT" as const, url, type: manifest.mediaType, body: bytes };
  const answer = await client.ask(put, [201]);
  const confirmed = answer.headers["docker-content-digest"];
  // A registry that rewrites manifests would make the printed digest one that nobody can pull.
  if (confirmed !== undefined && confirmed !== manifest.digest) {
    throw new RegistryError(`${client.origin} stored ${String(confirmed)}, not ${manifest.digest}`);
  }
  const isReferrer = answer.headers["oci-subject"] !== undefined;
  return { digest: manifest.digest, sentCount, keptCount: blobs.length - sentCount, isReferrer };
}

/** The two requests of a monolithic upload; every registry takes it, unlike the single POST. */
async function sendBlob(
  client: RegistryClient,
  base: string,
  digest: string,
  body: Buffer,
): Promise<void> {
  const begun = await client.ask({ method: "POST", url: `${base}/blobs/uploads/` }, [202]);
  const location = begun.headers["location"];
  if (typeof location !== "string" || !URL.canParse(location, client.origin)) {
    throw new RegistryError(`${client.origin} began an upload without saying where to`);
  }
  const url = new URL(location, client.origin);
  // Appended, for to write the query anew would break a signature in it.
  url.search += `${url.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
  const put = { method: "PUT" as const, url: url.href, type: "application/octet-stream", body };
  await client.ask(put, [201]);
}

function readBlob(folder: string, digest: string): Buffer {
  return readFileSync(join(folder, "blobs", digest.replace(":", "/")));
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

// Kubeconfigs for the sidecar under test: through a proxy, or as an account of few rights.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ADMIN_TOKEN } from "../../support/api-server.js";

export async function writeKubeconfig(
  folder: string,
  server: string,
  token = ADMIN_TOKEN,
  namespace = "default",
): Promise<string> {
  const file = join(folder, "kubeconfig");
  const cluster = { server, "insecure-skip-tls-verify": true };
  const content = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user: { token } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace } }],
    "current-context": "x",
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(content));
  return file;
}

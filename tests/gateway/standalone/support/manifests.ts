// The shipped manifests of the standalone gateway, with what a user fills in: image, pods, keys.
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { vmIdOf } from "../../../../scripts/image/policy-lines.js";
import { runProgram } from "../../support/kubectl.js";
import { ROOT, tool } from "../../support/tools.js";

/** What a user changes; everything else is applied as it is shipped. */
export interface Settings extends FilterImage {
  /** `ip:port` of the model servers. */
  pods: string[];
  /** The component canary: a second listener with this image. */
  next?: FilterImage;
  /** Login for the registry, in a Secret; "absent" names a Secret that is not there. */
  pull?: PullLogin | "absent";
  /** Instead of what the filter's policy is shipped with. */
  failOpen?: boolean;
}

interface PullLogin {
  host: string;
  username: string;
  password: string;
}

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  [key: string]: unknown;
}

type Json = Record<string, unknown>;

const PULL_SECRET = "warmroute-registry";

/** An image of the filter. */
export interface FilterImage {
  /** `HOST/PATH:TAG` */
  image: string;
  /** `sha256:...` */
  digest: string;
  /** Keys of the filter's configuration besides the shipped ones. */
  config?: Record<string, unknown>;
}

/**
 * The manifests as `kubectl kustomize` renders them; with `next`, through an overlay that adds the
 * component canary: a second listener with that image.
 */
export async function shippedManifests(folder: string, next?: FilterImage): Promise<Manifest[]> {
  const target = next === undefined ? `${ROOT}manifests/standalone` : overlay(folder, next);
  const args = ["kubectl", "kustomize", target];
  const output = await runProgram(tool("WARMROUTE_CLUSTER_BIN"), args);
  if (output.code !== 0) throw new Error(`kubectl kustomize: ${output.stderr}`);
  return parseAllDocuments(output.stdout).map((document) => document.toJS() as Manifest);
}

function overlay(folder: string, next: FilterImage): string {
  const path = join(folder, "overlay");
  mkdirSync(path, { recursive: true });
  // kustomize takes no absolute paths.
  const from = relative(realpathSync(path), realpathSync(`${ROOT}manifests`));
  const kustomization = {
    resources: [join(from, "standalone"), "settings.yaml"],
    components: [join(from, "components", "canary")],
  };
  const settings = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: "warmroute-settings",
      annotations: { "config.kubernetes.io/local-config": "true" },
    },
    data: { nextFilterImage: next.image, nextFilterDigest: next.digest.replace("sha256:", "") },
  };
  writeFileSync(join(path, "kustomization.yaml"), stringify(kustomization));
  writeFileSync(join(path, "settings.yaml"), stringify(settings));
  return path;
}

/** `configHome` is the gateway's, where `certgen --local` left the certificates. */
export function fillIn(shipped: Manifest[], settings: Settings, configHome: string): string {
  const manifests = structuredClone(shipped);
  const certificates = join(configHome, "certs", "envoy");
  const find = (kind: string, name: string): Json => specOf(manifests, kind, name);
  const wasmOf = (name: string): Json =>
    (find("EnvoyExtensionPolicy", name)["wasm"] as Json[])[0] as Json;
  const configure = (wasm: Json, config: Json | undefined): void => {
    wasm["config"] = { ...(wasm["config"] as Json), debugHeaders: true, ...config };
  };
  const wasm = wasmOf("warmroute");
  configure(wasm, settings.config);
  if (settings.failOpen !== undefined) wasm["failOpen"] = settings.failOpen;
  if (settings.next !== undefined) configure(wasmOf("warmroute-next"), settings.next.config);
  const image = (wasm["code"] as { image: Json }).image;
  image["url"] = settings.image;
  image["sha256"] = settings.digest.replace("sha256:", "");
  setPatch(find("EnvoyPatchPolicy", "warmroute"), /vm_config\.vm_id$/, vmIdOf(settings.digest));
  const codeServer = find("EnvoyPatchPolicy", "warmroute-code-server");
  setPatch(codeServer, /trusted_ca\.filename$/, join(certificates, "ca.crt"));
  find("Backend", "vllm")["endpoints"] = settings.pods.map((pod) => {
    const [address, port] = pod.split(":");
    return { ip: { address, port: Number(port) } };
  });
  // Another Envoy of this machine holds the shared memory of base id 0.
  find("EnvoyProxy", "warmroute")["extraArgs"] = ["--use-dynamic-base-id"];
  manifests.push(certificateSecret(certificates));
  if (settings.pull !== undefined) {
    // As components/pull-secret sets it.
    image["pullSecretRef"] = { group: "", kind: "Secret", name: PULL_SECRET };
    if (settings.pull !== "absent") manifests.push(pullSecret(settings.pull));
  }
  return manifests.map((manifest) => stringify(manifest)).join("---\n");
}

/** What Envoy shows to the gateway when it fetches the module (docs/install.md). */
function certificateSecret(folder: string): Manifest {
  const files = ["ca.crt", "tls.crt", "tls.key"];
  const data = files.map((file) => [file, readFileSync(join(folder, file)).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "envoy", namespace: "envoy-gateway-system" },
    type: "kubernetes.io/tls",
    data: Object.fromEntries(data) as Json,
  };
}

/** As `kubectl create secret docker-registry` makes it. */
function pullSecret({ host, username, password }: PullLogin): Manifest {
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  const auths = { [host]: { username, password, auth } };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: PULL_SECRET, namespace: "default" },
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": Buffer.from(JSON.stringify({ auths })).toString("base64") },
  };
}

function specOf(manifests: Manifest[], kind: string, name: string): Json {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`manifests/standalone has no ${kind} ${name}`);
  return found["spec"] as Json;
}

function setPatch(spec: Json, path: RegExp, value: string): void {
  const patches = spec["jsonPatches"] as { operation: { jsonPath: string; value: unknown } }[];
  const patch = patches.find(({ operation }) => path.test(operation.jsonPath));
  if (patch === undefined) throw new Error(`no patch whose jsonPath matches ${path.source}`);
  patch.operation.value = value;
}

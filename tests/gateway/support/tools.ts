// The programs that scripts/install-gateway-tools.sh installed, found by what it exported.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The repository's root, four folders above the compiled file. */
export const ROOT = fileURLToPath(new URL("../../../../../", import.meta.url));
const SUPPORT = `${ROOT}tests/gateway/support/`;

export const IN_NAMESPACES = `${SUPPORT}in-namespaces.sh`;
export const POD_ROOT = `${SUPPORT}pod-root.sh`;
export const FILTER_WASM = process.env["FILTER_WASM"] ?? `${ROOT}build/filter.wasm`;

export type Tool =
  | "WARMROUTE_CLUSTER_BIN"
  | "WARMROUTE_ENVOY_GATEWAY_BIN"
  | "WARMROUTE_EGCTL_BIN"
  | "WARMROUTE_REGISTRY_BIN"
  | "WARMROUTE_CRDS";

/** The path of a tool; throws what to do when it is not there. */
export function tool(name: Tool): string {
  const path = process.env[name] ?? "";
  if (path !== "" && existsSync(path)) return path;
  const what = path === "" ? "is not set" : `names ${path}, which is not there`;
  throw new Error(`${name} ${what}: run the suite by ./build.sh test gateway`);
}

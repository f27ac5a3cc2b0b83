// What the gateway's Envoy has in force: its listeners, and their filters of HTTP.
import type { HttpFilter, PluginConfig } from "../../support/envoy-view.js";
import type { Gateway } from "./gateway.js";

/** NAMESPACE/GATEWAY/LISTENER. */
export const HTTP_LISTENER = "default/inference-gateway/http";
export const LLM_LISTENER = "default/inference-gateway/llm-gw";
const WASM = "envoy.filters.http.wasm/";

/** The filters of a listener in their order; none while the listener is not in force. */
export async function filtersOf(gateway: Gateway, listener: string): Promise<HttpFilter[]> {
  const dump = JSON.parse(await gateway.admin("/config_dump?resource=dynamic_listeners")) as {
    configs?: { name: string; active_state?: unknown }[];
  };
  const found = dump.configs?.find(({ name }) => name === listener);
  return httpFilters(found?.active_state);
}

/** The wasm filter of a listener in force; null where there is none. */
export async function wasmOf(gateway: Gateway, listener: string): Promise<PluginConfig | null> {
  const filters = await filtersOf(gateway, listener);
  return filters.find(({ name }) => name.startsWith(WASM))?.typed_config.config ?? null;
}

/** Connections that still have the filter of before a change; Envoy closes them in the end. */
export async function isDraining(gateway: Gateway): Promise<boolean> {
  const text = await gateway.admin("/stats?filter=total_(filter_chains|listeners)_draining");
  return /: [1-9]/.test(text);
}

/** Wherever the connection manager is in the listener's chains. */
function httpFilters(value: unknown): HttpFilter[] {
  if (typeof value !== "object" || value === null) return [];
  for (const [key, inner] of Object.entries(value)) {
    const found = key === "http_filters" ? (inner as HttpFilter[]) : httpFilters(inner);
    if (found.length > 0) return found;
  }
  return [];
}

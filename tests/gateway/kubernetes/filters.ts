// What the gateway made of the manifests, read from Envoy's own configuration.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { HttpFilter, Route } from "../support/envoy-view.js";
import { FILTER_WASM } from "../support/tools.js";
import { HTTP_LISTENER, LLM_LISTENER } from "../support/world.js";
import { get } from "./the-world.js";

const WASM = "envoy.filters.http.wasm/";
const FILTER_NAME = `${WASM}envoyextensionpolicy/default/warmroute/wasm/0`;

const filters = async (listener: string): Promise<HttpFilter[]> =>
  await (await get().envoy()).filters(listener);
const routes = async (listener: string): Promise<Route[]> =>
  await (await get().envoy()).routes(listener);

describe("Envoy's configuration", () => {
  test("the listener http has no Wasm filter, and no route of it turns one on", async () => {
    const names = (await filters(HTTP_LISTENER)).map(({ name }) => name);
    assert.deepEqual(names, ["envoy.filters.http.router"]);
    for (const route of await routes(HTTP_LISTENER)) {
      assert.equal(route.typed_per_filter_config, undefined);
    }
  });

  test("the listener llm-gw has one, with all that the patch sets", async () => {
    const wasm = (await filters(LLM_LISTENER)).filter(({ name }) => name.startsWith(WASM));
    assert.deepEqual(
      wasm.map(({ name }) => name),
      [FILTER_NAME],
    );
    const { config } = (wasm[0] as HttpFilter).typed_config;
    assert.equal(config?.allow_on_headers_stop_iteration, true);
    assert.equal(config.failure_policy, "FAIL_RELOAD");
    assert.equal(config.reload_config?.backoff.base_interval, "0.200s");
    assert.equal(config.vm_config.vm_id, `warmroute-${get().filter.sha256}`);
    const module = createHash("sha256").update(readFileSync(FILTER_WASM)).digest("hex");
    assert.equal(config.vm_config.code.remote?.sha256, module);
  });

  test("every route of llm-gw turns the filter on", async () => {
    const all = await routes(LLM_LISTENER);
    assert.ok(all.length > 0);
    for (const route of all) assert.ok(route.typed_per_filter_config?.[FILTER_NAME]);
  });

  test("time limits are those of the manifests: 24 h, 1 h, and 2 s to connect", async () => {
    const [standard] = await routes(HTTP_LISTENER);
    assert.equal(standard?.route.timeout, "86400s");
    const [routed] = await routes(LLM_LISTENER);
    assert.equal(routed?.route.timeout, "3600s");
    const clusters = await (await get().envoy()).clusters();
    for (const { route } of [standard, routed]) {
      const cluster = clusters.find(({ name }) => name === route.cluster);
      assert.equal(cluster?.connect_timeout, "2s");
    }
  });

  test("the pods' cluster obeys the header first, and LeastRequest without it", async () => {
    const [route] = await routes(LLM_LISTENER);
    const clusters = await (await get().envoy()).clusters();
    const cluster = clusters.find(({ name }) => name === route?.route.cluster);
    const policy = JSON.stringify(cluster?.load_balancing_policy);
    assert.match(policy, /override_host/);
    assert.match(policy, /x-gateway-destination-endpoint/);
    assert.match(policy, /least_request/);
  });

  test("held prompts have 32 MiB of room", async () => {
    const listener = await (await get().envoy()).listener(LLM_LISTENER);
    assert.equal(listener.per_connection_buffer_limit_bytes, 32 * 1024 * 1024);
  });
});

// A pod that answers everything at once and says in `x-pod` who it is.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { LOOPBACK } from "../../lab/ports.js";

/** An idle vLLM with room in its cache. */
const METRICS = [
  "vllm:num_requests_running 0",
  "vllm:num_requests_waiting 0",
  "vllm:kv_cache_usage_perc 0",
  'vllm:cache_config_info{block_size="16",num_gpu_blocks="1000",enable_prefix_caching="True"} 1',
  "",
].join("\n");

export interface CheckPod {
  address: string;
  close(): void;
}

export async function startCheckPod(name: string): Promise<CheckPod> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      response.setHeader("x-pod", name);
      response.end(request.url === "/metrics" ? METRICS : "{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  const { port } = server.address() as AddressInfo;
  return { address: `${LOOPBACK}:${port}`, close: () => end(server) };
}

function end(server: Server): void {
  server.closeAllConnections();
  server.close();
}

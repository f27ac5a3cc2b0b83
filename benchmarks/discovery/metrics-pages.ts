// Answers for every pod of the benchmark with the same page; runs in the namespaces of `bench`.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { ROOT } from "../../tests/gateway/support/tools.js";

const METRICS = readFileSync(`${ROOT}tests/fixtures/metrics/vllm-v1-data-parallel.txt`);
const MODELS = JSON.stringify({ object: "list", data: [{ id: "m", object: "model" }] });

const port = Number(process.argv[2]);
const server = createServer((request, response) => {
  if (request.url === "/metrics") response.end(METRICS);
  else response.writeHead(200, { "content-type": "application/json" }).end(MODELS);
});
// On all addresses: nothing outside the benchmark's network namespace can reach it.
server.listen(port, "0.0.0.0", () => console.log("listening"));

// Carries connections from a UNIX socket to a loopback port of the network namespace it runs in.
import { connect, createServer } from "node:net";

const [socketPath = "", port = ""] = process.argv.slice(2);

createServer((client) => {
  const upstream = connect(Number(port), "127.0.0.1");
  upstream.pipe(client).pipe(upstream);
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.on("error", () => other.destroy());
  }
}).listen(socketPath, () => console.log("relay is ready"));

// Stands between a client and a server, and fails in the ways in which networks fail.
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";

/**
 * `passing`: as if it were not there. `closed`: connections are cut, new ones are refused at once.
 * `frozen`: nothing arrives any more in either direction, and no one is told. `stale`: so for the
 * connections there are, while new ones pass.
 */
export type Mode = "passing" | "closed" | "frozen" | "stale";

export class Proxy {
  private mode: Mode = "passing";
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    private readonly targetPort: number,
  ) {
    server.on("connection", (socket) => this.accept(socket));
  }

  static async start(targetPort: number): Promise<Proxy> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Proxy(server, targetPort);
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  set(mode: Mode): void {
    this.mode = mode;
    for (const socket of this.sockets) {
      if (mode === "closed") socket.destroy();
      else if (mode === "passing") socket.resume();
      else socket.pause();
    }
  }

  stop(): void {
    this.set("closed");
    this.server.close();
  }

  private accept(client: Socket): void {
    this.keep(client);
    if (this.mode === "closed") return void client.destroy();
    const target = connect(this.targetPort, "127.0.0.1");
    this.keep(target);
    const join = (from: Socket, to: Socket): void => {
      from.on("data", (chunk) => to.write(chunk));
      from.on("close", () => to.destroy());
      if (this.mode === "frozen") from.pause();
      else from.resume();
    };
    join(client, target);
    join(target, client);
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.sockets.delete(socket));
  }
}

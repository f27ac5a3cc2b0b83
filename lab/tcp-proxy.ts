// Stands between a client and a server on loopback, and fails in the ways in which networks fail.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { LOOPBACK } from "./ports.js";

/**
 * `passing`: as if it were not there. `closed`: connections are cut, new ones are refused at once.
 * `frozen`: nothing arrives any more in either direction, and no one is told.
 */
export type ProxyMode = "passing" | "closed" | "frozen";

/** What waits in a pipe; a sender that is ahead of the delay by more has to wait. */
const WAITING_CHUNKS_MAX = 4_096;

export class TcpProxy {
  private mode: ProxyMode = "passing";
  private readonly sockets = new Set<Socket>();
  /** How long everything that comes from the server, or goes to it, is held back. */
  delayMs = 0;

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {
    server.on("connection", (socket) => this.accept(socket));
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer({ pauseOnConnect: true, noDelay: true });
    server.listen(0, LOOPBACK);
    await once(server, "listening");
    return new TcpProxy(server, targetPort);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  set(mode: ProxyMode): void {
    this.mode = mode;
    for (const socket of this.sockets) {
      if (mode === "closed") socket.destroy();
      else if (mode === "passing") socket.resume();
      else socket.pause();
    }
  }

  async stop(): Promise<void> {
    this.set("closed");
    this.server.close();
    await once(this.server, "close");
  }

  private accept(client: Socket): void {
    this.keep(client);
    if (this.mode === "closed") return void client.destroy();
    const target = connect({ port: this.targetPort, host: LOOPBACK, noDelay: true });
    this.keep(target);
    this.join(client, target);
    this.join(target, client);
  }

  private join(from: Socket, to: Socket): void {
    const waiting: Buffer[] = [];
    from.on("data", (chunk: Buffer) => {
      if (this.delayMs === 0 && waiting.length === 0) return void to.write(chunk);
      if (waiting.push(chunk) >= WAITING_CHUNKS_MAX) from.pause();
      setTimeout(() => {
        // The oldest, whichever timer ends first: nothing overtakes.
        const oldest = waiting.shift();
        if (waiting.length === 0 && this.mode === "passing") from.resume();
        if (oldest !== undefined && !to.destroyed) to.write(oldest);
      }, this.delayMs);
    });
    from.on("close", () => to.destroy());
    if (this.mode === "frozen") from.pause();
    else from.resume();
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.sockets.delete(socket));
  }
}

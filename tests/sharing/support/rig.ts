// Several gateways before the same simulated pods, each a real Envoy with a sidecar of its own,
// joined by a real nats-server: what the tests of sharing gateways start from.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailureWatch } from "../../../lab/failure.js";
import { checkFilter, startGateway, type Gateway } from "../../../lab/gateway.js";
import { findNats, NatsServer } from "../../../lab/nats.js";
import { LOOPBACK } from "../../../lab/ports.js";
import { SimulatedPods } from "../../../lab/simulated-pods.js";
import { TcpProxy } from "../../../lab/tcp-proxy.js";

export const POOL = "default";
export const MODEL = "shared";
const PODS = 4;

const found = await findNats();
/** What a suite needs that starts a server. */
export const options = "reason" in found ? { skip: found.reason } : {};

export interface NewGateway {
  pool?: string;
  /** Envoy's worker threads. */
  workers?: number;
  /** The way to the nats-server; absent: straight. */
  proxy?: TcpProxy;
  /** Of the sidecar's configuration, besides `nats`. */
  sharing?: Record<string, unknown>;
  /** Of its `sharing.nats`, besides `servers`. */
  nats?: Record<string, unknown>;
  hashKey?: string;
  sidecarPods?: string[];
  sidecarPort?: number;
}

export class Rig {
  private readonly gateways: Gateway[] = [];
  private readonly proxies: TcpProxy[] = [];
  private readonly dead = new Set<Gateway>();
  private readonly ends: (() => void)[] = [];

  private constructor(
    private readonly folder: string,
    private readonly watch: FailureWatch,
    readonly nats: NatsServer,
    readonly pods: SimulatedPods,
  ) {}

  /** With `isDown` the nats-server is prepared and not started. */
  static async start({ isDown = false } = {}): Promise<Rig> {
    if ("reason" in found) throw new Error(found.reason);
    const folder = mkdtempSync(join(tmpdir(), "warmroute-sharing-"));
    const nats = await NatsServer.prepare({ program: found.program });
    if (!isDown) await nats.start();
    const watch = new FailureWatch();
    const args = ["--model", MODEL, "--prompt-tokens-details"];
    const pods = await SimulatedPods.start({ count: PODS, args, folder, watch });
    return new Rig(folder, watch, nats, pods);
  }

  /** A gateway that is ready to serve. */
  async add(name: string, options: NewGateway = {}): Promise<Gateway> {
    const { proxy, hashKey, sidecarPods, sidecarPort } = options;
    const server = proxy === undefined ? this.nats.url : `nats://${LOOPBACK}:${proxy.port}`;
    const nats = { servers: [server], ...options.nats };
    const gateway = await startGateway({
      ...{ name, folder: this.folder, watch: this.watch, pods: this.pods.addresses },
      pool: options.pool ?? POOL,
      workers: options.workers ?? 1,
      filter: { debugHeaders: true },
      sidecar: {
        ...{ sharing: { name, ...options.sharing, nats } },
        ...(hashKey === undefined ? {} : { hashKey }),
      },
      ...(sidecarPods === undefined ? {} : { sidecarPods }),
      ...(sidecarPort === undefined ? {} : { sidecarPort }),
    });
    this.gateways.push(gateway);
    return gateway;
  }

  /** A way to the nats-server that can be made worse. */
  async proxy(): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(this.nats.port);
    this.proxies.push(proxy);
    return proxy;
  }

  /** As when its machine loses power. */
  async kill(gateway: Gateway): Promise<void> {
    this.dead.add(gateway);
    this.watch.expectEnd(gateway.envoy.child);
    gateway.envoy.child.signal("SIGKILL");
    await this.killSidecar(gateway);
    await gateway.envoy.child.ended();
  }

  async killSidecar({ sidecar: { child } }: Gateway): Promise<void> {
    this.watch.expectEnd(child);
    child.signal("SIGKILL");
    await child.ended();
  }

  /** What else has to end with it. */
  atStop(end: () => void): void {
    this.ends.push(end);
  }

  /** Throws where a component ended by itself or a filter crashed; ends everything all the same. */
  async stop(): Promise<void> {
    for (const end of this.ends) end();
    try {
      this.watch.check();
      for (const one of this.gateways) if (!this.dead.has(one)) await checkFilter(one.envoy);
    } finally {
      await Promise.all([...this.gateways.map((one) => one.stop()), this.pods.stop()]);
      await Promise.all(this.proxies.map((one) => one.stop()));
      await this.nats.remove();
      this.watch.close();
      rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

// What one run stands on: fresh pods, gateways, and a nats-server where they share.
import { setTimeout as sleep } from "node:timers/promises";
import { checkFilter, startGateway, type Gateway } from "../../lab/gateway.js";
import type { FailureWatch } from "../../lab/failure.js";
import { NatsServer } from "../../lab/nats.js";
import type { Frame } from "../../lab/program.js";
import { SimulatedPods } from "../../lab/simulated-pods.js";
import { POD_COUNT, POOL } from "./service.js";

/** The filter polls the sidecar many times in it; then every gateway knows all there is to know. */
const SETTLE_MS = 500;
/** What manifests/components/sharing sets. */
const POLL_INTERVAL_MS = 20;

/** What all worlds of a run of the benchmark have in common. */
export interface Ground {
  /** For logs and configurations. */
  folder: string;
  watch: FailureWatch;
  /** Path of nats-server. */
  natsProgram: string;
  atEnd: Frame["atEnd"];
}

export interface WorldOptions extends Ground {
  gateways: number;
  podArguments: string[];
  /** The sidecars share over a nats-server of this world's own. */
  isSharing: boolean;
  /** Of the sidecars' `sharing`. */
  replaySeconds?: number;
  /** Of the filters' configuration; 20 when absent. */
  pollIntervalMs?: number;
}

/** Everything in it is new: caches, indexes, streams. */
export class World {
  readonly gateways: Gateway[] = [];

  private constructor(
    private readonly options: WorldOptions,
    readonly pods: SimulatedPods,
    readonly nats: NatsServer | null,
  ) {}

  /** Ready to be measured when it returns. */
  static async start(options: WorldOptions): Promise<World> {
    const { folder, watch } = options;
    const pods = await SimulatedPods.start({
      ...{ count: POD_COUNT, folder, watch },
      args: options.podArguments,
    });
    const program = options.natsProgram;
    const nats = options.isSharing ? await NatsServer.start({ program }) : null;
    // Its folder is its own, and has to go where this world is not stopped in order, too.
    if (nats !== null) options.atEnd(() => nats.remove());
    const world = new World(options, pods, nats);
    for (let i = 0; i < options.gateways; i++) await world.addGateway();
    await sleep(SETTLE_MS);
    return world;
  }

  /** One more gateway; returns when a load balancer would send it requests. */
  async addGateway(): Promise<Gateway> {
    const { folder, watch, pollIntervalMs = POLL_INTERVAL_MS } = this.options;
    const name = `gateway-${this.gateways.length}`;
    const gateway = await startGateway({
      ...{ name, folder, watch, pool: POOL, pods: this.pods.addresses, workers: 1 },
      filter: { debugHeaders: true, pollIntervalMs },
      sidecar: this.sidecarConfig(name),
    });
    this.gateways.push(gateway);
    return gateway;
  }

  /** Throws when a component ended or a filter crashed meanwhile; then ends everything. */
  async stop(): Promise<void> {
    const { watch } = this.options;
    watch.check();
    for (const { envoy } of this.gateways) await checkFilter(envoy);
    await Promise.all([...this.gateways.map((one) => one.stop()), this.pods.stop()]);
    await this.nats?.remove();
  }

  private sidecarConfig(name: string): Record<string, unknown> {
    if (this.nats === null) return {};
    const { replaySeconds } = this.options;
    const replay = replaySeconds === undefined ? {} : { replaySeconds };
    return { sharing: { name, ...replay, nats: { servers: [this.nats.url] } } };
  }
}

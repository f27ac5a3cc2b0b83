// Runs a pod's containers as processes: own network namespace, own root directory, probes, preStop.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { start, until, type Child } from "../../../lab/processes.js";
import { answers, portOf, startPreStop } from "./container-hooks.js";
import { openPodNetwork, type PodNetwork } from "./network.js";
import { planOf, type Container, type Images, type Pod, type Probe } from "./pod-spec.js";
import { secretValue, writeVolumes, type VolumeSource } from "./pod-volumes.js";
import { POD_ROOT } from "./tools.js";

const PROBE_TIMEOUT_MS = 30_000;
/** Kubernetes' default. */
const GRACE_SECONDS = 30;
const RELAY = fileURLToPath(new URL("./relay-main.js", import.meta.url));

export interface ContainerPodOptions {
  pod: Pod;
  address: string;
  /** Everything of this pod: volumes, logs, sockets. */
  folder: string;
  volumes: VolumeSource;
  images: Images;
  /** A file for /etc/hosts. */
  hostsPath: string;
  /** Variables that every container of the cluster has. */
  env: Record<string, string>;
}

/**
 * Output goes to a file and not to this process: Node's pipes are sockets, and Envoy's access log
 * opens /dev/stdout, which cannot be done with a socket.
 */
const TO_FILE = 'exec >>"$0" 2>&1; exec "$@"';
const LOG_TAIL_BYTES = 3_000;

/** A pod whose containers run and were ready once. */
export class ContainerPod {
  readonly #children = new Map<string, Child>();
  readonly #relays: Child[] = [];
  /** By container: the command of its preStop hook, which runs or has run. */
  readonly #hooks = new Map<string, Child>();
  /** By the volume's name. */
  #volumePaths = new Map<string, string>();

  private constructor(
    readonly options: ContainerPodOptions,
    readonly network: PodNetwork,
  ) {}

  /** Starts all containers in a kubelet's order and waits until the probes pass. */
  static async start(options: ContainerPodOptions): Promise<ContainerPod> {
    const pod = new ContainerPod(options, await openPodNetwork(options.address));
    try {
      await pod.#startAll();
    } catch (error) {
      await pod.stop();
      throw error;
    }
    return pod;
  }

  get address(): string {
    return this.options.address;
  }

  /** The process of a container. */
  container(name: string): Child {
    const child = this.#children.get(name);
    if (child === undefined) throw new Error(`the pod has no container ${name}`);
    return child;
  }

  /** Everything that a container wrote so far. */
  log(name: string): string {
    return readFileSync(this.#logPath(name), "utf8");
  }

  /** A UNIX socket that leads to a port of the pod's own loopback address. */
  async relay(port: number): Promise<string> {
    const socketPath = join(this.options.folder, `port-${port}.sock`);
    const [program = "", ...enter] = this.network.enter;
    const relay = await start({
      name: `relay to ${this.address} port ${port}`,
      command: program,
      args: [...enter, process.execPath, RELAY, socketPath, String(port)],
      readyLine: /relay is ready/,
    });
    this.#relays.push(relay);
    return socketPath;
  }

  /** What the preStop command of a container wrote so far; "" before it runs. */
  hookOutput(name: string): string {
    return this.#hooks.get(name)?.output ?? "";
  }

  /** Ends a container as a crash would; nothing starts it again before `restart`. */
  async kill(name: string): Promise<void> {
    const child = this.container(name);
    child.signal("SIGKILL");
    await child.ended();
  }

  /** Starts a container that ended, as a kubelet does, and waits until its probes pass. */
  async restart(name: string): Promise<void> {
    const { initContainers = [], containers } = this.options.pod.spec;
    const container = [...initContainers, ...containers].find((one) => one.name === name);
    if (container === undefined) throw new Error(`the pod has no container ${name}`);
    await this.#start(container);
    await this.#untilPasses(container, container.readinessProbe);
  }

  /** As a kubelet: each container ends after its own preStop, those that start first end last. */
  async terminate(): Promise<void> {
    const { initContainers = [], containers } = this.options.pod.spec;
    await Promise.all(containers.map((one) => this.#end(one)));
    for (const container of [...initContainers].reverse()) await this.#end(container);
    await this.stop();
  }

  async stop(): Promise<void> {
    const children = [...this.#hooks.values(), ...this.#children.values(), ...this.#relays];
    await Promise.all(children.map((child) => child.stop()));
    await this.network.close();
  }

  async #startAll(): Promise<void> {
    const { pod, folder, volumes, address } = this.options;
    this.#volumePaths = await writeVolumes(volumes, pod, address, join(folder, "volumes"));
    for (const container of pod.spec.initContainers ?? []) {
      const child = await this.#start(container);
      if (container.restartPolicy === "Always") {
        await this.#untilPasses(container, container.startupProbe);
      } else {
        await child.ended();
        if (child.exitCode !== 0) throw this.#failure(container.name, child);
      }
    }
    for (const container of pod.spec.containers) await this.#start(container);
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      await this.#untilPasses(container, container.startupProbe);
      await this.#untilPasses(container, container.readinessProbe);
    }
  }

  async #start(container: Container): Promise<Child> {
    const { pod, folder, address, images, env, hostsPath, volumes } = this.options;
    const secret = (name: string, key: string): Promise<string | null> =>
      secretValue(volumes.api, pod, name, key);
    const plan = await planOf(pod, container, { address, images, env, secret });
    const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, subPath = "" }) => {
      const path = this.#volumePaths.get(name);
      if (path === undefined) throw new Error(`${container.name}: there is no volume ${name}`);
      return `${mountPath}=${join(path, subPath)}`;
    });
    const variables = { PATH: process.env["PATH"] ?? "", HOME: "/tmp", ...plan.env };
    const [program = "", ...enter] = this.network.enter;
    mkdirSync(join(folder, "logs"), { recursive: true });
    const child = await start({
      name: container.name,
      command: program,
      args: [
        ...enter,
        ...[POD_ROOT, join(folder, `root-${container.name}`)],
        ...[...mounts, `/etc/hosts=${hostsPath}`, "--"],
        ...["sh", "-c", TO_FILE, this.#logPath(container.name), "env", "-i"],
        ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
        ...plan.command,
      ],
    });
    this.#children.set(container.name, child);
    return child;
  }

  /** Only HTTP probes: they are what the pods here have. */
  async #untilPasses(container: Container, probe: Probe | undefined): Promise<void> {
    const get = probe?.httpGet;
    if (get === undefined) return;
    const child = this.container(container.name);
    const url = `http://${this.address}:${portOf(container, get.port)}${get.path ?? "/"}`;
    const passes = async (): Promise<boolean> => {
      if (!child.isRunning) throw this.#failure(container.name, child);
      return await answers(url);
    };
    await until(`${container.name} answers ${url}`, passes, PROBE_TIMEOUT_MS);
  }

  #logPath(name: string): string {
    return join(this.options.folder, "logs", `${name}.log`);
  }

  #failure(name: string, child: Child): Error {
    return new Error(
      `${name} ended with ${child.exitCode}:\n${this.log(name).slice(-LOG_TAIL_BYTES)}`,
    );
  }

  async #end(container: Container): Promise<void> {
    const child = this.#children.get(container.name);
    if (child === undefined) return;
    const hook = await startPreStop({
      container,
      pid: child.pid,
      address: this.address,
      images: this.options.images,
      graceMs: (this.options.pod.spec.terminationGracePeriodSeconds ?? GRACE_SECONDS) * 1000,
    });
    if (hook.command !== null) this.#hooks.set(container.name, hook.command);
    await hook.ended;
    await child.stop();
  }
}

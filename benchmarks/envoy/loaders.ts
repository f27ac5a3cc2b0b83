// The load processes and the pod processes, as seen by the benchmark that starts them.
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMs } from "./cpu.js";

/** Time for every process to hear of a run before it starts. */
const LEAD_MS = 50;
const ANSWER_TIMEOUT_MS = 60_000;

/** One run of one load process. Times are wall-clock ms, which all processes share. */
export interface LoadRun {
  port: number;
  promptBytes: number;
  /** Of the 64 prompts; processes start at different ones. */
  firstPrompt: number;
  connections: number;
  /** Requests per second; 0: each connection sends its next request when it has its answer. */
  perSecond: number;
  startMs: number;
  measureStartMs: number;
  measureMs: number;
}

export interface LoadResult {
  /** Requests planned within the measured time. */
  sent: number;
  /** Answers 200 that came within it. */
  completed: number;
  /** Anything but an answer 200, over the whole run. */
  failed: number;
  /** From the planned send time, of the requests planned within the measured time. */
  latenciesMs: Float64Array;
}

/** What a run gave, over all processes. */
export interface Measured extends LoadResult {
  /** CPU time of the watched process within the measured time. */
  cpuMs: number;
}

export type RunPlan = Pick<LoadRun, "port" | "promptBytes" | "connections" | "perSecond"> & {
  warmMs: number;
  measureMs: number;
};

export class Loaders {
  readonly #children: ChildProcess[];

  constructor(count: number) {
    this.#children = Array.from({ length: count }, () => forkBeside("load.js"));
  }

  /** Runs one plan in all processes at the same time, and watches the CPU time of `pid`. */
  async run(plan: RunPlan, pid: number): Promise<Measured> {
    const count = this.#children.length;
    const startMs = performance.timeOrigin + performance.now() + LEAD_MS;
    const measureStartMs = startMs + plan.warmMs;
    const results = this.#children.map((child, i) => {
      const run: LoadRun = {
        port: plan.port,
        promptBytes: plan.promptBytes,
        firstPrompt: i * 7,
        connections: Math.max(1, Math.round(plan.connections / count)),
        perSecond: plan.perSecond / count,
        // Processes take turns within one interval, as one process would.
        startMs: startMs + (plan.perSecond > 0 ? (i * 1000) / plan.perSecond : 0),
        measureStartMs,
        measureMs: plan.measureMs,
      };
      return ask(child, run) as Promise<LoadResult>;
    });
    await sleepUntil(measureStartMs);
    const before = cpuMs(pid);
    await sleepUntil(measureStartMs + plan.measureMs);
    const used = cpuMs(pid) - before;
    return { ...merge(await Promise.all(results)), cpuMs: used };
  }

  stop(): void {
    for (const child of this.#children) child.kill();
  }
}

export class Pods {
  private constructor(private readonly children: ChildProcess[]) {}

  /** Instant pods on these ports, dealt out to `count` processes. */
  static async start(ports: number[], count: number): Promise<Pods> {
    const children = Array.from({ length: Math.min(count, ports.length) }, () =>
      forkBeside("pods.js"),
    );
    await Promise.all(
      children.map((child, i) =>
        ask(
          child,
          ports.filter((_, at) => at % children.length === i),
        ),
      ),
    );
    return new Pods(children);
  }

  /** Requests served so far, and those of them that came with a destination. */
  async counts(): Promise<{ requests: number; routed: number }> {
    const all = (await Promise.all(this.children.map((child) => ask(child, "counts")))) as {
      requests: number;
      routed: number;
    }[];
    return {
      requests: all.reduce((sum, one) => sum + one.requests, 0),
      routed: all.reduce((sum, one) => sum + one.routed, 0),
    };
  }

  stop(): void {
    for (const child of this.children) child.kill();
  }
}

function merge(results: LoadResult[]): LoadResult {
  const sum = (pick: (one: LoadResult) => number): number =>
    results.reduce((total, one) => total + pick(one), 0);
  return {
    sent: sum((one) => one.sent),
    completed: sum((one) => one.completed),
    failed: sum((one) => one.failed),
    latenciesMs: Float64Array.from(results.flatMap((one) => [...one.latenciesMs])),
  };
}

function forkBeside(name: string): ChildProcess {
  const path = fileURLToPath(new URL(name, import.meta.url));
  return fork(path, { serialization: "advanced", stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Sends a message and waits for the one answer to it. */
function ask(child: ChildProcess, message: object | string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, answer?: unknown): void => {
      clearTimeout(timer);
      child.off("message", onMessage);
      child.off("exit", onExit);
      if (error === null) resolve(answer);
      else reject(error);
    };
    const onMessage = (answer: unknown): void => done(null, answer);
    const onExit = (): void => done(new Error("a helper process of the benchmark ended"));
    const onTimeout = (): void => done(new Error("a helper process of the benchmark is silent"));
    const runMs = typeof message === "object" && "measureMs" in message ? message.measureMs : 0;
    const timer = setTimeout(onTimeout, ANSWER_TIMEOUT_MS + Number(runMs));
    child.once("message", onMessage);
    child.once("exit", onExit);
    child.send(message);
  });
}

async function sleepUntil(wallMs: number): Promise<void> {
  const leftMs = wallMs - (performance.timeOrigin + performance.now());
  if (leftMs > 0) await sleep(leftMs);
}

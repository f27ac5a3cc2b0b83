// Child processes that are ready when started, keep their output, and never outlive this process.
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a child has to become ready; a cold Envoy takes under 2 s on a busy machine. */
const READY_TIMEOUT_MS = 20_000;
/** How long a child has to end after SIGTERM before it gets SIGKILL. */
const TERM_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 20;
/** What is kept of a child's output in memory, from the end. */
const OUTPUT_BYTES_MAX = 1 << 20;
const OUTPUT_TAIL_LINES = 15;

export interface StartOptions {
  /** Names the child in errors. */
  name: string;
  command: string;
  args?: string[];
  /** Added to this process's environment. */
  env?: Record<string, string>;
  cwd?: string;
  /** A file that also gets the output. */
  logPath?: string;
  /** Ready once this matches the output... */
  readyLine?: RegExp;
  /** ...and once this URL answers 200. With neither, a child is ready when it has a pid. */
  readyUrl?: string;
  readyTimeoutMs?: number;
  /** Told of the child before it is waited for. */
  onSpawn?: (child: Child) => void;
}

const running = new Set<Child>();

/** One started process. */
export class Child {
  readonly name: string;
  readonly pid: number;
  /** Null when a signal ended it; undefined while it runs. */
  exitCode: number | null | undefined = undefined;
  /** The match of `readyLine`. */
  ready: RegExpExecArray | null = null;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #output = "";

  constructor(options: StartOptions, child: ChildProcess, log: WriteStream | null) {
    this.name = options.name;
    this.pid = child.pid ?? 0;
    this.#process = child;
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-OUTPUT_BYTES_MAX);
      log?.write(chunk);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    this.#ended = new Promise((resolve) => {
      child.once("close", (code) => {
        this.exitCode = code;
        running.delete(this);
        log?.end();
        resolve();
      });
    });
    running.add(this);
  }

  /** What the child wrote so far, both streams, at most the last mebibyte. */
  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.exitCode === undefined;
  }

  /** Resolves when the process has ended and its output is read. */
  ended(): Promise<void> {
    return this.#ended;
  }

  signal(name: NodeJS.Signals): void {
    if (this.isRunning) this.#process.kill(name);
  }

  /** SIGTERM, then SIGKILL for one that does not listen. */
  async stop(termTimeoutMs = TERM_TIMEOUT_MS): Promise<void> {
    this.signal("SIGTERM");
    await Promise.race([this.#ended, sleep(termTimeoutMs, undefined, { ref: false })]);
    this.signal("SIGKILL");
    await this.#ended;
  }

  /** The last lines of the output, for an error text. */
  tail(): string {
    return this.#output.trimEnd().split("\n").slice(-OUTPUT_TAIL_LINES).join("\n");
  }
}

/** Starts a process and waits until it is ready; throws with its last lines when it is not. */
export async function start(options: StartOptions): Promise<Child> {
  endWithThisProcess();
  const log = options.logPath === undefined ? null : createWriteStream(options.logPath);
  const process_ = spawn(options.command, options.args ?? [], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  await new Promise<void>((resolve, reject) => {
    process_.once("spawn", resolve);
    process_.once("error", (error) => reject(new Error(`${options.name}: ${error.message}`)));
  });
  const child = new Child(options, process_, log);
  options.onSpawn?.(child);
  try {
    await waitReady(child, options);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return child;
}

/** Stops every child that still runs. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

/** Calls `probe` until it is true or the time is over; throws `what` when it never is. */
export async function until(
  what: string,
  probe: () => boolean | Promise<boolean>,
  timeoutMs = READY_TIMEOUT_MS,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (performance.now() < endMs) {
    if (await probe()) return;
    await sleep(POLL_INTERVAL_MS);
  }
  throw new Error(`${what}: not within ${timeoutMs} ms`);
}

async function waitReady(child: Child, options: StartOptions): Promise<void> {
  const { readyLine, readyUrl, readyTimeoutMs = READY_TIMEOUT_MS } = options;
  const endMs = performance.now() + readyTimeoutMs;
  while (performance.now() < endMs) {
    if (!child.isRunning) {
      throw new Error(`${child.name} ended with ${child.exitCode} at once:\n${child.tail()}`);
    }
    if (readyLine !== undefined) child.ready ??= readyLine.exec(child.output);
    const isLineSeen = readyLine === undefined || child.ready !== null;
    if (isLineSeen && (readyUrl === undefined || (await answers(readyUrl)))) return;
    await sleep(POLL_INTERVAL_MS);
  }
  throw new Error(`${child.name} was not ready within ${readyTimeoutMs} ms:\n${child.tail()}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

let isHooked = false;

/** A child must not outlive a parent that ends by an error or a signal. */
function endWithThisProcess(): void {
  if (isHooked) return;
  isHooked = true;
  process.once("exit", () => {
    for (const child of running) child.signal("SIGKILL");
  });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // Whoever handles the signal itself also ends its children; without a handler we end as asked.
    process.on(name, () => {
      if (process.listenerCount(name) > 1) return;
      process.exit(name === "SIGINT" ? 130 : name === "SIGHUP" ? 129 : 143);
    });
  }
}

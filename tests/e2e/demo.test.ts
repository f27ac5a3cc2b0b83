// Runs the demo as a person would: short, to its end, interrupted, with a component that dies.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { RouteSummary } from "../../lab/summary.js";

const MAIN = fileURLToPath(new URL("../../demo/main.js", import.meta.url));
const ANY_PORTS = ["--http-port", "0", "--llm-gw-port", "0"];
/** More than the slowest start and stop of all components on a machine that is busy. */
const WAIT_MS_MAX = 120_000;
const POLL_INTERVAL_MS = 100;
const TERMINAL_COLUMNS = 80;

test("a short run ends with table and JSON, without errors or leftovers", async () => {
  const demo = startDemo("--once", "--json", "--seconds", "4", "--seed", "1", ...ANY_PORTS);
  assert.equal(await demo.exitCode(), 0, demo.output());
  const lines = demo.output().trimEnd().split("\n");
  const summary = JSON.parse(lines.at(-1) ?? "") as Record<string, RouteSummary>;
  assert.deepEqual(Object.keys(summary), ["standard", "routed"]);
  for (const [route, figures] of Object.entries(summary)) checkSummary(route, figures);
  assert.equal(summary["standard"]?.requests, summary["routed"]?.requests);
  for (const line of lines.slice(0, -1)) assert.ok(line.length <= TERMINAL_COLUMNS, line);
  await demo.leavesNothing();
});

test("Ctrl-C in the middle of a phase ends it all", async () => {
  const demo = startDemo("--seconds", "60", "--seed", "2", ...ANY_PORTS);
  await demo.hasStarted(/envoy/);
  // As a terminal does it: the whole group gets the signal.
  process.kill(-(demo.child.pid ?? 0), "SIGINT");
  assert.equal(await demo.exitCode(), 130, demo.output());
  await demo.leavesNothing();
});

test("a component that dies ends the demo with a line that names it", async () => {
  const demo = startDemo("--seconds", "60", "--seed", "3", ...ANY_PORTS);
  await demo.hasStarted(/envoy/);
  process.kill(await demo.hasStarted(/sidecar-metrics/), "SIGKILL");
  assert.equal(await demo.exitCode(), 1, demo.output());
  assert.match(demo.output(), /^demo: sidecar was killed/m);
  await demo.leavesNothing();
});

test("nothing outlives a demo that is killed", async () => {
  const demo = startDemo("--seconds", "3", "--seed", "4", ...ANY_PORTS);
  await demo.hasSaid(/^phase 1/m);
  demo.child.kill("SIGKILL");
  await demo.exitCode();
  await demo.leavesNothing();
});

test("a port that is taken is named, with who has it and what to do", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const demo = startDemo("--once", "--http-port", String(port), "--llm-gw-port", "0");
    assert.equal(await demo.exitCode(), 1);
    assert.match(demo.output(), new RegExp(`port ${port} is taken by .*\\(pid ${process.pid}\\)`));
    assert.match(demo.output(), /choose another with --http-port N/);
    await demo.leavesNothing();
  } finally {
    server.close();
  }
});

for (const args of [
  ["--seconds", "1"],
  ["--workload", "poems"],
  ["--port", "1"],
  ["--seed", "-1"],
]) {
  test(`${args.join(" ")} is refused`, async () => {
    const demo = startDemo(...args);
    assert.equal(await demo.exitCode(), 2);
    assert.match(demo.output(), /^error: /m);
  });
}

function checkSummary(route: string, figures: RouteSummary): void {
  const { requests, errors, ttftMs, cachedShare } = figures;
  assert.deepEqual(Object.keys(figures), ["requests", "errors", "ttftMs", "cachedShare"]);
  assert.ok(requests > 0, route);
  assert.equal(errors, 0, route);
  assert.ok(ttftMs.mean > 0 && ttftMs.p50 > 0 && ttftMs.p50 <= ttftMs.p99, JSON.stringify(ttftMs));
  // Every route finds something: a pod is bound to see an assistant twice.
  assert.ok(cachedShare > 0 && cachedShare < 1, `${route} ${cachedShare}`);
}

/** Starts the demo as the leader of a process group, so that all it starts can be found. */
function startDemo(...args: string[]): RunningDemo {
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
  return new RunningDemo(spawn(process.execPath, [MAIN, ...args], { stdio, detached: true }));
}

class RunningDemo {
  #output = "";
  readonly #closed: Promise<unknown[]>;

  constructor(readonly child: ChildProcess) {
    const keep = (chunk: Buffer) => (this.#output += chunk.toString("utf8"));
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    this.#closed = once(child, "exit");
  }

  output(): string {
    return this.#output;
  }

  async exitCode(): Promise<number | null> {
    const [code] = await this.#closed;
    return code as number | null;
  }

  /** The pid of a process of the demo whose command line matches, once there is one. */
  async hasStarted(command: RegExp): Promise<number> {
    let found: number | undefined;
    await this.#until(() => {
      const pids = this.#group().filter((pid) => pid !== this.child.pid);
      found = pids.find((pid) => command.test(read(`/proc/${pid}/cmdline`).replaceAll("\0", " ")));
      return found !== undefined;
    });
    return found ?? 0;
  }

  async hasSaid(text: RegExp): Promise<void> {
    await this.#until(() => text.test(this.#output));
  }

  async leavesNothing(): Promise<void> {
    await this.#until(() => this.#group().length === 0);
  }

  /** Pids of the process group; a zombie that nobody has reaped yet is gone. */
  #group(): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        // After the command's name in parentheses: state, parent, group.
        const [state, , group] = read(`/proc/${pid}/stat`)
          .replace(/^.*\) /, "")
          .split(" ");
        return state !== "Z" && Number(group) === this.child.pid;
      })
      .map(Number);
  }

  async #until(isTrue: () => boolean): Promise<void> {
    for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += POLL_INTERVAL_MS) {
      if (isTrue()) return;
      await sleep(POLL_INTERVAL_MS);
    }
    process.kill(-(this.child.pid ?? 0), "SIGKILL");
    assert.fail(`not within ${WAIT_MS_MAX} ms; the demo said:\n${this.#output}`);
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

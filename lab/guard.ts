// Ends a program's children even where it is killed and can do nothing itself any more.
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Child } from "./processes.js";

const GUARD_MAIN = fileURLToPath(new URL("./guard-main.js", import.meta.url));

/** A small process beside ours that knows our children's pids and outlives us for a moment. */
export class Guard {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = spawn(process.execPath, [GUARD_MAIN], { stdio: ["pipe", "ignore", "ignore"] });
    // It may be killed like any other process; then there is just no guard.
    this.#process.once("error", () => undefined);
    this.#process.stdin?.once("error", () => undefined);
    this.#process.unref();
  }

  /** From now on the child ends with this process. */
  add(child: Child): void {
    this.#process.stdin?.write(`+${child.pid}\n`);
    void child.ended().then(() => this.#process.stdin?.write(`-${child.pid}\n`));
  }

  /** Ends the guard, and every child that is still there. */
  close(): void {
    this.#process.stdin?.end();
  }
}

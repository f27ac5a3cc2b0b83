// Tells on stderr how far long runs are; nothing here touches what is simulated.
import { loadText } from "./print.js";
import type { Task } from "./task.js";

/** Runs that are shorter say nothing. */
const QUIET_MS = 1000;
const TERMINAL_PERIOD_MS = 200;
const PLAIN_PERIOD_MS = 10_000;
const CLEAR_LINE = "\r\x1b[K";

/** Where it is told: a terminal's line is written over, a file gets lines. */
export interface ProgressOutput {
  write(text: string): void;
  isTTY?: boolean;
}

export class Progress {
  private readonly startMs: number;
  private toldMs = -Infinity;
  private done = 0;
  private readonly shares = new Map<Task, number>();
  private isShown = false;

  constructor(
    private readonly output: ProgressOutput,
    private readonly options: { seeds: number; progress?: boolean },
    private readonly nowMs: () => number,
  ) {
    this.startMs = nowMs();
  }

  /** A task is so far, 0 to 1. */
  readonly update = (task: Task, share: number, tasks: number): void => {
    if (share < 1) {
      this.shares.set(task, share);
    } else {
      this.shares.delete(task);
      this.done++;
    }
    const nowMs = this.nowMs();
    const isTTY = this.output.isTTY === true;
    if (!isTTY && !this.options.progress) return;
    const periodMs = isTTY ? TERMINAL_PERIOD_MS : PLAIN_PERIOD_MS;
    if (nowMs - this.startMs < (isTTY ? QUIET_MS : periodMs)) return;
    if (nowMs - this.toldMs < periodMs) return;
    this.toldMs = nowMs;
    this.isShown = isTTY;
    const text = this.textOf(task, tasks);
    this.output.write(isTTY ? CLEAR_LINE + text : `${text}\n`);
  };

  /** Makes room for a line of the result. */
  clear(): void {
    if (this.isShown) this.output.write(CLEAR_LINE);
    this.isShown = false;
    this.toldMs = -Infinity;
  }

  private textOf({ workload, load, rule, seed }: Task, tasks: number): string {
    let share = this.done;
    for (const one of this.shares.values()) share += one;
    const percent = Math.floor((100 * share) / tasks);
    const which = `${workload} ${loadText(load)} ${rule} seed ${seed} of ${this.options.seeds}`;
    return `${which}, ${percent} %`;
  }
}

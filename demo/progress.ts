// Shows how far the demo is: one live line on a terminal, otherwise a line when a phase ends.
import type { LoadProgress } from "../lab/load.js";

const REFRESH_INTERVAL_MS = 250;
const BAR_COLUMNS = 10;
const LINE_COLUMNS_MAX = 79;
const CLEAR_LINE = "\r\x1b[2K";

interface Output {
  isTTY?: boolean;
  write(text: string): unknown;
}

/** Writes to one output; `nowMs` is the clock of the load. */
export class ProgressLine {
  #timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly output: Output,
    private readonly nowMs: () => number,
  ) {}

  /** Shows a phase until `stop`. */
  show(title: string, progress: LoadProgress, seconds: number): void {
    this.stop();
    if (this.output.isTTY !== true) return;
    const draw = () => this.#draw(progressText(title, progress, seconds, this.nowMs()));
    this.#timer = setInterval(draw, REFRESH_INTERVAL_MS);
    draw();
  }

  /** Shows a text until something else is shown; nothing where the output is no terminal. */
  note(text: string): void {
    this.stop();
    if (this.output.isTTY === true) this.#draw(text);
  }

  /** Removes the live line. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.output.isTTY === true) this.output.write(CLEAR_LINE);
  }

  #draw(text: string): void {
    this.output.write(CLEAR_LINE + text.slice(0, LINE_COLUMNS_MAX));
  }
}

/** `phase 2 of 4, llm-gw  ####......  180 sent, 4 open, TTFT 131 ms, 0 errors` */
export function progressText(
  title: string,
  progress: LoadProgress,
  seconds: number,
  nowMs: number,
): string {
  const share = Math.min(1, Math.max(0, (nowMs - progress.startMs) / (seconds * 1000)));
  const filled = Math.round(share * BAR_COLUMNS);
  const bar = "#".repeat(filled) + ".".repeat(BAR_COLUMNS - filled);
  const open = progress.sent - progress.done;
  const ttft = progress.ttftMsSum / Math.max(1, progress.done - progress.errors);
  return (
    `${title}  ${bar}  ${progress.sent} sent, ${open} open, ` +
    `TTFT ${ttft.toFixed(0)} ms, ${progress.errors} errors`
  );
}

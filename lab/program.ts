// The frame of a program that starts components: signals, one clear line for a failure, clean end.
import { FailureWatch, PlainError } from "./failure.js";
import { stopAll } from "./processes.js";

export const EXIT_FAILED = 1;
export const EXIT_INTERRUPTED = 130;

/** What the program's body gets. */
export interface Frame {
  /** Aborted by Ctrl-C and by the first component that ends by itself. */
  watch: FailureWatch;
  /** `release` runs when the body is over and its error is told; the last one given is first. */
  atEnd: (release: () => void | Promise<void>) => void;
}

/**
 * Runs `body` and returns its exit status, or that of a failure (which it prints) or of Ctrl-C.
 * A body that throws leaves its components running, so that the one that ended first can be named.
 */
export async function runProgram(
  name: string,
  body: (frame: Frame) => Promise<number>,
): Promise<number> {
  const watch = new FailureWatch();
  const releases: (() => void | Promise<void>)[] = [];
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => watch.end());
  }
  try {
    return await body({ watch, atEnd: (release) => void releases.unshift(release) });
  } catch (error) {
    if (watch.isEnded) return EXIT_INTERRUPTED;
    console.error(`${name}: ${messageOf(await watch.explain(error))}`);
    return EXIT_FAILED;
  } finally {
    for (const release of releases) await release();
    await stopAll();
    watch.close();
  }
}

/** What goes wrong in starting is told without a stack, a mistake of ours with it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isTold = error instanceof PlainError || error.constructor === Error;
  return isTold ? error.message : (error.stack ?? error.message);
}

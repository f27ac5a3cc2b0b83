// Turns the end of a component into one clear line, with the tail of its log.
import { once, setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "./processes.js";
import { Guard } from "./guard.js";

/** Ctrl-C ends the components too; we have to hear of it before we call that a failure. */
const INTERRUPT_WAIT_MS = 200;

/** An error whose message is meant for the person at the terminal, without a stack. */
export class PlainError extends Error {}

/** Watches children that must not end by themselves. */
export class FailureWatch {
  readonly #expected = new Set<Child>();
  readonly #guard = new Guard();
  readonly #controller = new AbortController();
  #isEnded = false;
  #failure: PlainError | null = null;

  constructor() {
    // Every request in flight listens; Node takes more than ten listeners for a leak.
    setMaxListeners(0, this.signal);
  }

  /** Aborted by the first failure or by `end`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on the child does not outlive this process, whatever ends that. */
  guard(child: Child): void {
    this.#guard.add(child);
  }

  /** From now on the child's end is a failure, until `expectEnd`. */
  watch(child: Child): Child {
    this.guard(child);
    void child.ended().then(() => setTimeout(() => this.#childEnded(child), INTERRUPT_WAIT_MS));
    return child;
  }

  /** The child is about to be stopped. */
  expectEnd(child: Child): void {
    this.#expected.add(child);
  }

  /** Ends what runs, without a failure: somebody pressed Ctrl-C. */
  end(): void {
    this.#isEnded = true;
    this.#controller.abort();
  }

  /** `end` was called. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Resolves after `end`; rejects with the first failure. */
  async ended(): Promise<void> {
    const { signal } = this;
    if (!signal.aborted) await once(signal, "abort");
    this.check();
  }

  /** Call it when all children have ended. */
  close(): void {
    this.#guard.close();
  }

  /** What an error came from: a component that ended just now, else the error itself. */
  async explain(error: unknown): Promise<unknown> {
    await sleep(2 * INTERRUPT_WAIT_MS);
    return this.#failure ?? error;
  }

  /** Throws the first failure, if there is one. */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  #childEnded(child: Child): void {
    if (this.#isEnded || this.#expected.has(child)) return;
    const how = child.exitCode === null ? "was killed" : `ended with exit code ${child.exitCode}`;
    this.#failure ??= new PlainError(`${child.name} ${how}; the end of its log:\n${child.tail()}`);
    this.#controller.abort();
  }
}

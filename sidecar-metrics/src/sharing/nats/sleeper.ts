// Waits that can be cut short.

export class Sleeper {
  private waiting: { timer: NodeJS.Timeout; resolve: () => void } | null = null;

  sleep(ms: number): Promise<void> {
    this.wake();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), ms);
      this.waiting = { timer, resolve };
    });
  }

  /** Ends the wait that is under way, if there is one. */
  wake(): void {
    const { waiting } = this;
    this.waiting = null;
    clearTimeout(waiting?.timer);
    waiting?.resolve();
  }
}

// The LoRA adapters that one engine holds: a fixed number of slots, the least recently used leaves.

export class AdapterSlots {
  /** Adapters loaded since the start. */
  loads = 0;
  /** Running requests by adapter held, the least recently used first. */
  private readonly users = new Map<string, number>();

  /** vLLM's `--max-loras`; 0: the engine has no adapters, and no limit is watched. */
  constructor(readonly count: number) {}

  /** Adapters in slots, the least recently used first. */
  get held(): string[] {
    return [...this.users.keys()];
  }

  /** Whether a request may run now: its adapter is at work, or a slot has none at work. */
  canRun(adapter: string | undefined): boolean {
    if (adapter === undefined || this.count === 0) return true;
    if ((this.users.get(adapter) ?? 0) > 0) return true;
    let busy = 0;
    for (const users of this.users.values()) if (users > 0) busy++;
    return busy < this.count;
  }

  /** A request begins to run; the adapter is loaded where it is not held. */
  acquire(adapter: string | undefined): void {
    if (adapter === undefined || this.count === 0) return;
    const users = this.users.get(adapter);
    if (users === undefined) this.load();
    this.touch(adapter, (users ?? 0) + 1);
  }

  /** A request does not run any more; its adapter stays until the slot is needed. */
  release(adapter: string | undefined): void {
    if (adapter === undefined || this.count === 0) return;
    this.touch(adapter, this.users.get(adapter)! - 1);
  }

  private load(): void {
    this.loads++;
    if (this.users.size < this.count) return;
    for (const [adapter, users] of this.users) {
      if (users > 0) continue;
      this.users.delete(adapter);
      return;
    }
  }

  private touch(adapter: string, users: number): void {
    this.users.delete(adapter);
    this.users.set(adapter, users);
  }
}

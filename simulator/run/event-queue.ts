// Events of virtual time: a binary heap, earliest first.

type Handler = (nowMs: number) => void;

interface Event {
  atMs: number;
  order: number;
  handle: Handler;
}

/** Events by time; those of the same time in the order in which they were added. */
export class EventQueue {
  /** Time of the event that is being handled, or was handled last. */
  nowMs = 0;
  private readonly heap: Event[] = [];
  private count = 0;

  add(atMs: number, handle: Handler): void {
    const { heap } = this;
    heap.push({ atMs, order: this.count++, handle });
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(at, parent)) break;
      this.swap(at, parent);
      at = parent;
    }
  }

  /** Handles events until none is left. */
  run(): void {
    for (let next = this.pop(); next; next = this.pop()) {
      this.nowMs = next.atMs;
      next.handle(next.atMs);
    }
  }

  private pop(): Event | undefined {
    const { heap } = this;
    if (heap.length === 0) return undefined;
    this.swap(0, heap.length - 1);
    const first = heap.pop();
    for (let at = 0; ;) {
      let least = at;
      for (let child = 2 * at + 1; child <= 2 * at + 2; child++) {
        if (child < heap.length && this.isBefore(child, least)) least = child;
      }
      if (least === at) return first;
      this.swap(at, least);
      at = least;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const left = this.heap[a]!;
    const right = this.heap[b]!;
    return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
  }

  private swap(a: number, b: number): void {
    const kept = this.heap[a]!;
    this.heap[a] = this.heap[b]!;
    this.heap[b] = kept;
  }
}

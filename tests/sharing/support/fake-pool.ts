// A pool whose messages are numbered texts: it says what it is told to and keeps what it hears.
import type { OutMessage, SharedPool } from "../../../sidecar-metrics/src/sharing/carrier.js";

export class FakePool implements SharedPool {
  onRecords: (() => void) | null = null;
  onLoad: ((message: Buffer) => void) | null = null;
  /** What came by the stream, in the order in which it came. */
  readonly records: string[] = [];
  readonly loads: string[] = [];
  readonly confirmed: string[] = [];
  private readonly waiting: OutMessage[] = [];
  private said = 0;

  constructor(
    readonly name: string,
    /** Begins the ids, which no other pool's may begin with. */
    private readonly who: string,
  ) {}

  say(...texts: string[]): void {
    for (const text of texts) this.sayBytes(Buffer.from(text));
  }

  sayBytes(bytes: Buffer): void {
    this.waiting.push({ id: `${this.who}-${++this.said}`, bytes });
    this.onRecords?.();
  }

  sayLoad(text: string | Buffer): void {
    this.onLoad?.(Buffer.from(text));
  }

  get waitingCount(): number {
    return this.waiting.length;
  }

  nextRecords(): OutMessage | null {
    return this.waiting[0] ?? null;
  }

  published(id: string): void {
    this.confirmed.push(id);
    if (this.waiting[0]?.id === id) this.waiting.shift();
  }

  takeRecords(message: Uint8Array): void {
    this.records.push(Buffer.from(message).toString());
  }

  takeLoad(message: Uint8Array): void {
    this.loads.push(Buffer.from(message).toString());
  }
}

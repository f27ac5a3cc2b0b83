// What all VMs of one process share: data with compare-and-swap, and queues, both by vm_id.
import { Status } from "./abi.js";

interface Entry {
  /** Larger than `length` when a shorter value replaced a longer one. */
  bytes: Uint8Array;
  length: number;
  cas: number;
}

interface Queue {
  readonly token: number;
  readonly messages: Uint8Array[];
  /** Tells the owner, on its thread, that there is a message; the last registration owns. */
  notify: (token: number) => void;
}

export class SharedData {
  private readonly data = new Map<string, Map<string, Entry>>();
  private readonly queues: Queue[] = [];
  private readonly queueTokens = new Map<string, number>();
  /** Notifications that the owners' threads have not taken yet. */
  private posted: (() => void)[] = [];
  private nextCas = 1;

  /** The entry itself, for the host; undefined when absent. */
  entry(vmId: string, key: string): Readonly<Entry> | undefined {
    return this.data.get(vmId)?.get(key);
  }

  /** A copy of a value, for tests. */
  get(vmId: string, key: string): Uint8Array | undefined {
    const entry = this.entry(vmId, key);
    return entry?.bytes.slice(0, entry.length);
  }

  keys(vmId: string): string[] {
    return [...(this.data.get(vmId)?.keys() ?? [])];
  }

  /** `cas` 0 always sets; a `cas` for a key that is absent sets too, as in Envoy. */
  set(vmId: string, key: string, source: Uint8Array, start: number, size: number, cas = 0): Status {
    let values = this.data.get(vmId);
    if (values === undefined) this.data.set(vmId, (values = new Map<string, Entry>()));
    let entry = values.get(key);
    if (entry === undefined) {
      entry = { bytes: new Uint8Array(size), length: 0, cas: 0 };
      values.set(key, entry);
    } else if (cas !== 0 && cas !== entry.cas) {
      return Status.CasMismatch;
    }
    if (entry.bytes.length < size) entry.bytes = new Uint8Array(size);
    entry.bytes.set(source.subarray(start, start + size));
    entry.length = size;
    entry.cas = this.nextCas++;
    if (this.nextCas > 0xffffffff) this.nextCas = 1; // 0 is no valid number.
    return Status.Ok;
  }

  /** Envoy forgets the data when the last VM of a vm_id is gone. */
  forget(vmId: string): void {
    this.data.delete(vmId);
  }

  registerQueue(vmId: string, name: string, notify: (token: number) => void): number {
    const known = this.resolveQueue(vmId, name);
    if (known !== 0) {
      this.queues[known - 1]!.notify = notify;
      return known;
    }
    const token = this.queues.length + 1; // 0 is no valid token.
    this.queues.push({ token, messages: [], notify });
    this.queueTokens.set(queueKey(vmId, name), token);
    return token;
  }

  /** 0 when there is no such queue. */
  resolveQueue(vmId: string, name: string): number {
    return this.queueTokens.get(queueKey(vmId, name)) ?? 0;
  }

  enqueue(token: number, message: Uint8Array): Status {
    const queue = this.queues[token - 1];
    if (queue === undefined) return Status.NotFound;
    queue.messages.push(message);
    const { notify } = queue;
    this.posted.push(() => notify(token));
    return Status.Ok;
  }

  /** The oldest message, or why there is none. */
  dequeue(token: number): Uint8Array | Status {
    const queue = this.queues[token - 1];
    if (queue === undefined) return Status.NotFound;
    return queue.messages.shift() ?? Status.Empty;
  }

  /** Runs proxy_on_queue_ready for what was enqueued before this call; returns how many. */
  deliver(): number {
    const due = this.posted;
    this.posted = [];
    for (const notify of due) notify();
    return due.length;
  }
}

function queueKey(vmId: string, name: string): string {
  return `${vmId}\0${name}`;
}

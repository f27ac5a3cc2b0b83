// The LoRA adapters that a pool has ever seen, and which endpoints hold each of them now.
import type { Endpoint } from "../pools/endpoint.js";
import { isSendableName } from "./model-policy.js";
import type { AdapterEntry } from "./models-section.js";

/** Adapters stay known for the sidecar's life; those unseen for longest leave beyond this. */
const ADAPTERS_MAX = 256;

export class KnownAdapters {
  /** In the order in which they were last seen. */
  private readonly names = new Set<string>();

  /** Sorted by name, but for those beyond the limit at the end; `listed`: what the pods serve. */
  entries(listed: Iterable<string>, endpoints: readonly Endpoint[]): AdapterEntry[] {
    const holders = new Map<string, number[]>();
    for (const name of listed) if (isSendableName(name)) holders.set(name, []);
    for (const { models, number } of endpoints) {
      for (const name of models.held) {
        const numbers = holders.get(name);
        if (numbers !== undefined) numbers.push(number);
        else if (isSendableName(name)) holders.set(name, [number]);
      }
    }
    this.note(holders.keys());
    const unnoted = [...holders.keys()].filter((name) => !this.names.has(name));
    const names = [...[...this.names].sort(), ...unnoted];
    return names.map((name) => ({ name, endpoints: holders.get(name) ?? [] }));
  }

  private note(seen: Iterable<string>): void {
    for (const name of seen) {
      this.names.delete(name);
      this.names.add(name);
    }
    for (const oldest of this.names) {
      if (this.names.size <= ADAPTERS_MAX) return;
      this.names.delete(oldest);
    }
  }
}

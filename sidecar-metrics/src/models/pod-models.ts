// What one pod says of models: those it serves, and the LoRA adapters it holds.
import type { LoraLoad } from "../scrape/pod-load.js";
import type { ServedModel } from "./served-models.js";

/** More adapters than any GPU holds at once; a page that names more is cut here. */
const HELD_MAX = 256;

export class PodModels {
  /** As the pod told last; null before the first answer. */
  served: readonly ServedModel[] | null = null;
  /** Why the last question for the served models had no answer. */
  failure: string | null = null;
  /** Adapters in the pod's slots, the one that was at work longest ago first. */
  held: readonly string[] = [];
  /** How many adapters fit; 0 is unknown. */
  adapterLimit = 0;
  /** Requests for as many adapters as fit run or wait: one more adapter has to wait. */
  isAtAdapterLimit = false;
  /** What the pool has made of `served` is older than what is known here. */
  isServedDirty = false;
  /** The same of `held`. */
  isHeldDirty = false;
  private epoch = 0;

  /**
   * vLLM names only the adapters that have requests. Its slots keep an adapter after its last
   * request until another one needs the slot, least recently used first: so does this list.
   */
  takeLora(lora: LoraLoad | null, epoch: number): void {
    const isSameLife = epoch === this.epoch;
    this.epoch = epoch;
    const busy = new Set([...(lora?.waiting ?? []), ...(lora?.running ?? [])]);
    this.adapterLimit = lora?.limit ?? 0;
    this.isAtAdapterLimit = this.adapterLimit > 0 && busy.size >= this.adapterLimit;
    const idle = isSameLife && lora !== null ? this.held.filter((name) => !busy.has(name)) : [];
    const slots = Math.min(HELD_MAX, Math.max(this.adapterLimit, busy.size));
    this.hold(slots === 0 ? [] : [...idle, ...busy].slice(-slots));
  }

  takeServed(served: readonly ServedModel[]): void {
    const before = new Map(this.served?.map((model) => [model.card.id, model.card]));
    // vLLM says "created now" each time it is asked: the first answer stays.
    const now = served.map((model) => {
      const created = before.get(model.card.id)?.created ?? model.card.created;
      return { ...model, card: { ...model.card, created } };
    });
    this.isServedDirty ||= JSON.stringify(now) !== JSON.stringify(this.served);
    this.served = now;
    this.failure = null;
    // An adapter that was unloaded leaves its slot without a word on the metrics page.
    const ids = new Set(served.map(({ card }) => card.id));
    this.hold(this.held.filter((name) => ids.has(name)));
  }

  private hold(names: readonly string[]): void {
    const held = new Set(this.held);
    // In another order they are the same to everyone else.
    this.isHeldDirty ||= names.length !== held.size || names.some((name) => !held.has(name));
    this.held = names;
  }
}

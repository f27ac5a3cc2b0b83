// The models section of the load table, where the pods serve LoRA adapters: which holds which.
import { encodeSection } from "../../sidecar-metrics/src/models/models-section.js";
import type { RuleView } from "./rule.js";

/** The section of this moment, the same buffer while nothing changes; null without adapters. */
export function adapterSection(view: RuleView): () => Buffer | null {
  let held = "";
  let section: Buffer | null = null;
  return () => {
    if (view.adapters.length === 0) return null;
    const byPod = view.addresses.map((_, pod) =>
      view.mayBePicked(pod) ? view.scraped(pod).adapters : [],
    );
    const now = byPod.map((names) => names.join(",")).join(";");
    if (section !== null && now === held) return section;
    held = now;
    const adapters = view.adapters.map((name) => ({
      name,
      endpoints: byPod.flatMap((names, pod) => (names.includes(name) ? [pod] : [])),
    }));
    const none = { rules: [], served: [], objectives: [], list: [] };
    section = encodeSection({ isClosed: false, adapters, ...none }).bytes;
    return section;
  };
}

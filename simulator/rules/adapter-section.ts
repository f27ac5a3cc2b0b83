// The models section of the load table: which pod holds which LoRA adapter, and the objectives.
import { encodeSection } from "../../sidecar-metrics/src/models/models-section.js";
import { CRITICALITIES } from "../../sidecar-metrics/src/models/model-policy.js";
import type { RuleView } from "./rule.js";

/** Objectives named as the criticalities are. */
const OBJECTIVES = CRITICALITIES.map((criticality) => ({ name: criticality, criticality }));

/** The section of this moment, the same buffer while nothing changes; null: nothing to say. */
export function adapterSection(view: RuleView): () => Buffer | null {
  let held: string | null = null;
  let section: Buffer | null = null;
  return () => {
    if (view.adapters.length === 0 && !view.hasCriticalities) return null;
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
    const objectives = view.hasCriticalities ? OBJECTIVES : [];
    const none = { rules: [], served: [], list: [] };
    section = encodeSection({ isClosed: false, adapters, objectives, ...none }).bytes;
    return section;
  };
}

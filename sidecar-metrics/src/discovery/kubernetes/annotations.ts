// The annotation attach-to: which gateway, and which port of it, a pool is for.
import type { z } from "zod";
import { choice, section, text, wholeNumber } from "../../config/fields.js";
import { contentOf, explainIssue, parseSource } from "../../config/explain.js";
import { STRATEGIES, type Strategy } from "../../sync/table.js";
import { EXPERIMENTAL_GROUP, STABLE_GROUP } from "./kinds.js";

const dnsName = text(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, "a name as Kubernetes has them");

const attachTo = section({
  name: dnsName,
  port: wholeNumber(1, 65_535),
  namespace: dnsName.optional(),
});

export type AttachTo = z.output<typeof attachTo>;

/** Which gateway's filter this sidecar serves. */
export interface OwnGateway {
  /** Null: the name is not compared. */
  name: string | null;
  /** Null: the namespace is not compared. */
  namespace: string | null;
  port: number;
}

export type Reading<T> = { ok: true; value: T | null } | { ok: false; problem: string };

/** The value of an annotation under either group's prefix, the stable one's first. */
function find(
  annotations: Record<string, string>,
  name: string,
): { key: string; value: string } | null {
  for (const group of [STABLE_GROUP, EXPERIMENTAL_GROUP]) {
    const value = annotations[`${group}/${name}`];
    if (value !== undefined) return { key: `${group}/${name}`, value };
  }
  return null;
}

/** Null where there is no such annotation. */
export function readAttachTo(annotations: Record<string, string>): Reading<AttachTo> {
  const found = find(annotations, "attach-to");
  if (found === null) return { ok: true, value: null };
  try {
    const source = parseSource(`annotation ${found.key}`, found.value);
    const content = contentOf(source);
    const parsed = attachTo.safeParse(content);
    if (parsed.success) return { ok: true, value: parsed.data };
    const [issue] = parsed.error.issues;
    const problem = issue === undefined ? found.key : explainIssue(issue, content, source);
    return { ok: false, problem };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

const strategy = choice(STRATEGIES);

export function readStrategy(annotations: Record<string, string>): Reading<Strategy> {
  const found = find(annotations, "routing-strategy");
  if (found === null) return { ok: true, value: null };
  const parsed = strategy.safeParse(found.value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const shown = JSON.stringify(found.value.slice(0, 60));
  const allowed = `it must be one of ${STRATEGIES.join(", ")}`;
  return { ok: false, problem: `annotation ${found.key}: ${shown} is not allowed; ${allowed}` };
}

/** Whether a pool in `poolNamespace` is for this gateway; without an annotation it is. */
export function isAttached(to: AttachTo | null, poolNamespace: string, own: OwnGateway): boolean {
  if (to === null) return true;
  const namespace = to.namespace ?? poolNamespace;
  return (
    to.port === own.port &&
    (own.name === null || to.name === own.name) &&
    (own.namespace === null || namespace === own.namespace)
  );
}

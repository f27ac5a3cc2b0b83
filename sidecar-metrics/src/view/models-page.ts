// The part of the status page that shows a pool's models.
import { type Column, html, type Html, table } from "./html.js";
import type { ModelsView } from "./models-view.js";
import type { PodView } from "./pools-view.js";

/** More rows say nothing that /v1/pools does not. */
const ROWS_MAX = 64;
const ADAPTERS_SHOWN_MAX = 8;

interface Row {
  name: string;
  criticality: string;
  goesTo: string;
  listedBy: string;
}

const COLUMNS: Column<Row>[] = [
  { title: "model", cell: (row) => row.name },
  { title: "criticality", cell: (row) => row.criticality },
  { title: "goes to", cell: (row) => row.goesTo },
  { title: "listed by", cell: (row) => row.listedBy },
];

/** Nothing for a pool of which nothing is known. */
export function models(view: ModelsView): Html {
  const rows = [...ruleRows(view), ...servedRows(view), ...otherRow(view)];
  if (rows.length === 0 && !view.isClosed && view.objectives.length === 0) return html``;
  const objectives = view.objectives.map(({ name, criticality }) => `${name} ${criticality}`);
  const rest = rows.length - ROWS_MAX;
  return html`<h3>Models</h3>
    ${table(COLUMNS, rows.slice(0, ROWS_MAX), "None.")}
    <p class="dim">
      ${rest > 0 ? `And ${rest} more, see /v1/pools.` : ""} ${onOthers(view)}
      ${objectives.length === 0 ? "" : `Objectives: ${objectives.join(", ")}.`}
    </p>`;
}

function onOthers({ isClosed, rules }: ModelsView): string {
  if (rules.some(({ name }) => name === null)) return "";
  return isClosed
    ? "The pool is closed: names that are not known here are refused with 404."
    : "The pool is open: other names go to the pods as they are.";
}

function ruleRows(view: ModelsView): Row[] {
  return view.rules.flatMap((rule) => {
    const { name } = rule;
    return name === null ? [] : [{ name, ...effectOf(rule), listedBy: listedBy(view, name) }];
  });
}

/** Names without a rule of their own follow the one for every other name, if there is one. */
function servedRows(view: ModelsView): Row[] {
  const ruled = new Set(view.rules.map(({ name }) => name));
  const other = view.rules.find(({ name }) => name === null) ?? UNRULED;
  const { criticality, goesTo } = effectOf(other);
  return view.served
    .filter(({ name }) => !ruled.has(name))
    .map(({ name }) => ({ name, criticality, goesTo, listedBy: listedBy(view, name) }));
}

function otherRow({ rules }: ModelsView): Row[] {
  const other = rules.find(({ name }) => name === null);
  if (other === undefined) return [];
  return [{ name: "every other name", ...effectOf(other), listedBy: "" }];
}

type Rule = ModelsView["rules"][number];
const UNRULED: Rule = { name: null, criticality: "Standard", targets: [] };

function effectOf({ criticality, targets }: Rule): { criticality: string; goesTo: string } {
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  const shares = targets.map(({ name, weight }) =>
    targets.length === 1 ? name : `${name} ${share(weight, weights)}`,
  );
  return { criticality, goesTo: shares.length === 0 ? "itself" : shares.join(", ") };
}

function listedBy({ served, podsAsked }: ModelsView, name: string): string {
  const model = served.find((one) => one.name === name);
  if (model === undefined) return "";
  const adapter = model.parent === null ? "" : `, as an adapter of ${model.parent}`;
  return `${model.pods} of ${podsAsked} pods${adapter}`;
}

function share(weight: number, weights: number): string {
  return weights === 0 ? "0 %" : `${Number(((weight / weights) * 100).toFixed(2))} %`;
}

/** The LoRA adapters in a pod's slots: "sql, code (2 of 4)". */
export function adapters({ adapters: { held, limit, isAtLimit } }: PodView): string {
  if (held.length === 0 && limit === null) return "";
  const slots = limit === null ? `${held.length}` : `${held.length} of ${limit}`;
  if (held.length === 0) return slots;
  const shown = held.slice(0, ADAPTERS_SHOWN_MAX).join(", ");
  const more = held.length > ADAPTERS_SHOWN_MAX ? ", ..." : "";
  return `${shown}${more} (${slots}${isAtLimit ? ", all busy" : ""})`;
}

// The subjects of a pool; `v1` is the version of the messages on them.

/** What a subject cannot hold in one token; no pool's name has an `=`. */
function token(pool: string): string {
  return pool.replaceAll(".", "=");
}

export interface Subjects {
  /** What this sidecar publishes to. */
  records: string;
  load: string;
  /** Of every sidecar. */
  allRecords: string;
  allLoad: string;
}

export function subjectsOf(prefix: string, pool: string, node: string): Subjects {
  const records = `${prefix}.v1.records.${token(pool)}`;
  const load = `${prefix}.v1.load.${token(pool)}`;
  return {
    records: `${records}.${node}`,
    load: `${load}.${node}`,
    allRecords: `${records}.*`,
    allLoad: `${load}.*`,
  };
}

/** What a stream that we make captures: the records of all pools. */
export function streamSubject(prefix: string): string {
  return `${prefix}.v1.records.>`;
}

/** Whether every subject that `inner` matches is matched by `outer`; both may have wildcards. */
export function covers(outer: string, inner: string): boolean {
  const outerTokens = outer.split(".");
  const innerTokens = inner.split(".");
  for (const [index, part] of outerTokens.entries()) {
    if (part === ">") return innerTokens.length > index;
    const other = innerTokens[index];
    if (other === undefined || other === ">") return false;
    if (part !== "*" && part !== other) return false;
  }
  return outerTokens.length === innerTokens.length;
}

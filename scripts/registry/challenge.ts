// Reads what a registry asks for when it answers 401: `WWW-Authenticate: Basic` or `Bearer`.

/** How the registry wants to be told who is there. */
export type Challenge =
  | { scheme: "basic" }
  | { scheme: "bearer"; realm: string; service: string | null; scope: string | null };

/** name=token or name="quoted \" text" (RFC 9110, section 11.2). */
const PARAMETER = /([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/g;

/** The first challenge that can be met; null when there is none. */
export function parseChallenge(header: string | string[] | undefined): Challenge | null {
  const headers = header === undefined ? [] : Array.isArray(header) ? header : [header];
  for (const one of headers) {
    const space = one.search(/\s|$/);
    const scheme = one.slice(0, space).toLowerCase();
    if (scheme === "basic") return { scheme };
    if (scheme !== "bearer") continue;
    const parameters = new Map<string, string>();
    for (const [, name = "", quoted, token] of one.slice(space).matchAll(PARAMETER)) {
      parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? token ?? "");
    }
    const realm = parameters.get("realm");
    if (realm === undefined || !URL.canParse(realm)) continue;
    const service = parameters.get("service") ?? null;
    return { scheme, realm, service, scope: parameters.get("scope") ?? null };
  }
  return null;
}

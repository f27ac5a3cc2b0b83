// Reads the name under which an image is pushed: HOST[:PORT]/PATH:TAG, and nothing looser.

/** Where an image goes in a registry. */
export interface Reference {
  /** Host and port as written, which is also the key of the login. */
  registry: string;
  repository: string;
  tag: string;
}

/** The path of a repository is at most this long in the distribution specification's registries. */
const REPOSITORY_CHARACTERS_MAX = 255;
const PORT_MAX = 65_535;
const EXAMPLE = "as in ghcr.io/warmroute/filter:0.1.0";
const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])(?::([0-9]{1,5}))?$`);
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** A reference that cannot be pushed to; the message says which part and what is allowed. */
export class BadReference extends Error {}

/**
 * The host is always part of it: docker's short names (`user/image` for docker.io) would send the
 * module, and a login, to a host that nobody wrote down.
 */
export function parseReference(text: string): Reference {
  const refuse = (what: string): never => {
    throw new BadReference(`image reference "${text}": ${what}`);
  };
  if (/\s/.test(text)) refuse("there is white space in it");
  if (text.includes("://"))
    refuse(`it is no URL; leave out what comes before the host, ${EXAMPLE}`);
  if (text.includes("@")) refuse("push to a tag; the digest is what the push prints");
  const slash = text.indexOf("/");
  if (slash <= 0) refuse(`it must be HOST[:PORT]/PATH:TAG, ${EXAMPLE}`);
  const registry = text.slice(0, slash);
  const host = HOST.exec(registry);
  const isHost = /[.:[]/.test(registry) || registry === "localhost";
  if (host === null) refuse(`"${registry}" is no host name, IPv4 address or [IPv6], with a port`);
  if (!isHost) refuse(`"${registry}" is no registry's host; write it out, ${EXAMPLE}`);
  if (Number(host?.[1] ?? 1) > PORT_MAX || Number(host?.[1] ?? 1) === 0) {
    refuse(`port ${host?.[1]} is not from 1 to ${PORT_MAX}`);
  }
  const rest = text.slice(slash + 1);
  const colon = rest.indexOf(":");
  if (colon < 0) refuse(`there is no tag after the path, ${EXAMPLE}`);
  const repository = rest.slice(0, colon);
  const tag = rest.slice(colon + 1);
  for (const component of repository.split("/")) {
    if (!COMPONENT.test(component)) {
      refuse(`"${component}" of the path is not a-z 0-9 with single . or _ or - between`);
    }
  }
  if (repository.length > REPOSITORY_CHARACTERS_MAX) {
    refuse(`the path is longer than ${REPOSITORY_CHARACTERS_MAX} characters`);
  }
  if (!TAG.test(tag))
    refuse(`tag "${tag}" is not 1 to 128 of A-Z a-z 0-9 _ . -, beginning with no . or -`);
  return { registry, repository, tag };
}

export function formatReference({ registry, repository, tag }: Reference): string {
  return `${registry}/${repository}:${tag}`;
}

/** Where the registry's API is. Loopback speaks plain HTTP, as every container tool has it. */
export function apiOrigin(registry: string, isInsecure: boolean): string {
  const host = registry.replace(/:\d+$/, "");
  const isLoopback = host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
  // The one registry whose API is at another host than its images are named by.
  const apiHost = registry === "docker.io" ? "registry-1.docker.io" : registry;
  const scheme = isInsecure || isLoopback ? "http" : "https";
  // As URLs compare: in small letters, without the scheme's own port.
  return new URL(`${scheme}://${apiHost}`).origin;
}

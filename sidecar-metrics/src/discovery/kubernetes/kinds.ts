// The kinds of objects that are watched, with the versions in which clusters have them.

export const STABLE_GROUP = "inference.networking.k8s.io";
export const EXPERIMENTAL_GROUP = "inference.networking.x-k8s.io";

export type KindName =
  "InferencePool" | "InferenceModel" | "InferenceObjective" | "InferenceModelRewrite";

export interface Kind {
  name: KindName;
  group: string;
  /** As in paths of the API. */
  plural: string;
  /** Newest first: all versions of a group and plural show the same objects, one is watched. */
  versions: readonly string[];
}

/** Of pools with the same name the one of the group that stands first here wins. */
export const KINDS: readonly Kind[] = [
  { name: "InferencePool", group: STABLE_GROUP, plural: "inferencepools", versions: ["v1"] },
  {
    name: "InferencePool",
    group: EXPERIMENTAL_GROUP,
    plural: "inferencepools",
    versions: ["v1alpha2", "v1alpha1"],
  },
  {
    name: "InferenceModel",
    group: EXPERIMENTAL_GROUP,
    plural: "inferencemodels",
    versions: ["v1alpha2", "v1alpha1"],
  },
  {
    name: "InferenceObjective",
    group: EXPERIMENTAL_GROUP,
    plural: "inferenceobjectives",
    versions: ["v1alpha2"],
  },
  {
    name: "InferenceModelRewrite",
    group: EXPERIMENTAL_GROUP,
    plural: "inferencemodelrewrites",
    versions: ["v1alpha2"],
  },
];

/** A kind in the version that is watched. */
export interface ServedKind {
  kind: Kind;
  version: string;
}

/** `group/version` of everything in the table above, each once. */
export function groupVersions(): string[] {
  return [
    ...new Set(
      KINDS.flatMap(({ group, versions }) => versions.map((version) => `${group}/${version}`)),
    ),
  ];
}

/** What to watch, of what the API server says it has: `group/version` to plurals. */
export function chooseKinds(served: ReadonlyMap<string, ReadonlySet<string>>): ServedKind[] {
  return KINDS.flatMap((kind) => {
    const version = kind.versions.find((one) =>
      served.get(`${kind.group}/${one}`)?.has(kind.plural),
    );
    return version === undefined ? [] : [{ kind, version }];
  });
}

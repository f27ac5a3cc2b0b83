// The objects of manifests/base, which the migration fills with the user's names.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { projectPath } from "../config/project.js";
import { Findings } from "./finding.js";
import { asList, asObject, text, type KubeObject } from "./kube-object.js";
import { readObjects } from "./read.js";

/** Each call of `take` gives copies of its own. */
export class Base {
  private readonly files: { path: string; text: string; kinds: string[] }[];
  /** The name of the Gateway, and of its listener with the filter, as the base has them. */
  readonly gateway: string;
  readonly listener: string;

  constructor() {
    const folder = ["manifests", "base"];
    const list = readFileSync(projectPath(...folder, "kustomization.yaml"), "utf8");
    const names = asList(asObject(parse(list))["resources"]).map(text);
    this.files = names.map((name) => {
      const path = [...folder, name].join("/");
      const content = readFileSync(projectPath(...folder, name), "utf8");
      return { path, text: content, kinds: read(path, content).map(({ kind }) => kind) };
    });
    const filter = this.take("EnvoyExtensionPolicy");
    this.gateway = text(filter.get(["spec", "targetRefs", 0, "name"]));
    this.listener = text(filter.get(["spec", "targetRefs", 0, "sectionName"]));
  }

  /** The base's only object of a kind. */
  take(kind: string): KubeObject {
    const [object, ...others] = this.takeAll(kind);
    if (object !== undefined && others.length === 0) return object;
    throw new Error(`manifests/base must have one ${kind}, it has ${others.length + 1}`);
  }

  /** The HTTPRoute or BackendTrafficPolicy of the listener with the filter. */
  takeOfListener(kind: "HTTPRoute" | "BackendTrafficPolicy"): KubeObject {
    const refs = kind === "HTTPRoute" ? "parentRefs" : "targetRefs";
    const object = this.takeAll(kind).find(
      (one) => text(one.get(["spec", refs, 0, "sectionName"])) === this.listener,
    );
    if (object !== undefined) return object;
    throw new Error(`manifests/base has no ${kind} for the listener ${this.listener}`);
  }

  private takeAll(kind: string): KubeObject[] {
    const files = this.files.filter(({ kinds }) => kinds.includes(kind));
    return files.flatMap((file) => {
      const wanted = read(file.path, file.text).filter((object) => object.kind === kind);
      for (const object of wanted) object.comment(`added, from ${file.path}`);
      return wanted;
    });
  }
}

function read(path: string, content: string): KubeObject[] {
  const findings = new Findings();
  const objects = readObjects([{ name: path, text: content }], "default", findings);
  if (findings.hasErrors) throw new Error(findings.lines().join("\n"));
  return objects;
}

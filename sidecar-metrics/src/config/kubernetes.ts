// The keys by which pods and pools are found in a Kubernetes cluster.
import { z } from "zod";
import { section, text, wholeNumber } from "./fields.js";

const NAMESPACES_MAX = 64;
const PORTS_MAX = 8;
const LABELS_MAX = 64;

const dnsLabel = text(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "the name of a namespace");
const SELECTOR_ALLOWED = `1 to ${LABELS_MAX} labels, as {app: vllm} or "app=vllm,tier=gpu"`;
const PORTS_ALLOWED = `a list of 1 to ${PORTS_MAX} port numbers`;
const NAMESPACES_ALLOWED = `a list of at most ${NAMESPACES_MAX} namespaces`;

/** Text that is no list of labels stays text, for the schema to refuse. */
function parseLabels(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const labels = value.split(",").map((label) => /^\s*([^=\s]+)=([^=\s]*)\s*$/.exec(label));
  if (labels.some((label) => label === null)) return value;
  return Object.fromEntries(labels.map((label) => [label?.[1], label?.[2]]));
}

const selector = z
  .preprocess(
    parseLabels,
    z.record(z.string(), z.string(SELECTOR_ALLOWED), SELECTOR_ALLOWED).refine((labels) => {
      const count = Object.keys(labels).length;
      return count > 0 && count <= LABELS_MAX;
    }, SELECTOR_ALLOWED),
  )
  .meta({ allowed: SELECTOR_ALLOWED });

const port = wholeNumber(1, 65_535);

/** Pods by their labels, for clusters without InferencePools. */
export const selectedPods = section({
  namespace: dnsLabel.describe("the namespace of the pods"),
  selector: selector.describe("labels that a pod must all have"),
  ports: z
    .array(port.describe("a port of each pod that serves requests"), PORTS_ALLOWED)
    .min(1, PORTS_ALLOWED)
    .max(PORTS_MAX, PORTS_ALLOWED)
    .default([8000]),
});

/** Where pools are looked for, and for which gateway. */
export const clusterShape = {
  kubeconfig: text(/^.{1,4096}$/, "the path of a file")
    .optional()
    .describe("how to reach the API server; absent: by the service account of the sidecar's pod"),
  namespaces: z
    .array(
      dnsLabel.describe(
        "a namespace whose InferencePools are served; absent: the service account's; `[]`: none",
      ),
      NAMESPACES_ALLOWED,
    )
    .max(NAMESPACES_MAX, NAMESPACES_ALLOWED)
    .optional(),
  gateway: text(
    /^([a-z0-9][-a-z0-9.]{0,252}\/)?[a-z0-9][-a-z0-9.]{0,252}$/,
    "NAME or NAMESPACE/NAME of a Gateway",
  )
    .optional()
    .describe("pools whose `attach-to` names another gateway are left out; absent: not compared"),
  port: port.default(8081).describe("pools whose `attach-to` names another port are left out"),
};

export type SelectedPods = z.output<typeof selectedPods>;

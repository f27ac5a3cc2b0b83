// The form of one pod, and of a list of pods, wherever they are written down.
import { z } from "zod";
import { STRATEGIES } from "../sync/table.js";
import { ADDRESS_ALLOWED, normalizeAddress } from "./address.js";
import { choice, flag, text, wholeNumber } from "./fields.js";

/** More than there are endpoint numbers, so that too many are told apart from a runaway file. */
const PODS_MAX = 4_096;

export const metricsPath = text(/^\/[\x21-\x7e]{0,254}$/, "a path that begins with /");

const podObject = z.strictObject(
  {
    address: z
      .string(ADDRESS_ALLOWED)
      .transform((value, context) => {
        const address = normalizeAddress(value);
        if (address !== null) return address;
        context.addIssue({ code: "custom", message: ADDRESS_ALLOWED });
        return z.NEVER;
      })
      .pipe(z.string())
      .meta({ allowed: ADDRESS_ALLOWED, description: "where Envoy reaches the pod" }),
    scheme: choice(["http", "https"]).optional().describe("overrides the pool's `scheme`"),
    metricsPath: metricsPath.optional().describe("overrides the pool's `metricsPath`"),
    metricsPort: wholeNumber(1, 65_535).optional().describe("overrides the pool's `metricsPort`"),
    draining: flag().default(false).describe("true: still watched, but not picked any more"),
  },
  ADDRESS_ALLOWED,
);

const LIST_ALLOWED = `a list of at most ${PODS_MAX} addresses or objects with address`;

/** A bare string is a pod with nothing but an address. */
export const podList = z
  .array(
    z.preprocess((pod) => (typeof pod === "string" ? { address: pod } : pod), podObject),
    LIST_ALLOWED,
  )
  .max(PODS_MAX, LIST_ALLOWED)
  .superRefine((pods, context) => {
    const seen = new Set<string>();
    pods.forEach(({ address }, index) => {
      if (seen.has(address)) {
        context.addIssue({
          code: "custom",
          path: [index],
          message: "an address that is listed once",
        });
      }
      seen.add(address);
    });
  });

/** What a file of pods holds: the list alone, or the list with the pool's strategy. */
export const podFile = z.preprocess(
  (content) => (Array.isArray(content) ? { pods: content } : content),
  z.strictObject(
    { pods: podList, routingStrategy: choice(STRATEGIES).optional() },
    { error: "a list of pods, or an object with pods" },
  ),
);

export type ListedPod = z.output<typeof podObject>;

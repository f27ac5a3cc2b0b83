// The faults of a soak: how each begins and ends, and which outcomes it may have for a request.
import { renameSync, writeFileSync } from "node:fs";
import type { PodProcess } from "../../faults/support/pod-process.js";
import type { Stack } from "../../faults/support/stack.js";
import type { Fault as PodFault } from "../../../simulator/pods/pod-options.js";
import type { Result } from "./exchange.js";

/** Two faults of one place are not there at the same time. */
export type Place = "pod" | "sidecar" | "listener";

export interface FaultKind {
  name: string;
  place: Place;
  begin(stack: Stack, pod: PodProcess, random: () => number): unknown;
  end(stack: Stack, pod: PodProcess): unknown;
  /**
   * Whether a request that was at the fault's pod, or under way while it lasted where it has none,
   * may have ended so. Absent: no request may notice.
   */
  mayCause?: (result: Result) => boolean;
}

/** Answers that have begun are not retried. */
const isCut = ({ outcome }: Result): boolean => outcome === "cut";
const isGivenUp = ({ outcome }: Result): boolean => outcome === "gave up";
const hasStatus = (result: Result, status: number): boolean =>
  result.outcome === "status" && result.status === status;
/** The connection closed as the request was on its way: any client has to try such a one again. */
const isRaced = ({ outcome, wasReused }: Result): boolean => outcome === "unanswered" && wasReused;

/**
 * A machine that stands still for a second makes every pod look overloaded. That is none of the
 * faults here, so no request is refused for it.
 */
export const FILTER = { standardSaturationMs: 0 };
const POD_500 = 500;
const SLOWDOWN = 8;
const GARBAGE = "vllm:num_requests_waiting{ NaN -1e999\n# TYPE\n\u0000\n".repeat(50);

function onPod(name: string, fault: PodFault, mayCause?: (result: Result) => boolean): FaultKind {
  return {
    name,
    place: "pod",
    begin: (_, pod) => pod.fault(fault),
    end: (_, pod) => pod.fault({}),
    ...(mayCause === undefined ? {} : { mayCause }),
  };
}

export const FAULTS: readonly FaultKind[] = [
  {
    name: "pod killed, restarted",
    place: "pod",
    begin: (_, pod) => pod.kill(),
    end: (_, pod) => pod.restart(),
    mayCause: isCut,
  },
  {
    name: "pod stopped (SIGSTOP)",
    place: "pod",
    begin: (_, pod) => pod.pause(),
    end: (_, pod) => pod.resume(),
  },
  onPod("pod answers 500", { status: POD_500 }, (result) => hasStatus(result, POD_500)),
  onPod("pod never answers", { hang: true }, isGivenUp),
  onPod("pod's engine stands still", { stall: true }),
  onPod("pod resets connections", { reset: true }),
  onPod("pod cuts its answers", { resetAfterTokens: 2 }, isCut),
  onPod(`pod ${SLOWDOWN} times slower`, { slowdown: SLOWDOWN }),
  onPod("pod's metrics answer 500", { metricsStatus: 500 }),
  onPod("pod's metrics hang", { metricsHang: true }),
  onPod("pod's metrics are garbage", { metricsText: GARBAGE }),
  {
    name: "sidecar killed, restarted",
    place: "sidecar",
    begin: (stack) => kill(stack),
    end: (stack) => stack.restartSidecar(),
  },
  {
    name: "sidecar stopped (SIGSTOP)",
    place: "sidecar",
    begin: (stack) => stack.sidecar.child.signal("SIGSTOP"),
    end: (stack) => stack.sidecar.child.signal("SIGCONT"),
  },
  {
    name: "pod out of the list, in again",
    place: "sidecar",
    begin: (stack, pod) => list(stack, addresses(stack, pod)),
    end: (stack) => list(stack, addresses(stack)),
  },
  {
    name: "list of pods is broken",
    place: "sidecar",
    begin: (stack) => list(stack, "[ 127.0.0.1:1, {"),
    end: (stack) => list(stack, addresses(stack)),
  },
  {
    name: "configuration changed",
    place: "listener",
    begin: (stack, _, random) => push(stack, { alpha: 0.05 + random() / 10 }, "accepted"),
    end: (stack) => push(stack, {}, "accepted"),
    mayCause: isRaced,
  },
  {
    name: "configuration refused",
    place: "listener",
    begin: (stack) => push(stack, { alhpa: 1 }, "refused"),
    end: (stack) => push(stack, {}, "accepted"),
    mayCause: isRaced,
  },
];

async function kill({ sidecar }: Stack): Promise<void> {
  sidecar.child.signal("SIGKILL");
  await sidecar.child.ended();
}

function addresses({ pods }: Stack, without?: PodProcess): string {
  return JSON.stringify(pods.filter((pod) => pod !== without).map((pod) => pod.address));
}

/** Renamed into its place: a file that is written in place may be read half done. */
function list({ podsFile }: Stack, text: string): void {
  writeFileSync(`${podsFile}.next`, text);
  renameSync(`${podsFile}.next`, podsFile);
}

async function push(
  stack: Stack,
  filter: Record<string, unknown>,
  expected: "accepted" | "refused",
): Promise<void> {
  const became = await stack.envoy.pushListeners([stack.listener({ ...FILTER, ...filter })]);
  if (became !== expected) throw new Error(`Envoy ${became} ${JSON.stringify(filter)}`);
}

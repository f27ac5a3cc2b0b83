// Pods that differ, come and go: half speed, a rolling restart, more pods, a pod that dies.
import type { EngineConfig, EngineTiming } from "../engine/options.js";
import { STUDY, zipfRequest } from "./study.js";
import { type PodEvent, singles, type Traffic } from "./traffic.js";

const ZIPF: Omit<Traffic, "name" | "title"> = {
  ...STUDY,
  load: { ratePerS: 24 },
  source: (seed) => singles((conversation) => zipfRequest(seed, conversation)),
};

export const MIXED_PODS_TRAFFIC: Traffic = {
  ...ZIPF,
  name: "mixed-pods",
  title: "zipf, but the first pod takes twice as long for everything",
  engineOf: (engine, pod) => (pod === 0 ? slowed(engine, 2) : engine),
};

/** The same engine on slower hardware: every cost times the factor. */
export function slowed(engine: EngineConfig, factor: number): EngineConfig {
  const { timing } = engine;
  const slow: EngineTiming = {
    stepMs: timing.stepMs * factor,
    prefillStepMs: timing.prefillStepMs * factor,
    prefillTokenMs: timing.prefillTokenMs * factor,
    sequenceMs: timing.sequenceMs * factor,
    kvTokenMs: timing.kvTokenMs * factor,
  };
  return { ...engine, timing: slow };
}

/** One pod after the other, the next when the last one serves again. */
const RESTART = {
  firstMs: 20_000,
  everyMs: 25_000,
  /** Kubernetes' default is 30 s; most answers here take less than 12. */
  graceMs: 12_000,
  /** A container that starts beside a warm page cache; from a registry it takes minutes. */
  startMs: 12_000,
};

export const ROLLING_RESTART_TRAFFIC: Traffic = {
  ...ZIPF,
  name: "rolling-restart",
  title: "zipf, while one pod after the other drains, restarts and comes back cold",
  podEvents: (pods) =>
    Array.from({ length: pods }, (_, pod): PodEvent[] => {
      const atMs = RESTART.firstMs + pod * RESTART.everyMs;
      return [
        { atMs, pod, kind: "drain" },
        { atMs: atMs + RESTART.graceMs, pod, kind: "die" },
        { atMs: atMs + RESTART.graceMs + RESTART.startMs, pod, kind: "start" },
      ];
    }).flat(),
};

/** When the autoscaler's pods serve, and the share of all pods that they are. */
const SCALE_OUT = { atMs: 80_000, share: 0.25 };

export const SCALE_OUT_TRAFFIC: Traffic = {
  ...ZIPF,
  name: "scale-out",
  title: "zipf at a rate that is much for 6 pods; 2 more come after 80 s, cold",
  load: { ratePerS: 36 },
  podEvents: (pods) => {
    const isNew = (pod: number): boolean => pod >= Math.ceil(pods * (1 - SCALE_OUT.share));
    return Array.from({ length: pods }, (_, pod) => pod)
      .filter((pod) => pod > 0 && isNew(pod))
      .map((pod) => ({ atMs: SCALE_OUT.atMs, pod, kind: "start" }));
  },
};

/** With all it was computing; its replacement serves two minutes later. */
const DEATH = { atMs: 80_000, backMs: 200_000 };

export const POD_DIES_TRAFFIC: Traffic = {
  ...ZIPF,
  name: "pod-dies",
  title: "zipf; one pod dies after 80 s with all it was computing, and is back after 200 s",
  podEvents: (pods) => {
    const pod = Math.floor(pods / 2);
    return [
      { atMs: DEATH.atMs, pod, kind: "die" },
      { atMs: DEATH.backMs, pod, kind: "start" },
    ];
  },
};

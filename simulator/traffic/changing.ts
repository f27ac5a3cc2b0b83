// Traffic that changes: bursts, and one prompt that is suddenly everywhere.
import { Random } from "../workloads/random.js";
import { STUDY, zipfRequest } from "./study.js";
import { ownId, single, singles, type Traffic } from "./traffic.js";

/** Once a minute 10 s at three times the rate, else 0.6 of it: the mean stays. */
const BURST = { everyMs: 60_000, fromMs: 30_000, toMs: 40_000, factor: 3, else: 0.6 };

export const BURST_TRAFFIC: Traffic = {
  ...STUDY,
  name: "burst",
  title: "zipf, but once a minute 10 s at three times the rate",
  load: { ratePerS: 24 },
  rateFactor: {
    max: BURST.factor,
    at: (nowMs) => {
      const atMs = nowMs % BURST.everyMs;
      return atMs >= BURST.fromMs && atMs < BURST.toMs ? BURST.factor : BURST.else;
    },
  },
  source: (seed) => singles((conversation) => zipfRequest(seed, conversation)),
};

/** 20 s of each minute are half above the rate, the others below it: the mean stays. */
const SURGE = { everyMs: 60_000, fromMs: 20_000, toMs: 40_000, factor: 1.5, else: 0.75 };

export const SURGE_TRAFFIC: Traffic = {
  ...STUDY,
  name: "surge",
  title: "zipf, but 20 s of each minute at 1.5 times the rate, else 0.75 of it",
  load: { ratePerS: 40 },
  rateFactor: {
    max: SURGE.factor,
    at: (nowMs) => {
      const atMs = nowMs % SURGE.everyMs;
      return atMs >= SURGE.fromMs && atMs < SURGE.toMs ? SURGE.factor : SURGE.else;
    },
  },
  source: (seed) => singles((conversation) => zipfRequest(seed, conversation)),
};

/**
 * Counted in requests, so that content does not depend on the rate: at 30/s from 80 s to 160 s
 * two thirds of all requests begin with one long document that nobody had asked about before.
 */
const VIRAL = { from: 2400, to: 4800, share: 2 / 3, id: 900, tokens: 16_000 };
/** Part of the seed: all else is as in `zipf`. */
const IS_VIRAL = 1;

export const VIRAL_TRAFFIC: Traffic = {
  ...STUDY,
  name: "viral",
  title: "zipf, but for 80 s two thirds of the requests are about one document of 16,000",
  load: { ratePerS: 30 },
  source: (seed) =>
    singles((conversation) => {
      const random = Random.from(seed, conversation, IS_VIRAL);
      const isTime = conversation >= VIRAL.from && conversation < VIRAL.to;
      if (!isTime || random.unit() >= VIRAL.share) return zipfRequest(seed, conversation);
      const question = random.integer(50, 500);
      return single(
        conversation,
        [
          { role: "system", id: VIRAL.id, tokens: VIRAL.tokens },
          { role: "user", id: ownId(conversation, 0), tokens: question },
        ],
        random.integer(100, 499),
      );
    }),
};

// The rules that are limits: what they know of the pods is true, changes nothing, and is weighed
// as by hand.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serialize } from "node:v8";
import { Engine } from "../../simulator/engine/engine.js";
import { engineOptions } from "../../simulator/engine/options.js";
import { oracle } from "../../simulator/rules/oracle.js";
import { ownDelayTrueCache } from "../../simulator/rules/own-delay-true-cache.js";
import type { Rule, RuleView } from "../../simulator/rules/rule.js";
import { truthOf, type PodTruth } from "../../simulator/rules/truth.js";
import { engineRequest, newFlight, type Flight } from "../../simulator/run/flight.js";
import { Random } from "../../simulator/workloads/random.js";

/** 20 blocks of 16 tokens; a prompt token 0.1 ms, a step 10 ms, a running sequence 0.1 ms of it. */
const CONFIG = {
  scheduler: "v1",
  kvTokens: 320,
  timing: {
    stepMs: 10,
    prefillStepMs: 0,
    prefillTokenMs: 0.1,
    sequenceMs: 0.1,
    kvTokenMs: 0,
  },
} as const;
const BLOCK_TOKENS = 16;
const SYSTEM = 1;

let flights = 0;

/** A prompt of contents, each an id and its tokens. */
function flight(contents: readonly [number, number][], outputTokens: number): Flight {
  const messages = contents.map(([id, tokens]) => ({ role: "user" as const, id, tokens }));
  const traffic = { messages, outputTokens, answerId: 0, conversation: 0, turn: 0 };
  return newFlight(flights++, traffic, 0);
}

function submit(engine: Engine<Flight>, one: Flight): void {
  engine.submit(engineRequest(one, engine.options), 0);
}

/** One step; as in a run, the request knows then what was found cached. */
function step(engine: Engine<Flight>): void {
  for (const { owner, cachedTokens } of engine.step(0)?.first ?? []) {
    owner.cachedTokens = cachedTokens;
  }
}

function steps(engine: Engine<Flight>, count: number): void {
  for (let i = 0; i < count; i++) step(engine);
}

describe("what is known of a pod", () => {
  test("its cache: the prompt's leading blocks that are there, never the last token", () => {
    const engine = new Engine<Flight>(CONFIG);
    const truth = truthOf(engine);
    const prompt: [number, number][] = [
      [SYSTEM, 64],
      [2, 32],
    ];
    assert.equal(truth.cachedTokens(flight(prompt, 4)), 0);
    submit(engine, flight(prompt, 4));
    steps(engine, 4);
    const sameSystem: [number, number][] = [
      [SYSTEM, 64],
      [3, 32],
    ];
    assert.equal(truth.cachedTokens(flight(sameSystem, 4)), 64);
    // Of 96 tokens 95 may be cached: 5 blocks.
    assert.equal(truth.cachedTokens(flight(prompt, 4)), 80);
  });

  test("its backlog: what running prompts lack, and of waiting ones what is not cached", () => {
    const engine = new Engine<Flight>({ ...CONFIG, maxStepTokens: 48 });
    const truth = truthOf(engine);
    submit(engine, flight([[SYSTEM, 64]], 100));
    assert.equal(truth.backlogTokens(), 64);
    step(engine);
    assert.equal(truth.backlogTokens(), 16);
    step(engine);
    assert.equal(truth.backlogTokens(), 0, "decoding is no backlog");
    const waiting: [number, number][] = [
      [SYSTEM, 64],
      [2, 40],
    ];
    submit(engine, flight(waiting, 4));
    assert.equal(truth.backlogTokens(), 40);
  });

  test("when there is room: as the engine itself comes to have it", () => {
    // 9 of 20 blocks are in use after the prompts; then 16, 32 and 64 tokens are left to answer.
    for (const [tokens, stepsUntil] of [
      [176, 0],
      [224, 32],
      [240, 64],
    ] as const) {
      const engine = new Engine<Flight>(CONFIG);
      submit(engine, flight([[2, 32]], 17));
      submit(engine, flight([[3, 48]], 33));
      submit(engine, flight([[4, 64]], 65));
      step(engine);
      assert.equal(truthOf(engine).roomMs(tokens, 10.3), stepsUntil * 10.3);
      const free = (): number => {
        const { blockCount, usedBlocks } = engine.stats();
        return (blockCount - usedBlocks) * BLOCK_TOKENS;
      };
      let count = 0;
      for (; free() < tokens; count++) step(engine);
      assert.equal(count, stepsUntil);
    }
  });

  test("what others hold, too, gives no room", () => {
    const engine = new Engine<Flight>(CONFIG);
    submit(engine, flight([[SYSTEM, 128]], 150));
    step(engine);
    const shared: [number, number][] = [
      [SYSTEM, 128],
      [2, 16],
    ];
    submit(engine, flight(shared, 17));
    step(engine);
    // 8 blocks of the first prompt with 2 tokens in a 9th, and one of the second: 10 are free.
    // After 16 steps the second gives back 16 tokens of its prompt and 17 of its answer, not 144.
    assert.equal(truthOf(engine).roomMs(160, 10), 0);
    assert.equal(truthOf(engine).roomMs(161, 10), 16 * 10);
    assert.equal(truthOf(engine).roomMs(162, 10), 148 * 10);
  });

  test("asking changes nothing, also where content is evicted", () => {
    const engines = [new Engine<Flight>(CONFIG), new Engine<Flight>(CONFIG)] as const;
    const [asked, unasked] = engines;
    for (let i = 0; i < 40; i++) {
      const next = flight(
        [
          [SYSTEM + (i % 3), 48],
          [100 + i, 30],
        ],
        5 + (i % 7),
      );
      const before = serialize(asked);
      const truth = truthOf(asked);
      truth.cachedTokens(next);
      truth.backlogTokens();
      truth.roomMs(300, 10);
      assert.ok(before.equals(serialize(asked)), `request ${i} was asked about`);
      for (const engine of engines) {
        submit(engine, { ...next });
        steps(engine, 1 + (i % 4));
      }
    }
    assert.deepEqual(asked.stats(), unasked.stats());
    assert.ok(asked.stats().prefixHits > 0 && asked.stats().usedBlocks > 0);
  });
});

interface Pod {
  cached?: number;
  backlog?: number;
  inFlight?: number;
  roomMs?: number;
}

/** Pods of CONFIG's engine that are as the test says; `asked` collects calls of `roomMs`. */
function viewOf(pods: readonly Pod[], asked: [number, number][] = []): RuleView {
  const truths = pods.map(({ cached = 0, backlog = 0, roomMs = 0 }): PodTruth => ({
    cachedTokens: () => cached,
    backlogTokens: () => backlog,
    roomMs: (...args) => {
      asked.push(args);
      return roomMs;
    },
  }));
  return viewWith(
    truths,
    pods.map(({ inFlight = 0 }) => inFlight),
  );
}

function viewWith(truths: readonly PodTruth[], inFlight: readonly number[]): RuleView {
  const view: Partial<RuleView> = {
    podCount: truths.length,
    random: Random.from(1),
    inFlight: (pod) => inFlight[pod]!,
    mayBePicked: () => true,
    engineOf: () => engineOptions(CONFIG),
    truthOf: (pod) => truths[pod]!,
  };
  return view as RuleView;
}

function picks(rule: (view: RuleView) => Rule, pods: readonly Pod[], outputTokens = 200): number {
  return rule(viewOf(pods)).pick(flight([[2, 1000]], outputTokens), 0);
}

describe("own-delay-true-cache", () => {
  // A prompt of 1,000 tokens, 0.1 ms each; each request in flight 4 ms.
  test("the backlog, the prompt less what is cached, and 4 ms for each request", () => {
    const behind = { backlog: 1000 }; // 100 + 100 ms
    const busy = { inFlight: 24 }; // 100 + 96 ms
    const holds = { cached: 900, backlog: 1900 }; // 190 + 10 ms
    assert.equal(picks(ownDelayTrueCache, [behind, busy, holds]), 1);
    assert.equal(
      picks(ownDelayTrueCache, [behind, { inFlight: 26 }, { ...holds, backlog: 1899 }]),
      2,
    );
    assert.equal(picks(ownDelayTrueCache, [{ backlog: 999 }, { inFlight: 26 }, holds]), 0);
  });

  test("minds neither room nor the answer's length", () => {
    const pods = [{ roomMs: 1e6 }, { inFlight: 1 }];
    assert.equal(picks(ownDelayTrueCache, pods, 1), 0);
    assert.equal(picks(ownDelayTrueCache, pods, 10_000), 0);
  });
});

describe("oracle", () => {
  test("a tenth of what the answer costs each of the others, by its true length", () => {
    // Own: 100 ms. Decode costs others 0.1 ms a token. 10 others: 100 + 1 * (100 + decode).
    const pods = [{ inFlight: 10 }, { backlog: 1500 }]; // The second: 150 + 100 = 250 ms.
    assert.equal(picks(oracle, pods, 490), 0); // 100 + 100 + 49
    assert.equal(picks(oracle, pods, 510), 1); // 100 + 100 + 51
  });

  test("what is cached is neither its own time nor the others'", () => {
    const holds = { cached: 900, inFlight: 10 }; // 10 + 1 * (10 + 20) = 40 ms
    assert.equal(picks(oracle, [{ cached: 601 }, holds]), 0); // 39.9 ms
    assert.equal(picks(oracle, [{ cached: 599 }, holds]), 1); // 40.1 ms
  });

  test("waits for room or for the backlog, whichever is longer", () => {
    // The backlog takes 200 ms, so the first is at 300 until room takes longer.
    const other = { backlog: 2100 }; // 310 ms
    assert.equal(picks(oracle, [{ backlog: 2000, roomMs: 199 }, other]), 0);
    assert.equal(picks(oracle, [{ backlog: 2000, roomMs: 209 }, other]), 0);
    assert.equal(picks(oracle, [{ backlog: 2000, roomMs: 211 }, other]), 1);
  });

  test("room is for the backlog and what it adds, at the pace of as many as are there", () => {
    const asked: [number, number][] = [];
    const view = viewOf([{ cached: 400, backlog: 50, inFlight: 5 }], asked);
    oracle(view).pick(flight([[2, 1000]], 200), 0);
    assert.deepEqual(asked, [[50 + 600, 10 + 5 * 0.1]]);
  });
});

describe("both on engines", () => {
  for (const rule of [ownDelayTrueCache, oracle]) {
    test(`${rule.name}: the cache is worth as many tokens of backlog as it holds`, () => {
      const prompt: [number, number][] = [
        [SYSTEM, 80],
        [2, 16],
      ];
      // The first pod holds 80 of 96 tokens; a waiting prompt is its backlog.
      for (const [backlog, expected] of [
        [79, 0],
        [81, 1],
      ] as const) {
        const engines = [new Engine<Flight>(CONFIG), new Engine<Flight>(CONFIG)];
        submit(engines[0]!, flight(prompt, 1));
        step(engines[0]!);
        submit(engines[0]!, flight([[9, backlog]], 1));
        const next: [number, number][] = [
          [SYSTEM, 80],
          [3, 16],
        ];
        const view = viewWith(engines.map(truthOf), [0, 0]);
        assert.equal(rule(view).pick(flight(next, 10), 0), expected);
      }
    });
  }
});

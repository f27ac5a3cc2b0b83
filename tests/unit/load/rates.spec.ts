// Learned rates: what they start from, where they go, and that no figure breaks them.
import { Config } from "../../../filter/config";
import { Endpoint, Endpoints } from "../../../filter/load/endpoint";
import { Rates } from "../../../filter/load/rates";
import { Random } from "../prefix/random";

function newRates(): Rates {
  const rates = new Rates();
  rates.configure(new Config());
  return rates;
}

function isNear(actual: f64, expected: f64, part: f64): bool {
  return Math.abs(actual - expected) <= Math.abs(expected) * part;
}

/** Every figure that the pick divides by or multiplies with. */
function areSound(rates: Rates, endpoint: Endpoint): bool {
  const values: f64[] = [
    rates.bytesPerToken,
    rates.prefillSecondsPerToken,
    rates.outputTokens,
    rates.promptTokens,
    rates.secondsPerOutputToken,
    rates.prefillOf(endpoint),
  ];
  for (let i = 0; i < values.length; i++) if (!(values[i] > 0 && values[i] < 1e10)) return false;
  return true;
}

describe("rates start", () => {
  test("from the configuration", () => {
    const config = new Config();
    config.bytesPerToken = 3;
    config.outputTokens = 150;
    config.prefillUsPerToken = 400;
    config.tpotMs = 50;
    const rates = new Rates();
    rates.configure(config);
    expect(rates.bytesPerToken).toBe(3);
    expect(rates.outputTokens).toBe(150);
    expect(isNear(rates.prefillSecondsPerToken, 0.0004, 1e-12)).toBe(true);
    expect(rates.secondsPerOutputToken).toBe(0.05);
    expect(isNear(rates.prefillOf(new Endpoints().at(0)), 0.0004, 1e-12)).toBe(true);
  });

  test("and keep what was learned when another configuration comes", () => {
    const rates = newRates();
    const endpoint = new Endpoints().at(0);
    for (let i = 0; i < 500; i++) {
      rates.learnBytes(3000, 1000);
      rates.learnOutput(20);
      rates.learnDecode(1.99, 200);
    }
    const bytesPerToken = rates.bytesPerToken;
    const config = new Config();
    config.bytesPerToken = 8;
    config.outputTokens = 5000;
    config.tpotMs = 90;
    config.prefillUsPerToken = 500;
    rates.configure(config);
    expect(rates.bytesPerToken).toBe(bytesPerToken);
    expect(isNear(rates.outputTokens, 20, 0.05)).toBe(true);
    expect(isNear(rates.secondsPerOutputToken, 0.01, 0.05)).toBe(true);
    // Nothing was learned of prefill, so the new value counts.
    expect(isNear(rates.prefillSecondsPerToken, 0.0005, 1e-12)).toBe(true);
    rates.learnPrefill(endpoint, 1, 2000);
    const learned = rates.prefillSecondsPerToken;
    rates.configure(new Config());
    expect(rates.prefillSecondsPerToken).toBe(learned);
  });
});

describe("bytes a token", () => {
  test("weigh against 2,000 tokens of belief", () => {
    const rates = newRates();
    rates.learnBytes(6000, 2000);
    // (6000 + 2000 * 4) / (2000 + 2000)
    expect(isNear(rates.bytesPerToken, 3.5, 1e-12)).toBe(true);
  });
  test("come to what the pods say", () => {
    const rates = newRates();
    for (let i = 0; i < 400; i++) rates.learnBytes(2500, 1000);
    expect(isNear(rates.bytesPerToken, 2.5, 0.02)).toBe(true);
    for (let i = 0; i < 400; i++) rates.learnBytes(5500, 1000);
    expect(isNear(rates.bytesPerToken, 5.5, 0.02)).toBe(true);
  });
  test("stay between a half and 16, and short prompts say nothing", () => {
    const rates = newRates();
    rates.learnBytes(63, 1000);
    rates.learnBytes(1e6, 15);
    expect(rates.bytesPerToken).toBe(4);
    for (let i = 0; i < 400; i++) rates.learnBytes(1e8, 16);
    expect(rates.bytesPerToken).toBe(16);
    for (let i = 0; i < 3000; i++) rates.learnBytes(64, 1e6);
    expect(rates.bytesPerToken).toBe(0.5);
  });
});

describe("means", () => {
  test("of prompts begin with the first and follow slowly", () => {
    const rates = newRates();
    rates.learnPrompt(5000);
    expect(rates.promptTokens).toBe(5000);
    rates.learnPrompt(10000);
    expect(isNear(rates.promptTokens, 5100, 1e-12)).toBe(true);
  });
  test("of answers move by a fiftieth, and no answer counts more than a million", () => {
    const rates = newRates();
    rates.learnOutput(800);
    expect(isNear(rates.outputTokens, 310, 1e-12)).toBe(true);
    rates.learnOutput(1e18);
    expect(isNear(rates.outputTokens, 310 + (1e6 - 310) / 50, 1e-12)).toBe(true);
  });
  test("of decode are per token behind the first", () => {
    const rates = newRates();
    rates.learnDecode(10.1, 102);
    expect(isNear(rates.secondsPerOutputToken, 0.012 + (0.1 - 0.012) / 50, 1e-12)).toBe(true);
    const before = rates.secondsPerOutputToken;
    rates.learnDecode(5, 7);
    rates.learnDecode(0, 100);
    rates.learnDecode(-3, 100);
    rates.learnDecode(NaN, 100);
    expect(rates.secondsPerOutputToken).toBe(before);
  });
});

describe("prefill", () => {
  test("weighs against 20,000 tokens of belief, one pod's against 200,000 of the pool's", () => {
    const rates = newRates();
    const endpoint = new Endpoints().at(0);
    rates.learnPrefill(endpoint, 4.012, 20000);
    // Without one step of decode: (4 s + 20000 * 62 µs) / 40000
    expect(isNear(rates.prefillSecondsPerToken, 131e-6, 1e-9)).toBe(true);
    // The pod's own: (4 s + 200000 * 131 µs) / 220000
    expect(isNear(rates.prefillOf(endpoint), 137.2727e-6, 1e-6)).toBe(true);
  });
  test("of a pod that says nothing is the pool's", () => {
    const endpoints = new Endpoints();
    const rates = newRates();
    for (let i = 0; i < 400; i++) rates.learnPrefill(endpoints.at(0), 0.8 + 0.012, 2000);
    expect(isNear(rates.prefillSecondsPerToken, 400e-6, 0.1)).toBe(true);
    expect(rates.prefillOf(endpoints.at(1))).toBe(rates.prefillSecondsPerToken);
  });
  test("tells a slow pod from a fast one", () => {
    const endpoints = new Endpoints();
    const rates = newRates();
    for (let i = 0; i < 1000; i++) {
      rates.learnPrefill(endpoints.at(0), 0.1 + 0.012, 2000);
      rates.learnPrefill(endpoints.at(1), 0.4 + 0.012, 2000);
    }
    // 100 samples of 2,000 tokens stay, and as many of the pool's 125 µs: 87.5 and 162.5 µs.
    expect(isNear(rates.prefillOf(endpoints.at(0)), 87.5e-6, 0.05)).toBe(true);
    expect(isNear(rates.prefillOf(endpoints.at(1)), 162.5e-6, 0.05)).toBe(true);
  });
  test("learns nothing from short prompts", () => {
    const rates = newRates();
    const endpoint = new Endpoints().at(0);
    rates.learnPrefill(endpoint, 9, 511);
    expect(endpoint.prefillTokens).toBe(0);
    expect(isNear(rates.prefillSecondsPerToken, 62e-6, 1e-12)).toBe(true);
  });
  test("stays within a factor of 50 of the configured value", () => {
    const rates = newRates();
    const endpoint = new Endpoints().at(0);
    for (let i = 0; i < 1000; i++) rates.learnPrefill(endpoint, 1e9, 1e6);
    expect(rates.prefillOf(endpoint)).toBeLessThanOrEqual(62e-6 * 50.001);
    for (let i = 0; i < 5000; i++) rates.learnPrefill(endpoint, -1e9, 1e6);
    expect(rates.prefillOf(endpoint)).toBeGreaterThan(62e-6 / 50.001);
  });
});

describe("no figure", () => {
  test("of any size or sign makes a rate that cannot be used", () => {
    const random = new Random(4);
    const figures: f64[] = [0, 1, 15, 16, 64, 512, 4294967295, 1e-300, 1e6, 1e12];
    const seconds: f64[] = [-1e12, -1, 0, 1e-12, 0.5, 1e6, 1e15];
    const rates = newRates();
    const endpoint = new Endpoints().at(0);
    for (let i = 0; i < 20000; i++) {
      const a = figures[random.below(figures.length)];
      const b = figures[random.below(figures.length)];
      const s = seconds[random.below(seconds.length)];
      const kind = random.below(5);
      if (kind == 0) rates.learnBytes(a, b);
      else if (kind == 1) rates.learnPrompt(Math.max(Math.min(a, 4294967295), 1));
      else if (kind == 2) rates.learnOutput(Math.max(Math.min(a, 4294967295), 1));
      else if (kind == 3) rates.learnDecode(s, a);
      else rates.learnPrefill(endpoint, s, a);
      if (!areSound(rates, endpoint)) expect(kind).toBe(99);
    }
    // Values that the configuration refuses are no matter here; its least and greatest are.
    const config = new Config();
    config.prefillUsPerToken = 0.1;
    rates.configure(config);
    rates.learnPrefill(endpoint, 1e6, 1e6);
    expect(areSound(rates, endpoint)).toBe(true);
  });
});

describe("the delay factor", () => {
  test("is 1 before anything is known, and near 1 after short waits", () => {
    const rates = newRates();
    expect(rates.delayFactor).toBe(1);
    // Ten times too long, but a tenth of a second: 3.3 s of delays and 0.33 s predicted at most.
    for (let i = 0; i < 500; i++) rates.learnDelay(0.01, 0.1);
    expect(isNear(rates.delayFactor, (0.1 / 0.03 + 5) / (0.01 / 0.03 + 5), 0.001)).toBe(true);
  });

  test("goes to what long waits show, within seconds", () => {
    const rates = newRates();
    for (let i = 0; i < 60; i++) rates.learnDelay(1.5, 4.5);
    expect(isNear(rates.delayFactor, 3, 0.12)).toBe(true);
    for (let i = 0; i < 150; i++) rates.learnDelay(3, 1.5);
    expect(isNear(rates.delayFactor, 0.5, 0.1)).toBe(true);
  });

  test("is hardly moved by one that hung", () => {
    const rates = newRates();
    rates.learnDelay(0.1, 600);
    // 0.1 s times 8, and a second.
    expect(isNear(rates.delayFactor, (1.8 + 5) / (0.1 + 5), 1e-9)).toBe(true);
  });

  test("stays within a factor of 8, whatever it is told", () => {
    const odd: f64[] = [-1, 0, 1e-300, 1e300, Infinity, -Infinity, NaN];
    const rates = newRates();
    for (let i = 0; i < odd.length; i++) {
      for (let k = 0; k < odd.length; k++) {
        rates.learnDelay(odd[i], odd[k]);
        expect(rates.delayFactor >= 0.125 && rates.delayFactor <= 8).toBe(true);
      }
    }
  });
});

// Each case is one configuration as Envoy would give it, and what becomes of it.
import { Config, RoutingStrategy, configError, parseConfig } from "../../filter/config";

const NUMBERS = "allowed: a number from 0 to 10";

function parse(text: string): Config | null {
  const bytes = String.UTF8.encode(text);
  return parseConfig(changetype<usize>(bytes), bytes.byteLength);
}

/** The refusal less its constant beginning; "taken" when there is none. */
function refusalOf(text: string): string {
  if (parse(text) != null) return configError().length == 0 ? "taken" : "taken with an error";
  const beginning = "configuration refused: ";
  const line = configError();
  return line.startsWith(beginning) ? line.substring(beginning.length) : "no beginning: " + line;
}

function taken(text: string): Config {
  const config = parse(text);
  expect(config).not.toBeNull(text + ": " + configError());
  return config == null ? new Config() : config;
}

/** A configuration with one more key beside the pool. */
function withKey(member: string): string {
  return '{"pool":"p",' + member + "}";
}

describe("a configuration that is taken", () => {
  test("with the pool alone has all defaults", () => {
    const config = taken('{"pool":"default"}');
    expect(config.pool).toBe("default");
    expect(config.routingStrategy).toBe(RoutingStrategy.PrefixCache);
    expect(config.sidecarCluster).toBe("warmroute-sidecar");
    expect(config.destinationHeader).toBe("x-gateway-destination-endpoint");
    expect(config.debugHeaders).toBe(false);
    expect(config.modelHeader + config.objectiveHeader + config.tenantHeader).toBe("");
    expect(config.maxBodyBytes).toBe(8388608);
    expect(config.indexMiB).toBe(16);
    expect(config.pollIntervalMs).toBe(50);
    expect(config.syncTimeoutMs).toBe(1000);
    expect(config.metricsMaxAgeMs).toBe(2000);
    expect(config.stallGuardMs).toBe(250);
    expect(config.alpha).toBe(0.1);
    expect(config.slackMs).toBe(5);
    expect(config.saturationMs).toBe(500);
    expect(config.standardSaturationMs).toBe(1000);
    expect(config.ttftTargetHeader).toBe("");
    expect(config.ttftTargetMs).toBe(0);
    expect(config.bytesPerToken).toBe(4);
    expect(config.outputTokens).toBe(300);
    expect(config.prefillUsPerToken).toBe(62);
    expect(config.decodeUsPerSequence).toBe(60);
    expect(config.decodeNsPerKvToken).toBe(56);
    expect(config.tpotMs).toBe(12);
    expect(config.defaultCapacityTokens).toBe(100000);
  });

  test("has what it says in every key", () => {
    const config = taken(
      ' {"pool" : "ns/a.b_C-9", "routingStrategy":"DEFAULT","sidecarCluster":"outbound|80||s.ns",' +
        '"destinationHeader":"x-dest","debugHeaders":true,"maxBodyBytes":1024,"indexMiB":512,' +
        '"pollIntervalMs":10,"syncTimeoutMs":60000,"metricsMaxAgeMs":100,"stallGuardMs":60000,' +
        '"pools":[ "b", "\\u006es/c" ],"modelHeader":"x-model","objectiveHeader":"",' +
        '"tenantHeader":"x-tenant",' +
        '"saturationMs":5000,"standardSaturationMs":0,"ttftTargetHeader":"x-ttft",' +
        '"ttftTargetMs":3600000,"adapterLoadMs":0,"alpha":0,"slackMs":1000,' +
        '"bytesPerToken":0.5,"outputTokens":1000000,' +
        '"prefillUsPerToken":0.25,"decodeUsPerSequence":0,"decodeNsPerKvToken":1e5,' +
        '"tpotMs":12.75,"defaultCapacityTokens":1000000000}\r\n\t ',
    );
    expect(config.pool).toBe("ns/a.b_C-9");
    expect(config.routingStrategy).toBe(RoutingStrategy.Default);
    expect(config.sidecarCluster).toBe("outbound|80||s.ns");
    expect(config.destinationHeader).toBe("x-dest");
    expect(config.debugHeaders).toBe(true);
    expect(config.maxBodyBytes).toBe(1024);
    expect(config.indexMiB).toBe(512);
    expect(config.pollIntervalMs).toBe(10);
    expect(config.syncTimeoutMs).toBe(60000);
    expect(config.metricsMaxAgeMs).toBe(100);
    expect(config.stallGuardMs).toBe(60000);
    expect(config.alpha).toBe(0);
    expect(config.slackMs).toBe(1000);
    expect(config.pools.join(" ")).toBe("b ns/c");
    expect(config.modelHeader).toBe("x-model");
    expect(config.objectiveHeader).toBe("");
    expect(config.tenantHeader).toBe("x-tenant");
    expect(config.saturationMs).toBe(0.5e4);
    expect(config.standardSaturationMs).toBe(0);
    expect(config.ttftTargetHeader).toBe("x-ttft");
    expect(config.ttftTargetMs).toBe(3600000);
    expect(config.adapterLoadMs).toBe(0);
    expect(config.bytesPerToken).toBe(0.5);
    expect(config.outputTokens).toBe(1000000);
    expect(config.prefillUsPerToken).toBe(0.25);
    expect(config.decodeUsPerSequence).toBe(0);
    expect(config.decodeNsPerKvToken).toBe(100000);
    expect(config.tpotMs).toBe(12.75);
    expect(config.defaultCapacityTokens).toBe(1000000000);
  });

  test("may spell an integer as any JSON number of that value", () => {
    expect(taken(withKey('"maxBodyBytes":1e4')).maxBodyBytes).toBe(10000);
    expect(taken(withKey('"maxBodyBytes":4096.0')).maxBodyBytes).toBe(4096);
    expect(taken(withKey('"maxBodyBytes":2.5E+3')).maxBodyBytes).toBe(2500);
    expect(taken(withKey('"maxBodyBytes":409600e-2')).maxBodyBytes).toBe(4096);
  });

  test("has no minus zero", () => {
    expect(1.0 / taken(withKey('"alpha":-0')).alpha).toBe(Infinity);
    expect(1.0 / taken(withKey('"alpha":-1e-999')).alpha).toBe(Infinity);
  });

  test("may escape its strings", () => {
    expect(taken('{"\\u0070ool":"\\u0061\\/b"}').pool).toBe("a/b");
  });

  test("has the FNV-1a hash of its bytes", () => {
    // From a Python implementation that gives the published 85944171f73967e8 for "foobar".
    expect(taken('{"pool":"a"}').hash).toBe(0x0c825e706e3c49ea);
    expect(taken('{"pool":"default"}').hash).toBe(0xb8cd2ea787587b20);
  });

  test("clears the refusal before it", () => {
    expect(refusalOf("{}")).not.toBe("taken");
    expect(refusalOf('{"pool":"a"}')).toBe("taken");
  });
});

describe("a value is refused by name, value and what is allowed:", () => {
  test("an integer out of range or not whole", () => {
    const bytes = ", allowed: an integer from 1024 to 67108864";
    expect(refusalOf(withKey('"maxBodyBytes":12'))).toBe("maxBodyBytes is 12" + bytes);
    expect(refusalOf(withKey('"maxBodyBytes":1023'))).toBe("maxBodyBytes is 1023" + bytes);
    expect(refusalOf(withKey('"maxBodyBytes":67108865'))).toBe("maxBodyBytes is 67108865" + bytes);
    expect(refusalOf(withKey('"maxBodyBytes":1024.5'))).toBe("maxBodyBytes is 1024.5" + bytes);
    expect(refusalOf(withKey('"maxBodyBytes":-4096'))).toBe("maxBodyBytes is -4096" + bytes);
    expect(refusalOf(withKey('"maxBodyBytes":4294968320'))).toBe(
      "maxBodyBytes is 4294968320" + bytes,
    );
    expect(refusalOf(withKey('"maxBodyBytes":1e999'))).toBe("maxBodyBytes is 1e999" + bytes);
    expect(refusalOf(withKey('"maxBodyBytes":"4096"'))).toBe('maxBodyBytes is "4096"' + bytes);
  });

  test("a number out of range", () => {
    expect(refusalOf(withKey('"alpha":10.01'))).toBe("alpha is 10.01, " + NUMBERS);
    expect(refusalOf(withKey('"alpha":-0.001'))).toBe("alpha is -0.001, " + NUMBERS);
    expect(refusalOf(withKey('"alpha":1e999'))).toBe("alpha is 1e999, " + NUMBERS);
    expect(refusalOf(withKey('"alpha":-1e99999999999999999999'))).toBe(
      "alpha is -1e99999999999999999999, " + NUMBERS,
    );
    expect(refusalOf(withKey('"tpotMs":0.09'))).toBe(
      "tpotMs is 0.09, allowed: a number from 0.1 to 10000",
    );
  });

  test("another type", () => {
    expect(refusalOf(withKey('"alpha":true'))).toBe("alpha is true, " + NUMBERS);
    expect(refusalOf(withKey('"alpha":null'))).toBe("alpha is null, " + NUMBERS);
    expect(refusalOf(withKey('"alpha":"1"'))).toBe('alpha is "1", ' + NUMBERS);
    expect(refusalOf(withKey('"alpha":{"a":1}'))).toBe("alpha is {...}, " + NUMBERS);
    expect(refusalOf(withKey('"alpha":[1]'))).toBe("alpha is [...], " + NUMBERS);
    expect(refusalOf(withKey('"debugHeaders":1'))).toBe(
      "debugHeaders is 1, allowed: true or false",
    );
    expect(refusalOf(withKey('"debugHeaders":"true"'))).toBe(
      'debugHeaders is "true", allowed: true or false',
    );
    expect(refusalOf(withKey('"routingStrategy":1'))).toBe(
      'routingStrategy is 1, allowed: "DEFAULT" or "PREFIX_CACHE"',
    );
  });

  test("a string of other letters or another length", () => {
    const names = ", allowed: a string of 1 to 63 characters of A-Z a-z 0-9 . _ / -";
    expect(refusalOf('{"pool":""}')).toBe('pool is ""' + names);
    expect(refusalOf('{"pool":"a b"}')).toBe('pool is "a b"' + names);
    expect(refusalOf('{"pool":7}')).toBe("pool is 7" + names);
    expect(refusalOf('{"pool":"caf\u00e9"}')).toBe('pool is "caf\\xc3\\xa9"' + names);
    expect(refusalOf('{"pool":"a\\nb"}')).toBe('pool is "a\\x0ab"' + names);
    expect(refusalOf('{"pool":"\\ud800"}')).toBe('pool is "\\xed\\xa0\\x80"' + names);
    expect(refusalOf('{"pool":"' + "x".repeat(63) + '"}')).toBe("taken");
    expect(refusalOf('{"pool":"' + "x".repeat(64) + '"}')).toBe(
      'pool is "' + "x".repeat(64) + '"' + names,
    );
    expect(refusalOf(withKey('"routingStrategy":"default"'))).toBe(
      'routingStrategy is "default", allowed: "DEFAULT" or "PREFIX_CACHE"',
    );
    expect(
      refusalOf(withKey('"destinationHeader":"X-Dest"')).startsWith(
        'destinationHeader is "X-Dest", allowed: a string of 1 to 64 characters of a-z 0-9',
      ),
    ).toBe(true);
    expect(refusalOf(withKey('"destinationHeader":":path"'))).not.toBe("taken");
  });

  test("a list by what it holds, or by its length", () => {
    const names =
      ", allowed: a list of at most 15 strings of 1 to 63 characters of A-Z a-z 0-9 . _ / -";
    expect(refusalOf(withKey('"pools":"b"'))).toBe('pools is "b"' + names);
    expect(refusalOf(withKey('"pools":null'))).toBe("pools is null" + names);
    expect(refusalOf(withKey('"pools":{}'))).toBe("pools is {...}" + names);
    expect(refusalOf(withKey('"pools":["b c"]'))).toBe('pools holds "b c"' + names);
    expect(refusalOf(withKey('"pools":["b",""]'))).toBe('pools holds ""' + names);
    expect(refusalOf(withKey('"pools":[7]'))).toBe("pools holds 7" + names);
    expect(refusalOf(withKey('"pools":["b",["c"]]'))).toBe("pools is [...]" + names);
    expect(refusalOf(withKey('"pools":[{"c":"d"}]'))).toBe("pools is {...}" + names);
    expect(refusalOf(withKey('"alpha":["b"]'))).toBe("alpha is [...], " + NUMBERS);
    const list = '"p",'.repeat(14) + '"p"';
    expect(taken(withKey('"pools":[' + list + "]")).pools.length).toBe(15);
    expect(refusalOf(withKey('"pools":[' + list + ',"q"]'))).toBe('pools holds "q"' + names);
    expect(taken(withKey('"pools":[]')).pools.length).toBe(0);
  });

  test("a long value, of which 80 bytes are shown", () => {
    const line = refusalOf('{"pool":"' + "y".repeat(100000) + '"}');
    expect(line.startsWith('pool is "' + "y".repeat(80) + '...", allowed: ')).toBe(true, line);
  });
});

describe("a configuration is refused", () => {
  test("for a key that there is not, with the nearest one", () => {
    expect(refusalOf(withKey('"maxBodyByte":4096'))).toBe(
      "maxBodyByte is not a known key, nearest: maxBodyBytes",
    );
    expect(refusalOf(withKey('"INDEXMIB":4'))).toBe(
      "INDEXMIB is not a known key, nearest: indexMiB",
    );
    expect(refusalOf(withKey('"pol":"b"'))).toBe("pol is not a known key, nearest: pool");
  });

  test("for a key near to none, with all of them", () => {
    const line = refusalOf(withKey('"models":{}'));
    expect(
      line.startsWith("models is not a known key, allowed: pool, pools, routingStrategy, "),
    ).toBe(true);
    expect(line.endsWith(", defaultCapacityTokens")).toBe(true);
    expect(refusalOf('{"":1}').startsWith('"" is not a known key, ')).toBe(true);
    expect(refusalOf('{"\\n":1}').startsWith("\\x0a is not a known key, ")).toBe(true);
    expect(refusalOf('{"' + "k".repeat(65) + '":1}')).toBe("a key is longer than 64 bytes");
  });

  test("for a key given twice, however it is spelled", () => {
    expect(refusalOf('{"pool":"a","pool":"a"}')).toBe("pool is given twice");
    expect(refusalOf(withKey('"alpha":1,"\\u0061lpha":1'))).toBe("alpha is given twice");
  });

  test("without a pool", () => {
    const line = "pool is missing, allowed: a string of 1 to 63 characters of A-Z a-z 0-9 . _ / -";
    expect(refusalOf("{}")).toBe(line);
    expect(refusalOf('{"alpha":1}')).toBe(line);
  });

  test("for JSON that is not an object", () => {
    expect(refusalOf("[]")).toBe("the JSON is [...], allowed: an object");
    expect(refusalOf('"pool"')).toBe('the JSON is "pool", allowed: an object');
    expect(refusalOf("null ")).toBe("the JSON is null, allowed: an object");
    expect(refusalOf("12")).toBe("the JSON is not an object");
  });

  test("for bad JSON, with the byte", () => {
    expect(refusalOf("")).toBe('it is empty, allowed: an object with at least "pool"');
    expect(refusalOf("pool: a")).toBe("bad JSON at byte 4");
    expect(refusalOf("{pool: 1}")).toBe("bad JSON at byte 1");
    expect(refusalOf('{"pool":"a",}')).toBe("bad JSON at byte 12");
    expect(refusalOf('{"pool":"a"}}')).toBe("bad JSON at byte 12");
    expect(refusalOf('{"pool" "a"}')).toBe("bad JSON at byte 8");
    expect(refusalOf('{"pool":"\\x"}')).toBe("bad JSON at byte 10");
    expect(refusalOf('\ufeff{"pool":"a"}')).toBe("bad JSON at byte 0");
    expect(refusalOf(withKey('"alpha":01'))).toBe("bad JSON at byte 22");
    expect(refusalOf(withKey('"alpha":1.'))).toBe("bad JSON at byte 22");
    expect(refusalOf(withKey('"alpha":+1'))).toBe("bad JSON at byte 22");
    expect(refusalOf(withKey('"alpha":nan'))).toBe("bad JSON at byte 23");
  });

  test("for JSON that ends too early, with the byte", () => {
    expect(refusalOf('{"pool":"a"')).toBe("the JSON ends too early, at byte 11");
    expect(refusalOf('{"pool":"a')).toBe("the JSON ends too early, at byte 10");
    expect(refusalOf("  ")).toBe("the JSON ends too early, at byte 2");
  });

  test("for any depth", () => {
    expect(refusalOf("[".repeat(100000))).toBe("the JSON is [...], allowed: an object");
    expect(refusalOf('{"pool":' + "[".repeat(100000)).startsWith("pool is [...], ")).toBe(true);
  });
});

describe("keys are refused together where", () => {
  test("the indexes of all pools do not fit a VM", () => {
    const few = '"indexMiB":1024,"pools":["a"]';
    expect(refusalOf(withKey(few))).toBe("taken");
    const many = '"indexMiB":1024,"pools":["a","b"]';
    const allowed = ", allowed: at most 2048 for all of them";
    expect(refusalOf(withKey(many))).toBe("indexMiB is 1024 with 3 pools" + allowed);
  });

  test("two of the headers are one", () => {
    const twice = '"modelHeader":"x-gateway-destination-endpoint"';
    expect(refusalOf(withKey(twice))).toBe(
      'modelHeader is "x-gateway-destination-endpoint", ' +
        "allowed: another header than destinationHeader",
    );
    expect(refusalOf(withKey('"modelHeader":"x-m","objectiveHeader":"x-m"'))).toBe(
      'objectiveHeader is "x-m", allowed: another header than modelHeader',
    );
    expect(refusalOf(withKey('"objectiveHeader":"x-m","tenantHeader":"x-m"'))).toBe(
      'tenantHeader is "x-m", allowed: another header than objectiveHeader',
    );
    const none = '"modelHeader":"","objectiveHeader":"","tenantHeader":""';
    expect(refusalOf(withKey(none))).toBe("taken");
  });
});

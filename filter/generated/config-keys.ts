// Generated from filter/config-keys.json by scripts/generate-config.ts: what the keys allow.

/** Values of `routingStrategy`, numbered as in the sidecar's load table. */
export const enum RoutingStrategy {
  /** By load only. */
  Default = 1,
  /** By load and cached prefix. */
  PrefixCache = 2,
}

/** How a key's value is written in JSON. */
export const enum KeyKind {
  Text = 0,
  Choice = 1,
  Bool = 2,
  Integer = 3,
  Number = 4,
  Texts = 5,
}

/** A whole configuration; a new one holds the defaults. */
export class Config {
  /** Name of the pool of pods, as the sidecar knows it; state in Envoy is kept by this name. */
  pool: string = "";
  /**
   * Further pools behind the same listener: a request goes to the first of `pool` and these
   * that knows its model, else to `pool`.
   */
  pools: string[] = [];
  /**
   * How pods are compared: `DEFAULT` by load only, `PREFIX_CACHE` by load and cached prefix; a
   * strategy set on the pool itself wins over this key.
   */
  routingStrategy: i32 = RoutingStrategy.PrefixCache;
  /** Envoy cluster through which the sidecar is asked for the load table. */
  sidecarCluster: string = "warmroute-sidecar";
  /**
   * Request header that carries the chosen `ip:port` to Envoy's override_host policy; lower
   * case, and always removed from what the client sent.
   */
  destinationHeader: string = "x-gateway-destination-endpoint";
  /**
   * Request header that the filter sets to the name of the model that was asked for, so that
   * routes can match it; lower case, and always removed from what the client sent. Empty: none.
   */
  modelHeader: string = "";
  /**
   * Request header by which a client names an objective, whose criticality then wins over the
   * model's; lower case. Empty: none.
   */
  objectiveHeader: string = "";
  /**
   * Request header whose value keeps tenants apart: prompts match only prompts that came with
   * the same value; lower case, and to be set by what authenticates the client, before this
   * filter (docs/security.md). Empty: none.
   */
  tenantHeader: string = "";
  /**
   * Whether answers carry `x-warmroute-decision` with pod, reason, cached tokens and predicted
   * time.
   */
  debugHeaders: bool = false;
  /**
   * Request body held at most; beyond it the pod is picked by what was read, and the rest
   * streams. The listener's own limits must be above it, and by 256 more where models are
   * renamed (`per_connection_buffer_limit_bytes`, for HTTP/2 also
   * `initial_stream_window_size`), or Envoy answers 413. Unit: bytes.
   */
  maxBodyBytes: u32 = 8388608;
  /**
   * Memory of the prefix index, for each pool and each Envoy worker; all pools of a
   * configuration together at most 2048. Unit: MiB.
   */
  indexMiB: u32 = 16;
  /** Time between two requests for the load table. Unit: ms. */
  pollIntervalMs: u32 = 50;
  /** Time after which a request for the load table is given up. Unit: ms. */
  syncTimeoutMs: u32 = 1000;
  /**
   * Age beyond which a pod's scraped metrics lose their say; requests in flight and the index
   * still count. Unit: ms.
   */
  metricsMaxAgeMs: u32 = 2000;
  /**
   * Time after which a held request whose body never came is released by load; matters only
   * where `allow_on_headers_stop_iteration` is not set. Unit: ms.
   */
  stallGuardMs: u32 = 250;
  /** Weight of the delay a request causes to the others on its pod, against its own. */
  alpha: f64 = 0.1;
  /**
   * Costs closer than this are equal; then the deeper match wins, then the fewest requests in
   * flight. Unit: ms.
   */
  slackMs: f64 = 5;
  /**
   * Predicted wait before a request's own prefill beyond which a pod is saturated: where all
   * are, sheddable requests are answered 429. Unit: ms.
   */
  saturationMs: f64 = 500;
  /**
   * The same wait for standard requests: beyond it on every pod they are answered 429, too, in
   * a pool some model or objective of which is critical or sheddable. Never below
   * `saturationMs`: the larger of both counts. 0: standard requests wait without bound. Unit:
   * ms.
   */
  standardSaturationMs: f64 = 1000;
  /**
   * Request header by which a client says within how many ms it wants its first token: a whole
   * number from 1 to 3600000; anything else is ignored. Lower case. Empty: none.
   */
  ttftTargetHeader: string = "";
  /**
   * Time within which requests want their first token, where no header says otherwise. Pods
   * that meet it come first; where none does, sheddable requests are answered 429, others are
   * routed and counted. 0: no target. Unit: ms.
   */
  ttftTargetMs: u32 = 0;
  /** Time a pod takes to load a LoRA adapter that it does not hold. Unit: ms. */
  adapterLoadMs: f64 = 500;
  /** Bytes of prompt text for each token, until learned from the pods' answers. Unit: bytes. */
  bytesPerToken: f64 = 4;
  /** Length of an answer, until learned from the pods' answers. Unit: tokens. */
  outputTokens: u32 = 300;
  /**
   * Time to prefill one prompt token that is not cached, until learned from the pods' answers.
   * Unit: µs.
   */
  prefillUsPerToken: f64 = 62;
  /** Time that one more running sequence adds to each decode step. Unit: µs. */
  decodeUsPerSequence: f64 = 60;
  /** Time that one more token held in the KV cache adds to each decode step. Unit: ns. */
  decodeNsPerKvToken: f64 = 56;
  /**
   * Time between two tokens of an answer on a pod with little to do, until learned from the
   * pods' answers. Unit: ms.
   */
  tpotMs: f64 = 12;
  /**
   * Failed requests in a row, over all workers, after which a pod gets single probes only until
   * one is answered; at most half of the pods. 0: no pod is put out, neither for failures nor
   * for silence.
   */
  ejectAfterFailures: u32 = 3;
  /**
   * Time that a request with a prompt is held while its pool has no pod that may be picked, as
   * when pods are scaled from zero; then, and with 0 at once, the cluster's own policy decides.
   * At most 1,024 requests and 256 MiB of bodies are held in each worker. Unit: s.
   */
  noPodWait: u32 = 0;
  /** KV cache capacity of a pod whose metrics do not tell it. Unit: tokens. */
  defaultCapacityTokens: u32 = 100000;
  /** FNV-1a, 64 bits, over the bytes of the configuration as Envoy gave them. */
  hash: u64 = 0;
}

/** What one key allows. */
export class KeyRule {
  constructor(
    public name: string,
    public kind: KeyKind,
    public isRequired: bool,
    /** Smallest number, or shortest text in bytes. */
    public min: f64,
    /** Largest number, or longest text in bytes. */
    public max: f64,
    /** Text: bit c is set where the ASCII character c is allowed. */
    public charsBelow64: u64,
    public charsFrom64: u64,
    /** Texts: how many there may be. */
    public countMax: i32,
    /** Choice: the names, and the number of each. */
    public choices: string[],
    public choiceNumbers: i32[],
    /** The end of a refusal: what is allowed. */
    public allowed: string,
  ) {}
}

export const KEY_COUNT: i32 = 31;

/** The rule of each key, by key number. */
export const KEY_RULES: KeyRule[] = [
  new KeyRule(
    "pool",
    KeyKind.Text,
    true,
    1,
    63,
    0x3ffe00000000000,
    0x7fffffe87fffffe,
    0,
    [],
    [],
    "a string of 1 to 63 characters of A-Z a-z 0-9 . _ / -",
  ),
  new KeyRule(
    "pools",
    KeyKind.Texts,
    false,
    1,
    63,
    0x3ffe00000000000,
    0x7fffffe87fffffe,
    15,
    [],
    [],
    "a list of at most 15 strings of 1 to 63 characters of A-Z a-z 0-9 . _ / -",
  ),
  new KeyRule(
    "routingStrategy",
    KeyKind.Choice,
    false,
    0,
    0,
    0x0,
    0x0,
    0,
    ["DEFAULT", "PREFIX_CACHE"],
    [1, 2],
    '"DEFAULT" or "PREFIX_CACHE"',
  ),
  new KeyRule(
    "sidecarCluster",
    KeyKind.Text,
    false,
    1,
    128,
    0xfffffffe00000000,
    0x7fffffffffffffff,
    0,
    [],
    [],
    "a string of 1 to 128 characters of visible ASCII without space",
  ),
  new KeyRule(
    "destinationHeader",
    KeyKind.Text,
    false,
    1,
    64,
    0x3ff6cfa00000000,
    0x57ffffffc0000000,
    0,
    [],
    [],
    "a string of 1 to 64 characters of a-z 0-9 ! # $ % & ' * + . ^ _ ` | ~ -",
  ),
  new KeyRule(
    "modelHeader",
    KeyKind.Text,
    false,
    0,
    64,
    0x3ff6cfa00000000,
    0x57ffffffc0000000,
    0,
    [],
    [],
    "a string of 0 to 64 characters of a-z 0-9 ! # $ % & ' * + . ^ _ ` | ~ -",
  ),
  new KeyRule(
    "objectiveHeader",
    KeyKind.Text,
    false,
    0,
    64,
    0x3ff6cfa00000000,
    0x57ffffffc0000000,
    0,
    [],
    [],
    "a string of 0 to 64 characters of a-z 0-9 ! # $ % & ' * + . ^ _ ` | ~ -",
  ),
  new KeyRule(
    "tenantHeader",
    KeyKind.Text,
    false,
    0,
    64,
    0x3ff6cfa00000000,
    0x57ffffffc0000000,
    0,
    [],
    [],
    "a string of 0 to 64 characters of a-z 0-9 ! # $ % & ' * + . ^ _ ` | ~ -",
  ),
  new KeyRule("debugHeaders", KeyKind.Bool, false, 0, 0, 0x0, 0x0, 0, [], [], "true or false"),
  new KeyRule(
    "maxBodyBytes",
    KeyKind.Integer,
    false,
    1024,
    67108864,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 1024 to 67108864",
  ),
  new KeyRule(
    "indexMiB",
    KeyKind.Integer,
    false,
    1,
    1024,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 1 to 1024",
  ),
  new KeyRule(
    "pollIntervalMs",
    KeyKind.Integer,
    false,
    10,
    10000,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 10 to 10000",
  ),
  new KeyRule(
    "syncTimeoutMs",
    KeyKind.Integer,
    false,
    50,
    60000,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 50 to 60000",
  ),
  new KeyRule(
    "metricsMaxAgeMs",
    KeyKind.Integer,
    false,
    100,
    600000,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 100 to 600000",
  ),
  new KeyRule(
    "stallGuardMs",
    KeyKind.Integer,
    false,
    10,
    60000,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 10 to 60000",
  ),
  new KeyRule("alpha", KeyKind.Number, false, 0, 10, 0x0, 0x0, 0, [], [], "a number from 0 to 10"),
  new KeyRule(
    "slackMs",
    KeyKind.Number,
    false,
    0,
    1000,
    0x0,
    0x0,
    0,
    [],
    [],
    "a number from 0 to 1000",
  ),
  new KeyRule(
    "saturationMs",
    KeyKind.Number,
    false,
    1,
    3600000,
    0x0,
    0x0,
    0,
    [],
    [],
    "a number from 1 to 3600000",
  ),
  new KeyRule(
    "standardSaturationMs",
    KeyKind.Number,
    false,
    0,
    3600000,
    0x0,
    0x0,
    0,
    [],
    [],
    "a number from 0 to 3600000",
  ),
  new KeyRule(
    "ttftTargetHeader",
    KeyKind.Text,
    false,
    0,
    64,
    0x3ff6cfa00000000,
    0x57ffffffc0000000,
    0,
    [],
    [],
    "a string of 0 to 64 characters of a-z 0-9 ! # $ % & ' * + . ^ _ ` | ~ -",
  ),
  new KeyRule(
    "ttftTargetMs",
    KeyKind.Integer,
    false,
    0,
    3600000,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 0 to 3600000",
  ),
  new KeyRule(
    "adapterLoadMs",
    KeyKind.Number,
    false,
    0,
    60000,
    0x0,
    0x0,
    0,
    [],
    [],
    "a number from 0 to 60000",
  ),
  new KeyRule(
    "bytesPerToken",
    KeyKind.Number,
    false,
    0.5,
    16,
    0x0,
    0x0,
    0,
    [],
    [],
    "a number from 0.5 to 16",
  ),
  new KeyRule(
    "outputTokens",
    KeyKind.Integer,
    false,
    1,
    1000000,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 1 to 1000000",
  ),
  new KeyRule(
    "prefillUsPerToken",
    KeyKind.Number,
    false,
    0.1,
    100000,
    0x0,
    0x0,
    0,
    [],
    [],
    "a number from 0.1 to 100000",
  ),
  new KeyRule(
    "decodeUsPerSequence",
    KeyKind.Number,
    false,
    0,
    100000,
    0x0,
    0x0,
    0,
    [],
    [],
    "a number from 0 to 100000",
  ),
  new KeyRule(
    "decodeNsPerKvToken",
    KeyKind.Number,
    false,
    0,
    100000,
    0x0,
    0x0,
    0,
    [],
    [],
    "a number from 0 to 100000",
  ),
  new KeyRule(
    "tpotMs",
    KeyKind.Number,
    false,
    0.1,
    10000,
    0x0,
    0x0,
    0,
    [],
    [],
    "a number from 0.1 to 10000",
  ),
  new KeyRule(
    "ejectAfterFailures",
    KeyKind.Integer,
    false,
    0,
    1000,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 0 to 1000",
  ),
  new KeyRule(
    "noPodWait",
    KeyKind.Integer,
    false,
    0,
    3600,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 0 to 3600",
  ),
  new KeyRule(
    "defaultCapacityTokens",
    KeyKind.Integer,
    false,
    1000,
    1000000000,
    0x0,
    0x0,
    0,
    [],
    [],
    "an integer from 1000 to 1000000000",
  ),
];

/** Sets the key of that number, whose rule `value` keeps. */
export function setText(config: Config, key: i32, value: string): void {
  switch (key) {
    case 0:
      config.pool = value;
      break;
    case 3:
      config.sidecarCluster = value;
      break;
    case 4:
      config.destinationHeader = value;
      break;
    case 5:
      config.modelHeader = value;
      break;
    case 6:
      config.objectiveHeader = value;
      break;
    case 7:
      config.tenantHeader = value;
      break;
    case 19:
      config.ttftTargetHeader = value;
      break;
  }
}

/** Sets the key of that number, whose rule `value` keeps. */
export function setTexts(config: Config, key: i32, value: string[]): void {
  switch (key) {
    case 1:
      config.pools = value;
      break;
  }
}

/** Sets the key of that number, whose rule `value` keeps. */
export function setChoice(config: Config, key: i32, value: i32): void {
  switch (key) {
    case 2:
      config.routingStrategy = value;
      break;
  }
}

/** Sets the key of that number, whose rule `value` keeps. */
export function setBool(config: Config, key: i32, value: bool): void {
  switch (key) {
    case 8:
      config.debugHeaders = value;
      break;
  }
}

/** Sets the key of that number, whose rule `value` keeps. */
export function setNumber(config: Config, key: i32, value: f64): void {
  switch (key) {
    case 9:
      config.maxBodyBytes = <u32>value;
      break;
    case 10:
      config.indexMiB = <u32>value;
      break;
    case 11:
      config.pollIntervalMs = <u32>value;
      break;
    case 12:
      config.syncTimeoutMs = <u32>value;
      break;
    case 13:
      config.metricsMaxAgeMs = <u32>value;
      break;
    case 14:
      config.stallGuardMs = <u32>value;
      break;
    case 15:
      config.alpha = value;
      break;
    case 16:
      config.slackMs = value;
      break;
    case 17:
      config.saturationMs = value;
      break;
    case 18:
      config.standardSaturationMs = value;
      break;
    case 20:
      config.ttftTargetMs = <u32>value;
      break;
    case 21:
      config.adapterLoadMs = value;
      break;
    case 22:
      config.bytesPerToken = value;
      break;
    case 23:
      config.outputTokens = <u32>value;
      break;
    case 24:
      config.prefillUsPerToken = value;
      break;
    case 25:
      config.decodeUsPerSequence = value;
      break;
    case 26:
      config.decodeNsPerKvToken = value;
      break;
    case 27:
      config.tpotMs = value;
      break;
    case 28:
      config.ejectAfterFailures = <u32>value;
      break;
    case 29:
      config.noPodWait = <u32>value;
      break;
    case 30:
      config.defaultCapacityTokens = <u32>value;
      break;
  }
}

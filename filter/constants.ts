// Every limit of the filter that is not a configuration key: unit in the name, reason above.

/**
 * How often a VM looks at its neighbours and the table. Half a second of lag between gateways costs
 * next to nothing (docs/decisions), so 10 ms between workers is below what can be measured.
 */
export const TICK_PERIOD_MS: u32 = 10;

/** One read of a body. The scan runs in cache, and the scratch page is the only copy. */
export const BODY_READ_BYTES: u32 = 64 * 1024;

/** The scratch page grows to the largest answer that is accepted: records, a table, its models. */
export const SCRATCH_BYTES_MAX: u32 = 4 * 1024 * 1024;

/** Streams that a VM follows at a time; one more passes by Envoy's own choice (`fallback-busy`). */
export const STREAMS_MAX: u32 = 8192;

/** Streams whose memory is taken in one piece. */
export const STREAMS_PER_SLAB: u32 = 32;

/** Endpoint numbers run from 0 to this less one: the table format's bound. */
export const ENDPOINTS_MAX: u32 = 1024;

/** Longest `ip:port`, as in the table format. */
export const ADDRESS_BYTES_MAX: u32 = 47;

/** VMs that share one pool: worker threads, old ones that drain, and the two that serve nothing. */
export const VMS_MAX: u32 = 64;

/** A neighbour whose heartbeat is older is forgotten with its load, and its number may be taken. */
export const HEARTBEAT_STALE_MS: f64 = 3000;

/** One journal segment, written whole to shared data: 0.6 µs for 4 KiB was measured. */
export const SEGMENT_BYTES: u32 = 16 * 1024;

/** Segments of a VM's ring. A reader that is further behind skips, and counts it. */
export const SEGMENTS_MAX: u32 = 64;

/** Segments read in one tick from all neighbours together, so that a tick is bounded. */
export const SEGMENTS_PER_TICK_MAX: u32 = 8;

/** An insert is applied by a neighbour at most so long after it was made, in TOUCH_STEP_MS. */
export const JOURNAL_LAG_STEPS: u32 = 4;

/**
 * An insert of another gateway may take so much longer than its withdraw, beside waits for polls: a
 * carrier that is a second behind is one that has just found its server again. Entries that another
 * prompt touched within that time are lost with it, which costs one cold pick; an insert that stays
 * would send prompts to a pod that never had them.
 */
export const RELAY_LAG_MS: u32 = 1000;

/** Neighbour heads read again before one decision, when they are older than HEAD_FRESH_MS. */
export const HEADS_PER_DECISION_MAX: u32 = 4;
export const HEAD_FRESH_MS: f64 = 1;

/** Who polls the sidecar stays so for at least this long; after its death another takes over. */
export const LEASE_MS: f64 = 1000;

/** Unit of the index's touch times: 32 bits of them last for two years. */
export const TOUCH_STEP_MS: u32 = 16;

/** A chain that the pod holds whole is told to the neighbours again only after this time. */
export const REPEAT_JOURNAL_STEPS: u32 = 1000 / TOUCH_STEP_MS;

/** Largest records block in one report; the rest waits for the next poll. */
export const REPORT_RECORD_BYTES_MAX: u32 = 256 * 1024;

/**
 * Most record bytes that are applied from one answer, all in one call (docs/table-format.md): 2,500
 * checkpoints that are new to a full index take 1 to 2 ms (`./build.sh bench records`).
 */
export const ANSWER_RECORD_BYTES_MAX: u32 = 32 * 1024;

/**
 * Nodes that the forgets of one answer, or of one tick's neighbours, may drop: 1 to 2 ms at 0.2 to
 * 0.4 µs each. The finest grid has 4,800 in a pod of 305,000 tokens, prompts of 20 KB have 700;
 * entries that stay cost a misprediction.
 */
export const FORGOTTEN_NODES_MAX: u32 = 4096;

/** Largest JSON text in one report, as in docs/table-format.md. */
export const REPORT_JSON_BYTES_MAX: u32 = 256 * 1024;

/** Newest decisions that a VM keeps for the report. */
export const DECISIONS_KEPT: u32 = 8;

/** While the allow flag looks missing, one request in so many is held, to see whether it came. */
export const STALL_PROBE_EVERY: u32 = 100;

/**
 * A new VM holds requests for so long, from its configuration on, until its pools' first tables
 * have come: without one an alias would reach a pod unrewritten. A poll takes some 10 ms.
 */
export const FIRST_TABLE_MS: f64 = 1000;

/** What a shed request is told to wait, at most. */
export const RETRY_AFTER_SECONDS_MAX: f64 = 60;

/** A first byte is overdue when its request is older than factor × predicted + slack. */
export const OVERDUE_FACTOR: f64 = 3;
export const OVERDUE_SLACK_MS: f64 = 1000;

/** Requests that a VM holds while there is no pod (`noPodWait`), and the bytes of their bodies. */
export const WAITING_MAX: u32 = 1024;
export const WAITING_BYTES_MAX: u64 = 256 * 1024 * 1024;

/** Silence of a pod with an overdue first byte after which it gets no request any more. */
export const HUNG_MS: f64 = 4500;

/** A pod that nobody asked anything for so long is not held to its silence. */
export const UNASKED_MS: f64 = 30000;

/** The first probe of an ejected pod comes so long after; the wait doubles with each that fails. */
export const PROBE_FIRST_MS: f64 = 1000;
export const PROBE_MAX_MS: f64 = 60000;

/** A critical request is a probe only where no other request was one for so long. */
export const PROBE_CRITICAL_MS: f64 = 5000;

/**
 * A silent pod on which requests wait is probed so much later: one of them may be stuck while the
 * pod answers others.
 */
export const PROBE_HUNG_MS: f64 = 30000;

/** A probe whose VM has ended holds the others back for so long. */
export const PROBE_ANSWER_MS: f64 = 60000;

/** Pods in trouble that are followed at a time: half of all that a table can list. */
export const TROUBLES_MAX: u32 = ENDPOINTS_MAX / 2;

/** Age at which an unconfirmed prefix counts as evicted rather than as still being computed. */
export const MISPREDICTION_AGE_STEPS: u32 = 10000 / TOUCH_STEP_MS;

/** Predicted hits without a confirmed one after which a pod is taken to have no prefix cache. */
export const UNCONFIRMED_HITS_MAX: u32 = 200;

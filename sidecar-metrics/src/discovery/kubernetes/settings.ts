// How often and how long the API server is asked, in one place so that tests can shorten it.

export interface ClusterTimes {
  /** From one look for kinds to the next; also how an API server that hangs is noticed early. */
  discoveryMs: number;
  /** A request that is no watch, and the wait for a watch to begin. */
  requestTimeoutMs: number;
  /** A watch is ended by the API server after this; it goes on where it was. */
  watchSeconds: number;
  /** A watch that was not ended by then hangs: nothing is lost by beginning it again. */
  watchGraceMs: number;
  /** Everything is listed anew after this, in case an event was lost. */
  resyncMs: number;
  /** First pause after an error; doubles each time. */
  backoffMinMs: number;
  /** Longest pause while the API server does not answer. */
  backoffMaxMs: number;
  /** Longest pause after it has answered with an error, such as 403. */
  refusedMaxMs: number;
  /** A watch that ends sooner than this waits for the rest of it before the next. */
  watchMinMs: number;
  /** Changes are gathered for this long before they are looked at together. */
  gatherMs: number;
}

export const CLUSTER_TIMES: ClusterTimes = {
  discoveryMs: 10_000,
  requestTimeoutMs: 10_000,
  watchSeconds: 45,
  watchGraceMs: 10_000,
  resyncMs: 10 * 60_000,
  backoffMinMs: 200,
  backoffMaxMs: 5_000,
  refusedMaxMs: 30_000,
  watchMinMs: 500,
  gatherMs: 25,
};

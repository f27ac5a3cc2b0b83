// Asks the API server again and again which of the inference kinds it has.
import type { Clock } from "../../clock.js";
import { ApiError, type ApiClient } from "./client.js";
import { chooseKinds, groupVersions, KINDS, type ServedKind } from "./kinds.js";
import { asList, asObject } from "./objects.js";
import type { ClusterTimes } from "./settings.js";

/** An API server that starts may leave kinds out for a moment; this many answers are believed. */
const ABSENT_AFTER = 2;

export interface ApiKindsEvents {
  /** What is to be watched; told after each look that succeeded. */
  kinds(kinds: readonly ServedKind[]): void;
  /** The API server did not answer the look, or null: it did. */
  failed(error: ApiError | null): void;
}

export class ApiKinds {
  private readonly lastSeen = new Map<string, { plurals: Set<string>; missed: number }>();
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;

  constructor(
    private readonly client: ApiClient,
    private readonly times: ClusterTimes,
    private readonly clock: Clock,
    private readonly events: ApiKindsEvents,
  ) {}

  start(): void {
    void this.look();
  }

  stop(): void {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private async look(): Promise<void> {
    const startedMs = this.clock.nowMs();
    try {
      const found = await Promise.all(groupVersions().map((one) => this.pluralsOf(one)));
      if (this.isStopped) return;
      this.events.kinds(chooseKinds(this.remember(found)));
      this.events.failed(null);
    } catch (error) {
      if (this.isStopped) return;
      this.events.failed(error instanceof ApiError ? error : new ApiError(null, String(error)));
    }
    const tookMs = this.clock.nowMs() - startedMs;
    const pauseMs = Math.max(this.times.discoveryMs / 2, this.times.discoveryMs - tookMs);
    this.timer = setTimeout(() => void this.look(), pauseMs);
  }

  private async pluralsOf(groupVersion: string): Promise<[string, Set<string>]> {
    try {
      const { resources } = await this.client.getJson(`/apis/${groupVersion}`);
      const names = asList(resources).map((resource) => String(asObject(resource)["name"]));
      return [groupVersion, new Set(names)];
    } catch (error) {
      const status = error instanceof ApiError ? error.statusCode : null;
      if (status === 404) return [groupVersion, new Set()];
      // Where asking is not permitted, trying is all there is: the lists themselves will tell.
      if (status === 403) return [groupVersion, new Set(KINDS.map(({ plural }) => plural))];
      throw error;
    }
  }

  /** A kind that was there stays until it was absent from several answers in a row. */
  private remember(found: [string, Set<string>][]): Map<string, Set<string>> {
    for (const [groupVersion, plurals] of found) {
      const known = this.lastSeen.get(groupVersion);
      const isLess = known !== undefined && [...known.plurals].some((one) => !plurals.has(one));
      if (known !== undefined && isLess && known.missed + 1 < ABSENT_AFTER) {
        known.missed++;
        for (const plural of plurals) known.plurals.add(plural);
      } else {
        this.lastSeen.set(groupVersion, { plurals, missed: 0 });
      }
    }
    return new Map([...this.lastSeen].map(([name, { plurals }]) => [name, plurals]));
  }
}

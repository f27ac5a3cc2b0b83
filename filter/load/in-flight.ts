// One request's weight on its pod: taken when it is routed, lightened at its first byte, given back
// once when it ends, and moved whole when a retry was served elsewhere.
import { Endpoints } from "./endpoint";

const enum Held {
  Nothing = 0,
  Unprefilled = 1,
  Prefilled = 2,
}

/** The part of a stream's memory that says what it holds, and where. */
@unmanaged
export class Hold {
  private state: i32;
  endpoint: u16;
  backlogTokens: u32;
  kvTokens: u32;
  private life: u32;

  // @ts-ignore: decorator
  @inline
  get isUnprefilled(): bool {
    return this.state == Held.Unprefilled;
  }

  // @ts-ignore: decorator
  @inline
  get isHeld(): bool {
    return this.state != Held.Nothing;
  }

  /** The pod still has the cache that it had when the request was routed there. */
  isSameCache(endpoints: Endpoints): bool {
    const endpoint = endpoints.at(this.endpoint);
    return endpoint.isListed && endpoint.life == this.life;
  }

  take(endpoints: Endpoints, number: u32, backlogTokens: u32, kvTokens: u32): void {
    this.giveBack(endpoints);
    this.endpoint = <u16>number;
    this.backlogTokens = backlogTokens;
    this.kvTokens = kvTokens;
    this.state = Held.Unprefilled;
    const endpoint = endpoints.at(number);
    this.life = endpoint.life;
    endpoint.ownInFlight += 1;
    endpoint.ownUnprefilled += 1;
    endpoint.ownBacklogTokens += backlogTokens;
    endpoint.ownKvTokens += kvTokens;
  }

  /** The prompt has been prefilled: its backlog is gone. A second call changes nothing. */
  releaseBacklog(endpoints: Endpoints): void {
    if (this.state != Held.Unprefilled) return;
    this.state = Held.Prefilled;
    const endpoint = endpoints.at(this.endpoint);
    endpoint.ownUnprefilled -= 1;
    endpoint.ownBacklogTokens -= this.backlogTokens;
  }

  /** The request has ended. A second call changes nothing. */
  giveBack(endpoints: Endpoints): void {
    if (this.state == Held.Nothing) return;
    this.releaseBacklog(endpoints);
    this.state = Held.Nothing;
    const endpoint = endpoints.at(this.endpoint);
    endpoint.ownInFlight -= 1;
    endpoint.ownKvTokens -= this.kvTokens;
  }
}

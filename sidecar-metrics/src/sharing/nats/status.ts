// The numbers that a person sees of the carrier.
import type { CarrierStatus } from "../carrier.js";
import type { Problems } from "./problems.js";

export class Status implements CarrierStatus {
  server: string | null = null;
  disconnects = 0;
  publishedMessages = 0;
  publishedBytes = 0;
  receivedMessages = 0;
  receivedBytes = 0;
  retries = 0;
  ackMs: number | null = null;

  constructor(
    private readonly known: Problems,
    private readonly isStreaming: () => boolean,
  ) {}

  get hasStream(): boolean {
    return this.isStreaming();
  }

  get problems(): string[] {
    return this.known.list();
  }
}

// The checkpoints of a prompt, as a gateway tells them to its sidecar.
import { Gateway } from "./gateway.js";
import { prompt } from "./messages.js";
import { decodeRecords, type Entry, recordsIn } from "./records.js";

/** Those of `prompt(seed)` under the key that every FakeSidecar gives. */
export function chainOf(seed: number): Entry[] {
  const gateway = new Gateway({ pods: 1 });
  gateway.send(prompt(seed));
  gateway.advance(200);
  return decodeRecords(recordsIn(gateway.sidecar.polls))[0]!.entries;
}

// Requests that a test opens and answers itself: who got them, and what good and bad answers do.
import {
  DESTINATION_HEADER,
  type RequestSpec,
  type ResponseSpec,
  sendRequest,
  sendResponse,
  type StreamContext,
} from "../../../../simulator/host/index.js";
import type { Gateway } from "./gateway.js";
import { eventAnswer, prompt } from "./messages.js";

export const BROKEN: ResponseSpec = { status: 500, chunks: ["Internal Server Error"] };
export const FINE = eventAnswer({ prompt: 2000, output: 4 });
export const FIRST_POD = "10.0.0.1:8000";

let seed = 0;

/** A prompt that no pod has seen. */
export function cold(rest: Record<string, unknown> = {}): RequestSpec {
  return prompt(++seed, rest);
}

/** Sends a request, which stays open. */
export function open(gateway: Gateway, vm = 0, request = cold()): StreamContext {
  const { host, root } = gateway.vms[vm]!;
  const stream = host.newStream(root, { keepBodies: true });
  sendRequest(stream, request);
  return stream;
}

/** The first choice. */
export function podOf(stream: StreamContext): string {
  return stream.upstream.headers!.get(DESTINATION_HEADER)!.split(",")[0]!;
}

export function answer(stream: StreamContext, response: ResponseSpec): void {
  sendResponse(stream, response);
  stream.done();
}

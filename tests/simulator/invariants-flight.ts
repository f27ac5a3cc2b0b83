// One request of a small world, from its first byte to its end, however that comes.
import assert from "node:assert/strict";
import { DESTINATION_HEADER, type Pair, type StreamContext } from "../../simulator/host/index.js";
import type { Sequence } from "../../simulator/engine/sequence.js";
import { hashSegments } from "../../simulator/engine/block-hash.js";
import { saidOf, usageOf } from "./invariants-usage.js";
import type { Computed, Pod } from "./invariants-pods.js";
import type { RequestDraw } from "./invariants-prompts.js";
import type { Vm } from "./invariants-vm.js";
import type { World } from "./invariants-world.js";
import type { Routed } from "./reference-types.js";

const EVENTS: Pair = ["content-type", "text/event-stream"];
const JSON_TYPE: Pair = ["content-type", "application/json"];
const TOKEN = `data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":null}\n\n`;
const CONNECT_FAILURE_FLAG = 2;

export type Outcome = "finished" | "refused" | "failed";

export class Flight implements Computed {
  readonly stream: StreamContext;
  /** Of the stream in the VM. */
  readonly place: number;
  /** Null where the filter has named no pod. */
  routed: Routed | null = null;
  isDecided = false;
  outcome: Outcome | null = null;
  /** The whole body came before the first table. */
  isWaiting = false;
  /** Number of the hash key when the headers came; -1: none. */
  keyNumber: number;
  /** Whether its prompt is known to be computed; of answers that are not streamed nothing is. */
  sawFirstToken = false;
  pod: Pod<Flight> | null = null;
  private sequence: Sequence<Flight> | null = null;
  private destinations: string[] = [];
  private sentHeaders = false;
  private firstTokenMs = -1;
  private events = 0;
  private cachedTokens = 0;

  constructor(
    readonly world: World,
    readonly vm: Vm,
    readonly draw: RequestDraw,
    readonly arrivalMs: number,
  ) {
    this.stream = vm.host.newStream(vm.root);
    this.place = vm.takePlace();
    this.keyNumber = vm.reference.table?.keyNumber ?? -1;
  }

  get isOver(): boolean {
    return this.outcome !== null;
  }

  /** A streamed answer's first event says that the prompt is computed; of others nothing does. */
  get isStreamed(): boolean {
    return this.draw.isStreamed && this.routed !== null;
  }

  start(): void {
    const { draw, world } = this;
    const { body, path } = draw;
    const method = body === null ? "GET" : "POST";
    const head: Pair[] = [
      [":method", method],
      [":path", path],
      [":authority", "llm"],
    ];
    if (body !== null) head.push(JSON_TYPE);
    this.stream.requestHeaders(head, body === null);
    this.vm.noteJoined();
    this.lookDecided(this.arrivalMs);
    if (body === null) return;
    const pieces = world.requests.unit() < 0.7 ? 1 : world.requests.integer(2, 4);
    const size = Math.ceil(body.length / pieces);
    this.sendBody(body.slice(0, size), pieces === 1, this.arrivalMs);
    for (let i = 1, atMs = this.arrivalMs; i < pieces; i++) {
      const piece = body.slice(i * size, (i + 1) * size);
      atMs += world.requests.integer(1, 30);
      world.at(atMs, "a piece of a body", (nowMs) => this.sendBody(piece, i === pieces - 1, nowMs));
    }
  }

  private sendBody(piece: string, isEnd: boolean, nowMs: number): void {
    if (this.isOver) return;
    if (isEnd && !this.isDecided) this.isWaiting = this.vm.reference.table === null;
    this.stream.requestBody(piece, isEnd);
    this.lookDecided(nowMs);
  }

  /** Follows the request once the filter has let it pass. */
  lookDecided(nowMs: number): void {
    const { stream, world } = this;
    if (this.isDecided || this.isOver || !stream.continued) return;
    this.isDecided = true;
    if (this.isWaiting) this.keyNumber = this.vm.reference.table?.keyNumber ?? -1;
    const header = stream.upstream.headers!.get(DESTINATION_HEADER);
    this.destinations = header === undefined ? [] : header.split(",");
    this.routed = this.vm.checkDecision(this, this.destinations, nowMs);
    world.at(nowMs + world.requests.unit() * 4, "a request at its pod", (atMs) => this.reach(atMs));
  }

  private reach(nowMs: number): void {
    const { world } = this;
    if (this.isOver) return;
    const [first, second] =
      this.destinations.length > 0
        ? this.destinations.map((address) => world.podAt(address))
        : [world.anyPod()];
    const isRefused = world.requests.unit() < world.config.retryShare;
    if (first?.isAlive === true && !isRefused) this.serve(first, 1, nowMs);
    else if (second?.isAlive === true) this.serve(second, 2, nowMs);
    else this.replyLocally(world.requests.unit() < 0.5 ? (first?.address ?? null) : null, nowMs);
  }

  private serve(pod: Pod<Flight>, attempts: number, nowMs: number): void {
    const { draw, stream, world } = this;
    stream.upstreamAddress = pod.address;
    stream.attempts = attempts;
    const promptTokens = this.promptTokens;
    const isTooLong = pod.engine.refusal(promptTokens, draw.outputTokens) !== null;
    if (isTooLong || draw.kind === "bad" || world.requests.unit() < world.config.errorShare) {
      const status = isTooLong ? 400 : [400, 404, 429, 500][world.requests.integer(0, 3)]!;
      this.sendHeaders(status, JSON_TYPE, nowMs);
      stream.responseBody('{"error":"no"}', true);
      return this.end("refused", nowMs);
    }
    this.pod = pod;
    const pieces = draw.prompt?.pieces ?? [{ id: 1, bytes: 40 }];
    const segments = pieces.map(({ id, bytes }) => ({ id, tokens: Math.ceil(bytes / 4) }));
    const request = {
      id: "",
      promptTokens,
      outputTokens: draw.outputTokens,
      blockHashes: hashSegments(segments).slice(0, Math.floor(promptTokens / 16)),
      owner: this as Flight,
    };
    this.sequence = pod.engine.submit(request, nowMs);
    if (draw.isStreamed) this.sendHeaders(200, EVENTS, nowMs);
    pod.wake(nowMs);
  }

  private get promptTokens(): number {
    const bytes = this.draw.prompt?.pieces.reduce((sum, piece) => sum + piece.bytes, 0) ?? 40;
    return Math.max(1, Math.round(bytes / this.world.config.bytesPerToken));
  }

  private sendHeaders(status: number, type: Pair, nowMs: number): void {
    const { stream, vm } = this;
    this.sentHeaders = true;
    if (this.routed !== null) {
      vm.reference.answered(this.routed, status, stream.upstreamAddress, vm.seenMs(nowMs));
    }
    stream.responseHeaders([[":status", String(status)], type]);
  }

  onFirstToken(cachedTokens: number, nowMs: number): void {
    if (this.isOver) return;
    this.cachedTokens = cachedTokens;
    this.firstTokenMs = nowMs;
    assert.ok(this.arrivalMs <= nowMs, "a token before its request");
  }

  onToken(): void {
    if (this.isOver || !this.draw.isStreamed) return;
    this.stream.responseBody(TOKEN);
    this.sawFirstToken = true;
    this.events++;
  }

  onFinished(nowMs: number): void {
    if (this.isOver) return;
    const { draw, stream, vm, world } = this;
    const usage = usageOf(world.config.usage, draw, this.promptTokens, this.cachedTokens);
    assert.ok(this.firstTokenMs >= this.arrivalMs && this.firstTokenMs <= nowMs);
    const json = JSON.stringify({ choices: [], ...(usage === null ? {} : { usage }) });
    if (!draw.isStreamed) this.sendHeaders(200, JSON_TYPE, nowMs);
    const isSaid = draw.isStreamed && usage !== null;
    const text = draw.isStreamed ? `${isSaid ? `data: ${json}\n\n` : ""}data: [DONE]\n\n` : json;
    const cut = world.requests.integer(0, text.length);
    stream.responseBody(text.slice(0, cut));
    const endsByTrailers = world.requests.unit() < 0.2;
    stream.responseBody(text.slice(cut), !endsByTrailers);
    if (endsByTrailers) stream.responseTrailers([["x-end", "1"]]);
    if (this.routed !== null && this.routed.number >= 0 && draw.kind !== "none") {
      const said = saidOf(usage, draw, this.events + (isSaid ? 1 : 0));
      vm.reference.learn(this.routed, said, vm.seenMs(nowMs));
    }
    this.end("finished", nowMs);
  }

  hangUp(nowMs: number): void {
    if (this.isOver) return;
    this.stream.disconnect();
    this.end("failed", nowMs);
  }

  /** The process that computed it is gone: Envoy tries again where nothing was sent yet. */
  podDied(nowMs: number): void {
    if (this.isOver) return;
    const { destinations, world } = this;
    const died = this.pod!;
    this.leavePod();
    const other = destinations.map((address) => world.podAt(address)).find((pod) => pod?.isAlive);
    if (this.sentHeaders) {
      this.stream.done();
      this.end("failed", nowMs);
    } else if (other !== undefined && other !== died && world.requests.unit() < 0.5) {
      this.serve(other, 2, nowMs);
    } else {
      this.replyLocally(world.requests.unit() < 0.5 ? died.address : null, nowMs);
    }
  }

  /** Envoy's own answer; `address`: it names the pod that it could not reach. */
  private replyLocally(address: string | null, nowMs: number): void {
    const { stream, vm } = this;
    stream.upstreamAddress = address;
    if (this.routed !== null) {
      vm.reference.answered(this.routed, 503, address, vm.seenMs(nowMs));
    }
    stream.envoyReply(503, "upstream_reset", "no", CONNECT_FAILURE_FLAG);
    this.end("failed", nowMs);
  }

  private leavePod(): void {
    if (this.pod === null) return;
    if (this.sequence !== null) this.pod.engine.cancel(this.sequence);
    this.pod = null;
    this.sequence = null;
  }

  private end(outcome: Outcome, nowMs: number): void {
    const { routed, vm } = this;
    this.leavePod();
    if (routed !== null && routed.number >= 0) {
      if (routed.status >= 400) vm.reference.withdraw(routed, vm.seenMs(nowMs));
      routed.number = -1;
    }
    assert.ok(nowMs >= this.arrivalMs, "an end before its beginning");
    this.stream.done();
    this.outcome = outcome;
    vm.givePlace(this.place);
    this.world.ended(this);
  }
}

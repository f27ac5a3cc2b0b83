// Walks JSON bytes without a tree: tells a handler what it meets, and may be stopped at any byte.
import { JSON_DEPTH_MAX, JSON_KEY_BYTES_MAX, JsonHandler, JsonStatus } from "./json-handler";
import { JsonText, TextPhase } from "./json-text";
import { isScalar, scalarEnd } from "./json-scalar";
import { ScalarEnd } from "./json-token";

export { JSON_DEPTH_MAX, JSON_KEY_BYTES_MAX, JsonHandler, JsonStatus } from "./json-handler";

const enum State {
  Value,
  FirstValue,
  FirstKey,
  Key,
  Colon,
  CommaOrEnd,
  Done,
  Text,
  Scalar,
  Failed,
}

/** Scans one JSON text (RFC 8259, strings as JsonText takes them) that comes in pieces. */
@unmanaged
export class JsonScanner extends JsonText {
  /** Containers that are open. */
  depth: u32;
  /** Bytes of the document consumed; inside a handler's call see JsonHandler. */
  consumed: u32;
  private state: State;
  private status: JsonStatus;
  /** Bit d - 1: the container at depth d is an object. */
  private objects: u64;
  /** Added to a pointer into the present piece it gives the offset in the document. */
  private offset: u32;

  /** Prepares for a new document. */
  reset(): void {
    this.depth = 0;
    this.consumed = 0;
    this.state = State.Value;
    this.status = JsonStatus.More;
    this.objects = 0;
  }

  /** Scans the next `n` bytes. After Malformed or TooDeep nothing is told any more. */
  feed(handler: JsonHandler, ctx: usize, p: usize, n: u32): JsonStatus {
    const end = p + n;
    this.offset = this.consumed - <u32>p;
    while (p < end) {
      const state = this.state;
      if (state < State.Text) p = this.structure(handler, ctx, p, end);
      else if (state == State.Text) p = this.string(handler, ctx, p, end);
      else if (state == State.Scalar) p = this.scalarRun(handler, ctx, p, end);
      else return this.status;
    }
    if (this.state != State.Failed) this.consumed = this.offset + <u32>end;
    return this.status;
  }

  /**
   * Says whether the document is whole now that nothing follows. A number that is the whole
   * document ends only here: it is checked, but not told to the handler.
   */
  finish(): JsonStatus {
    if (this.state == State.Scalar && this.depth == 0) {
      this.endValue();
      if (!isScalar(this.token, this.tokenBytes)) this.fail(JsonStatus.Malformed);
    }
    return this.status == JsonStatus.More ? JsonStatus.Malformed : this.status;
  }

  /** Takes white space and one token that is neither text nor scalar, or the start of either. */
  private structure(handler: JsonHandler, ctx: usize, p: usize, end: usize): usize {
    let c: u32 = load<u8>(p);
    while (c <= 0x20) {
      if (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09) return this.fail(JsonStatus.Malformed);
      if (++p == end) return end;
      c = load<u8>(p);
    }
    switch (this.state) {
      case State.CommaOrEnd:
        if (c != 0x2c) return this.close(handler, ctx, p, c);
        this.state = this.inObject ? State.Key : State.Value;
        return p + 1;
      case State.Colon:
        if (c != 0x3a) return this.fail(JsonStatus.Malformed);
        this.state = State.Value;
        return p + 1;
      case State.FirstKey:
        if (c == 0x7d) return this.close(handler, ctx, p, c);
      case State.Key:
        if (c != 0x22) return this.fail(JsonStatus.Malformed);
        return this.beginKey(handler, ctx, p + 1, end);
      case State.FirstValue:
        if (c == 0x5d) return this.close(handler, ctx, p, c);
      case State.Value:
        return this.beginValue(handler, ctx, p, end, c);
      default: // State.Done: only white space may follow.
        return this.fail(JsonStatus.Malformed);
    }
  }

  private beginValue(handler: JsonHandler, ctx: usize, p: usize, end: usize, c: u32): usize {
    if (c == 0x22) {
      this.consumed = this.offset + <u32>p + 1;
      this.beginText(false);
      this.state = State.Text;
      handler.textBegin(ctx);
      return p + 1;
    }
    if (c == 0x7b || c == 0x5b) {
      const depth = this.depth;
      if (depth == JSON_DEPTH_MAX) return this.fail(JsonStatus.TooDeep);
      const isObject = c == 0x7b;
      const bit = (<u64>1) << depth;
      this.objects = isObject ? this.objects | bit : this.objects & ~bit;
      this.depth = depth + 1;
      this.state = isObject ? State.FirstKey : State.FirstValue;
      this.consumed = this.offset + <u32>p + 1;
      handler.open(ctx, isObject);
      return p + 1;
    }
    this.tokenBytes = 0;
    this.state = State.Scalar;
    return this.scalarRun(handler, ctx, p, end);
  }

  private close(handler: JsonHandler, ctx: usize, p: usize, c: u32): usize {
    const isObject = this.inObject;
    if (c != (isObject ? 0x7d : 0x5d)) return this.fail(JsonStatus.Malformed);
    this.depth -= 1;
    this.endValue();
    this.consumed = this.offset + <u32>p + 1;
    handler.close(ctx, isObject);
    return p + 1;
  }

  private endValue(): void {
    this.state = this.depth != 0 ? State.CommaOrEnd : State.Done;
    if (this.depth == 0) this.status = JsonStatus.Complete;
  }

  /** A key without escapes that lies whole in this piece is told where it lies. */
  private beginKey(handler: JsonHandler, ctx: usize, p: usize, end: usize): usize {
    const limit = min(end, p + <usize>JSON_KEY_BYTES_MAX + 1);
    for (let q = p; q < limit; q++) {
      const c = load<u8>(q);
      if (c == 0x5c) break;
      if (c == 0x22) {
        this.state = State.Colon;
        this.consumed = this.offset + <u32>q + 1;
        handler.key(ctx, p, <i32>(q - p));
        return q + 1;
      }
    }
    this.beginText(true);
    this.state = State.Text;
    return p;
  }

  /** Takes the inside of a key or value, and tells its end. */
  private string(handler: JsonHandler, ctx: usize, p: usize, end: usize): usize {
    p = this.takeText(handler, ctx, p, end);
    if (this.phase < TextPhase.Ended) return p;
    if (this.phase == TextPhase.Failed) return this.fail(JsonStatus.Malformed);
    this.consumed = this.offset + <u32>p;
    if (this.isKey) {
      this.state = State.Colon;
      handler.key(ctx, this.token, this.tokenBytes);
    } else {
      this.endValue();
      handler.textEnd(ctx);
    }
    return p;
  }

  /** Takes a number or word; it ends before the first byte that cannot belong to it. */
  private scalarRun(handler: JsonHandler, ctx: usize, p: usize, end: usize): usize {
    const q = scalarEnd(p, end);
    const found = this.keepScalar(p, q, end);
    if (found == ScalarEnd.Malformed) return this.fail(JsonStatus.Malformed);
    if (found == ScalarEnd.Open) return end;
    this.endValue();
    this.consumed = this.offset + <u32>q;
    handler.scalar(ctx, this.scalarAt, this.tokenBytes);
    return q;
  }

  /** Stops for good. Any pointer that is not before the end of the piece would do. */
  private fail(status: JsonStatus): usize {
    this.state = State.Failed;
    this.status = status;
    return usize.MAX_VALUE;
  }

  @inline private get inObject(): bool {
    return this.depth != 0 && ((this.objects >> (this.depth - 1)) & 1) != 0;
  }
}

// What a gateway believes of the pods' prefix caches: whole messages, forgotten least used first.
import type { Message } from "../traffic/traffic.js";
import type { RoutedRequest, Rule, RuleView } from "./rule.js";

type Content = Pick<Message, "id" | "tokens">;

/** One pod's cache as the requests routed there let it look. */
export class PrefixLru {
  /** Tokens by content, the least used first: a Map keeps the order of insertion. */
  private readonly contents = new Map<number, number>();
  private usedTokens = 0;

  constructor(private readonly capacityTokens: number) {}

  get size(): number {
    return this.contents.size;
  }

  /** Tokens of the leading messages that it holds. */
  match(messages: readonly Content[]): number {
    let tokens = 0;
    for (const message of messages) {
      if (!this.contents.has(message.id)) break;
      tokens += message.tokens;
    }
    return tokens;
  }

  /** Tail first, so that what more prompts share is forgotten last. */
  insert(messages: readonly Content[]): void {
    for (let i = messages.length - 1; i >= 0; i--) {
      const { id, tokens } = messages[i]!;
      if (!this.contents.delete(id)) this.usedTokens += tokens;
      this.contents.set(id, tokens);
    }
    for (const [id, tokens] of this.contents) {
      if (this.usedTokens <= this.capacityTokens) return;
      this.contents.delete(id);
      this.usedTokens -= tokens;
    }
  }
}

/** All pods' caches and the prompt tokens on the way to them, for rules that weigh both. */
export class KnownCaches {
  private readonly pods: PrefixLru[];
  private readonly epochs: number[];
  /** By pod: uncached prompt tokens of requests whose first token has not come. */
  readonly backlogTokens: number[];
  private readonly own = new Map<number, { pod: number; tokens: number }>();

  constructor(private readonly view: RuleView) {
    this.pods = view.addresses.map((_, pod) => new PrefixLru(view.engineOf(pod).kvTokens));
    this.epochs = view.addresses.map((_, pod) => view.epochOf(pod));
    this.backlogTokens = view.addresses.map(() => 0);
  }

  match(pod: number, { traffic }: RoutedRequest): number {
    return this.cacheOf(pod).match(traffic.messages);
  }

  /** Empty again once the pod is known to have started anew. */
  cacheOf(pod: number): PrefixLru {
    const epoch = this.view.epochOf(pod);
    if (epoch !== this.epochs[pod]) {
      this.epochs[pod] = epoch;
      this.pods[pod] = new PrefixLru(this.view.engineOf(pod).kvTokens);
    }
    return this.pods[pod]!;
  }

  /** The request goes there: returns the pod, for a rule to return. */
  route(pod: number, request: RoutedRequest): number {
    if (pod < 0) return pod;
    const tokens = request.promptTokens - this.match(pod, request);
    this.cacheOf(pod).insert(request.traffic.messages);
    this.backlogTokens[pod]! += tokens;
    this.own.set(request.number, { pod, tokens });
    return pod;
  }

  /** After a retry the prompt is another pod's. */
  onAccepted(request: RoutedRequest): void {
    if (this.own.get(request.number)?.pod === request.pod) return;
    this.release(request);
    this.route(request.pod, request);
  }

  onFirstToken(request: RoutedRequest): void {
    this.release(request);
  }

  onFail(request: RoutedRequest): void {
    this.release(request);
  }

  onFinish({ pod, traffic }: RoutedRequest): void {
    const { answerId, outputTokens, messages } = traffic;
    if (answerId === 0) return;
    this.cacheOf(pod).insert([...messages, { id: answerId, tokens: outputTokens }]);
  }

  private release({ number }: RoutedRequest): void {
    const own = this.own.get(number);
    if (own === undefined) return;
    this.backlogTokens[own.pod]! -= own.tokens;
    this.own.delete(number);
  }
}

/** What a rule does with such caches besides picking. */
export function followedBy(caches: KnownCaches): Omit<Rule, "pick"> {
  return {
    onAccepted: (request) => caches.onAccepted(request),
    onFirstToken: (request) => caches.onFirstToken(request),
    onFinish: (request) => caches.onFinish(request),
    onFail: (request) => caches.onFail(request),
  };
}

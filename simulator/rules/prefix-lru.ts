// What a gateway believes of the pods' prefix caches: whole messages, forgotten least used first.
import type { Message } from "../traffic/traffic.js";
import type { RoutedRequest, RuleView } from "./rule.js";

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
  readonly pods: PrefixLru[];
  /** By pod: uncached prompt tokens of requests whose first token has not come. */
  readonly backlogTokens: number[];
  private readonly ownTokens = new Map<number, number>();

  constructor(view: RuleView) {
    this.pods = view.addresses.map(() => new PrefixLru(view.engine.kvTokens));
    this.backlogTokens = view.addresses.map(() => 0);
  }

  match(pod: number, { traffic }: RoutedRequest): number {
    return this.pods[pod]!.match(traffic.messages);
  }

  /** The request goes there: returns the pod, for a rule to return. */
  route(pod: number, request: RoutedRequest): number {
    const tokens = request.promptTokens - this.match(pod, request);
    this.pods[pod]!.insert(request.traffic.messages);
    this.backlogTokens[pod]! += tokens;
    this.ownTokens.set(request.number, tokens);
    return pod;
  }

  onFirstToken({ number, pod }: RoutedRequest): void {
    this.backlogTokens[pod]! -= this.ownTokens.get(number)!;
    this.ownTokens.delete(number);
  }

  onFinish({ pod, traffic }: RoutedRequest): void {
    const { answerId, outputTokens, messages } = traffic;
    if (answerId === 0) return;
    this.pods[pod]!.insert([...messages, { id: answerId, tokens: outputTokens }]);
  }
}

// What each request of a soak is: its kind, what is sent, what is to come back, and whether its
// client leaves before that.
import { randomFrom } from "../../host/filter/support/random.js";
import { Bodies } from "./bodies.js";

/** How many in a hundred, roughly. The pods have no embeddings: they answer 404. */
const SHARES = {
  chat: 28,
  conversation: 22,
  completion: 12,
  embedding: 6,
  large: 4,
  broken: 6,
  "unknown path": 4,
  get: 6,
  "slow upload": 4,
  "leaves before headers": 2,
  "leaves in its upload": 3,
  "leaves unanswered": 2,
  "leaves in the answer": 3,
} as const;

export type Kind = keyof typeof SHARES;
export const KINDS = Object.keys(SHARES) as Kind[];

const STREAM_SHARE = 0.4;
/** One client in so many opens a connection for its request alone. */
const OWN_CONNECTION_SHARE = 0.2;
const UPLOAD_MS_MAX = 2_500;
const LEAVES_MS_MAX = 120;
const GETS = ["/v1/models", "/health", "/version"];
const COMPLETIONS = "/v1/completions";
const CHATS = "/v1/chat/completions";

export interface Plan {
  kind: Kind;
  method: "GET" | "POST";
  path: string;
  body: string;
  /** The status of a whole answer when no fault meets the request. */
  status: number;
  isStream: boolean;
  hasOwnConnection: boolean;
  /** The body is spread over this long; 0: it is sent at once. */
  uploadMs: number;
  /** The client leaves so long after it began, or after the answer did; null: it stays. */
  leavesAfterMs: number | null;
}

/** One plan after another; the same for the same seed. */
export class Plans {
  private readonly random: () => number;
  private readonly bodies: Bodies;
  private readonly total = Object.values(SHARES).reduce((sum, share) => sum + share, 0);

  constructor(seed: number) {
    this.random = randomFrom(seed);
    this.bodies = new Bodies(this.random, seed);
  }

  next(): Plan {
    const kind = this.kind();
    const plan: Plan = {
      kind,
      method: "POST",
      path: CHATS,
      body: "",
      status: 200,
      isStream: false,
      hasOwnConnection: this.random() < OWN_CONNECTION_SHARE,
      uploadMs: 0,
      leavesAfterMs: null,
    };
    this.fill(plan);
    return plan;
  }

  private kind(): Kind {
    let at = this.random() * this.total;
    return KINDS.find((kind) => (at -= SHARES[kind]) < 0) ?? "chat";
  }

  private fill(plan: Plan): void {
    const { bodies } = this;
    switch (plan.kind) {
      case "completion":
        plan.path = COMPLETIONS;
        return this.ask(plan, bodies.completion());
      case "conversation":
        return this.ask(plan, bodies.conversation());
      case "large":
        return this.ask(plan, bodies.large());
      case "embedding":
        plan.path = "/v1/embeddings";
        plan.status = 404;
        plan.body = JSON.stringify(bodies.embedding());
        return;
      case "broken":
        plan.body = bodies.broken();
        plan.status = 400;
        return;
      case "unknown path":
        plan.method = this.random() < 0.5 ? "GET" : "POST";
        plan.path = "/v2/nothing/here";
        plan.status = 404;
        if (plan.method === "POST") plan.body = JSON.stringify(bodies.chat());
        return;
      case "get":
        plan.method = "GET";
        plan.path = bodies.pick(GETS);
        return;
      case "slow upload":
        plan.uploadMs = 1 + this.random() * UPLOAD_MS_MAX;
        return this.ask(plan, bodies.conversation());
      case "leaves in its upload":
        plan.uploadMs = LEAVES_MS_MAX * 2;
        break;
      case "chat":
      case "leaves before headers":
      case "leaves unanswered":
      case "leaves in the answer":
        break;
    }
    if (plan.kind !== "chat") plan.leavesAfterMs = this.random() * LEAVES_MS_MAX;
    // So that there is an answer to leave.
    const isLong = plan.kind === "leaves in the answer";
    this.ask(plan, isLong ? { ...bodies.chat(), max_tokens: 60 } : bodies.chat(), isLong);
  }

  private ask(plan: Plan, body: object, isStream = this.random() < STREAM_SHARE): void {
    plan.isStream = isStream;
    const streamed = isStream ? { stream: true, stream_options: { include_usage: true } } : {};
    plan.body = JSON.stringify({ ...body, ...streamed });
  }
}

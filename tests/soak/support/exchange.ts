// One request of a soak as its client makes it, and what its client saw of the answer.
import { request, type Agent, type ClientRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { unixMs } from "../../faults/support/steady-load.js";
import type { Plan } from "./plans.js";

const UPLOAD_PARTS = 6;
const LAST_EVENT = "data: [DONE]";
/** The end of an answer, and the start of one that is an error. */
const TEXT_CHARS_MAX = 300;

/**
 * `answered`: whole, with the status that the plan expects. `left`: the client did, as planned.
 * `status`: whole, with another status. `cut`: it began and did not end. `unanswered`: the
 * connection closed first. `gave up`: nothing more came for too long.
 */
export type Outcome = "answered" | "left" | "status" | "cut" | "unanswered" | "gave up";

export interface Result {
  /** Envoy's log has it as the header `x-load-id`. */
  id: number;
  plan: Plan;
  outcome: Outcome;
  /** Milliseconds since 1970. */
  startMs: number;
  endMs: number;
  /** 0 where no answer came. */
  status: number;
  /** The header `x-pod`; empty where no pod answered. */
  pod: string;
  /** Whether the connection had served another request before. */
  wasReused: boolean;
  /** What went wrong, in words. */
  detail: string;
}

export interface Destination {
  port: number;
  agent: Agent;
  /** A client that has no whole answer by then gives up; only a pod that hangs makes it wait so. */
  patienceMs: number;
}

/** Makes the request; the result is there in any case. */
export async function exchange(id: number, plan: Plan, to: Destination): Promise<Result> {
  const startMs = unixMs();
  const seen = { status: 0, pod: "", wasReused: false };
  const [outcome, detail] =
    plan.kind === "leaves before headers"
      ? await leaveBeforeHeaders(plan, to.port)
      : await new Promise<[Outcome, string]>((resolve) => {
          const one = new Exchange(id, plan, to, seen);
          one.run(resolve, to.patienceMs);
        });
  return { id, plan, outcome, startMs, endMs: unixMs(), ...seen, detail };
}

/** Half of the head of a request, and then the connection closes. */
function leaveBeforeHeaders(plan: Plan, port: number): Promise<[Outcome, string]> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.once("close", () => resolve(["left", ""]));
    socket.write(`POST ${plan.path} HTTP/1.1\r\nhost: gateway\r\ncontent-type: appli`);
    setTimeout(() => socket.destroy(), plan.leavesAfterMs ?? 0);
  });
}

class Exchange {
  private readonly sent: ClientRequest;
  private text = "";
  private hasLeft = false;
  private isImpatient = false;

  constructor(
    id: number,
    private readonly plan: Plan,
    { port, agent }: Destination,
    private readonly seen: { status: number; pod: string; wasReused: boolean },
  ) {
    const { method, path, body } = plan;
    const length = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    this.sent = request({
      host: "127.0.0.1",
      port,
      method,
      path,
      agent: plan.hasOwnConnection ? false : agent,
      headers: { "x-load-id": String(id), ...(body === "" ? {} : length) },
    });
  }

  run(resolve: (end: [Outcome, string]) => void, patienceMs: number): void {
    const { plan, sent } = this;
    const timer = setTimeout(() => {
      this.isImpatient = true;
      sent.destroy(new Error("no more came"));
    }, patienceMs);
    const settle = (error: string): void => {
      clearTimeout(timer);
      this.seen.wasReused = sent.reusedSocket;
      resolve(this.judge(error));
    };
    sent.on("error", (error) => settle(error.message));
    sent.once("response", (response) => this.read(response, settle));
    if (plan.kind !== "leaves in the answer") this.leaveIn(plan.leavesAfterMs);
    if (plan.uploadMs > 0) void this.upload();
    else sent.end(plan.body);
  }

  private read(response: IncomingMessage, settle: (error: string) => void): void {
    const { plan, seen } = this;
    seen.status = response.statusCode ?? 0;
    seen.pod = String(response.headers["x-pod"] ?? "");
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      const text = this.text + chunk;
      const isFine = seen.status === 200;
      this.text = isFine ? text.slice(-TEXT_CHARS_MAX) : text.slice(0, TEXT_CHARS_MAX);
    });
    response.once("error", (error) => settle(error.message));
    response.once("end", () => settle(""));
    if (plan.kind === "leaves in the answer") this.leaveIn(plan.leavesAfterMs);
  }

  private leaveIn(afterMs: number | null): void {
    if (afterMs === null) return;
    const timer = setTimeout(() => {
      this.hasLeft = true;
      this.sent.destroy(new Error("left"));
    }, afterMs);
    this.sent.once("close", () => clearTimeout(timer));
  }

  private async upload(): Promise<void> {
    const { plan, sent } = this;
    const size = Math.ceil(plan.body.length / UPLOAD_PARTS);
    for (let at = 0; at < plan.body.length && !sent.destroyed; at += size) {
      sent.write(plan.body.slice(at, at + size));
      await sleep(plan.uploadMs / UPLOAD_PARTS);
    }
    if (!sent.destroyed) sent.end();
  }

  private judge(error: string): [Outcome, string] {
    const { plan, seen, text } = this;
    if (this.hasLeft) return ["left", ""];
    if (this.isImpatient) return ["gave up", `${seen.status} and ${text.length} bytes until then`];
    if (error !== "") return [seen.status === 0 ? "unanswered" : "cut", error];
    if (seen.status !== plan.status) return ["status", `${seen.status}: ${text}`];
    const isWhole = !plan.isStream || text.trimEnd().endsWith(LAST_EVENT);
    return isWhole ? ["answered", ""] : ["cut", "the stream ended early"];
  }
}

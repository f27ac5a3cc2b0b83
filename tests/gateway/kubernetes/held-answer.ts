// A streaming answer that is under way for as long as a test wants, to see whether it ends whole.
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { Agent, request } from "undici";
import { chat } from "../../e2e/support/rig.js";
import { CHAT, MODEL, type World } from "../support/world.js";
import { PODS } from "./client.js";

const FIRST = 'data: {"choices": [{"index": 0, "delta": {"content": "begun, "}}]}\n\n';
const LAST = 'data: {"choices": [{"index": 0, "delta": {"content": "ended"}}]}\n\ndata: [DONE]\n\n';

export class HeldAnswer {
  private constructor(
    private readonly world: World,
    private readonly response: ServerResponse,
    private readonly agent: Agent,
    private readonly text: Promise<string>,
  ) {}

  /** Asks through the filter; returns once the first event has come back. */
  static async open(world: World, prompt: string): Promise<HeldAnswer> {
    let response: ServerResponse | undefined;
    for (const name of PODS) {
      world.pod(name).answer((received, one) => {
        if (!received.body.includes(prompt)) return false;
        response = one;
        one.writeHead(200, { "content-type": "text/event-stream" });
        one.write(FIRST);
        return true;
      });
    }
    const agent = new Agent({ bodyTimeout: 0 });
    const answer = await request(world.llm + CHAT, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: chat(prompt, { model: MODEL, stream: true }),
      dispatcher: agent,
    });
    assert.equal(answer.statusCode, 200);
    const text = answer.body.text();
    // It may be cut long before anyone looks.
    text.catch(() => undefined);
    return new HeldAnswer(world, response as ServerResponse, agent, text);
  }

  /** Lets the pod end its answer; fails when what arrives is not all that the pod wrote. */
  async endsWhole(): Promise<void> {
    this.response.end(LAST);
    assert.equal(await this.text, FIRST + LAST);
    await this.close();
  }

  async close(): Promise<void> {
    for (const name of PODS) this.world.pod(name).answer();
    await this.agent.destroy();
  }
}

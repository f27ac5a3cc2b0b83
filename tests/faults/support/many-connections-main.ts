// Holds many streams and idle connections open, and says at the end what became of each.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { LOOPBACK } from "../../../lab/ports.js";

/** Connections that are being opened at a time: what a backlog bears. */
const OPENING_MAX = 100;
const ANSWER_TIMEOUT_MS = 120_000;
/** Prompts of the streams: some share theirs, as users of one service do. */
const PROMPTS = 100;
const STREAM_END = "0\r\n\r\n";

/** What a connection has seen, as the test reads it. */
export interface ManyResult {
  streams: number;
  streamsWhole: number;
  idle: number;
  /** Idle connections that were still there, and answered, at the end. */
  idleAnswered: number;
  /** The first few that went wrong. */
  errors: string[];
}

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    streams: { type: "string" },
    idle: { type: "string" },
  },
});
const port = Number(values.port);
const errors: string[] = [];

/** One keep-alive connection; the answer under way is kept as text, streams by their events. */
class Connection {
  private text = "";
  private settle: ((text: string) => void) | null = null;
  private isDone: (text: string) => boolean = () => false;

  constructor(private readonly socket: Socket) {
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      this.text += chunk;
      if (this.settle !== null && this.isDone(this.text)) this.end();
    });
    socket.on("error", (error) => errors.push(error.message));
    socket.on("close", () => this.end());
  }

  /** Everything up to where `isDone` is true; less if the connection ends or nothing comes. */
  ask(request: string, isDone: (text: string) => boolean): Promise<string> {
    this.text = "";
    this.isDone = isDone;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.socket.destroy(), ANSWER_TIMEOUT_MS);
      this.settle = (text) => {
        clearTimeout(timer);
        resolve(text);
      };
      if (this.socket.destroyed) this.end();
      else this.socket.write(request);
    });
  }

  /** The answer goes on to come, and is asked for again by its end. */
  goOn(isDone: (text: string) => boolean): Promise<string> {
    const text = this.text;
    const rest = this.ask("", isDone);
    this.text = text;
    if (isDone(text)) this.end();
    return rest;
  }

  private end(): void {
    const settle = this.settle;
    this.settle = null;
    settle?.(this.text);
  }
}

async function open(): Promise<Connection> {
  const socket = connect(port, LOOPBACK);
  const connection = new Connection(socket);
  await new Promise<void>((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", () => resolve());
  });
  return connection;
}

/** Calls `make` for 0 to `count` - 1, at most OPENING_MAX at a time. */
async function each(count: number, make: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await make(next++);
  };
  await Promise.all(Array.from({ length: OPENING_MAX }, work));
}

const HEALTH = "GET /health HTTP/1.1\r\nhost: llm\r\n\r\n";
const isHealthy = (text: string): boolean => text.endsWith("\r\n\r\nok");
const hasBegun = (text: string): boolean => text.includes("data: ");
const hasEnded = (text: string): boolean => text.endsWith(STREAM_END);

function question(index: number): string {
  const content = `You are assistant ${index % PROMPTS} of a company. `.repeat(20);
  const messages = [{ role: "user", content: `${content}Question ${index}` }];
  const body = JSON.stringify({ model: "m", stream: true, max_tokens: 100, messages });
  const lines = [
    "POST /v1/chat/completions HTTP/1.1",
    "host: llm",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "x-slow: 1",
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

function isWhole(text: string): boolean {
  // The pod says last how many there were.
  const sent = Number(/data: \{"sent":(\d+)\}/.exec(text)?.[1] ?? NaN);
  const isFull = text.split('data: {"choices"').length - 1 === sent;
  return text.startsWith("HTTP/1.1 200") && isFull && text.includes("[DONE]") && hasEnded(text);
}

async function main(): Promise<void> {
  const idleCount = Number(values.idle);
  const streamCount = Number(values.streams);
  const idle: Connection[] = [];
  await each(idleCount, async () => {
    const connection = await open();
    const text = await connection.ask(HEALTH, isHealthy);
    if (!isHealthy(text)) errors.push(`an idle connection got ${text.slice(0, 80)}`);
    idle.push(connection);
  });
  console.log(`idle ${idle.length}`);
  const streams: Connection[] = [];
  await each(streamCount, async (index) => {
    const connection = await open();
    await connection.ask(question(index), hasBegun);
    streams.push(connection);
  });
  console.log(`streaming ${streams.length}`);
  const texts = await Promise.all(streams.map((one) => one.goOn(hasEnded)));
  const broken = texts.filter((text) => !isWhole(text));
  if (broken[0] !== undefined) errors.push(`a stream got ${broken[0].slice(-200)}`);
  let idleAnswered = 0;
  await each(idle.length, async (index) => {
    const text = await (idle[index] as Connection).ask(HEALTH, isHealthy);
    if (isHealthy(text)) idleAnswered++;
  });
  const result: ManyResult = {
    streams: streams.length,
    streamsWhole: texts.length - broken.length,
    idle: idle.length,
    idleAnswered,
    errors: errors.slice(0, 5),
  };
  console.log(`result ${JSON.stringify(result)}`);
  await sleep(10);
  process.exit(0);
}

await main();

// One keep-alive connection on a raw socket: a prebuilt request out, a counted answer in.
import { connect, type Socket } from "node:net";

const HEAD_END = "\r\n\r\n";
const READ_BYTES_MAX = 64 << 10;
/** Answers are read to the end before the loop turns, so one buffer serves every connection. */
const readBuffer = Buffer.alloc(READ_BYTES_MAX);

/** Called when an answer is complete (its status) or the connection broke under it (0). */
export type Answered = (connection: Connection, status: number) => void;

export class Connection {
  /** Planned send time of the request in flight, ms; set by who sends. */
  plannedMs = 0;
  /** Who is told; one run after the other uses the connection. */
  answered: Answered = () => undefined;
  #socket: Socket | null = null;
  #isBusy = false;
  #isClosing = false;
  #status = 0;
  #missingBytes = 0;
  #head = "";

  constructor(private readonly port: number) {}

  send(request: Buffer): void {
    this.#isBusy = true;
    this.#socket ??= this.#open();
    this.#socket.write(request);
  }

  close(): void {
    this.#isClosing = true;
    this.#socket?.destroy();
  }

  #open(): Socket {
    const socket = connect({
      port: this.port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (count, buffer) => {
          this.#read(buffer as Buffer, count);
          return true;
        },
      },
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#socket = null;
      this.#head = "";
      this.#missingBytes = 0;
      // A pod or Envoy may close an idle connection; only one under a request is a failure.
      if (this.#isBusy && !this.#isClosing) this.#finish(0);
    });
    return socket;
  }

  #read(buffer: Buffer, count: number): void {
    if (this.#missingBytes > 0) {
      this.#missingBytes -= count;
      if (this.#missingBytes <= 0) this.#finish(this.#status);
      return;
    }
    const text = this.#head + buffer.toString("latin1", 0, count);
    const headBytes = text.indexOf(HEAD_END);
    if (headBytes < 0) {
      this.#head = text;
      return;
    }
    this.#head = "";
    this.#status = Number(text.slice(9, 12));
    const length = /content-length: (\d+)/i.exec(text);
    const bodyBytes = length === null ? 0 : Number(length[1]);
    this.#missingBytes = bodyBytes - (text.length - headBytes - HEAD_END.length);
    if (this.#missingBytes <= 0) this.#finish(this.#status);
  }

  #finish(status: number): void {
    this.#isBusy = false;
    this.#missingBytes = 0;
    this.answered(this, status);
  }
}

// Asks whether a NATS server is there at all, before the client connects to it: the client lets a
// socket that gets no greeting, as that of a frozen server, live on for good.
import { connect } from "node:net";

const GREETING_BYTES_MAX = 64 * 1024;
export const GREETING_TIMEOUT_MS = 4_000;

export interface Address {
  host: string;
  port: number;
  /** `host:port`, for people. */
  text: string;
}

const DEFAULT_PORT = 4222;

/** `url` is as the configuration allows it. */
export function addressOf(url: string): Address {
  const [, host = "", port] = /^\w+:\/\/(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(url) ?? [];
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  return { host: host.replace(/^\[|\]$/g, ""), port: number, text: `${host}:${number}` };
}

/** Rejects where no NATS server answers in time. */
export function awaitGreeting({ host, port }: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let text = "";
    const end = (error: Error | null): void => {
      socket.destroy();
      if (error === null) resolve();
      else reject(error);
    };
    socket.setTimeout(GREETING_TIMEOUT_MS, () => end(new Error("no answer in time")));
    socket.on("error", end);
    socket.on("close", () => end(new Error("closes the connection without a greeting")));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (/^INFO \{.*\}\s*\r\n/.test(text)) end(null);
      else if (text.includes("\n") || text.length > GREETING_BYTES_MAX) {
        end(new Error("answers, but not as a NATS server"));
      }
    });
  });
}

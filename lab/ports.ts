// Free ports on loopback addresses, and who holds a port that is taken.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";

/** Where everything in this lab listens, unless a pod needs an address of its own. */
export const LOOPBACK = "127.0.0.1";

/** A port that was free a moment ago. Nothing reserves it, so bind it soon. */
export async function freePort(host = LOOPBACK): Promise<number> {
  const [port] = await freePorts(1, host);
  return port as number;
}

/** `count` different free ports, all found before any is let go. */
export async function freePorts(count: number, host = LOOPBACK): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0, host)));
  const ports = servers.map((server) => server.port);
  await Promise.all(servers.map((server) => server.close()));
  return ports;
}

/** Throws one line that names the port, and the process that holds it, when it cannot be bound. */
export async function requireFree(port: number, host = LOOPBACK): Promise<void> {
  try {
    await (await listen(port, host)).close();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (code !== "EADDRINUSE") throw new Error(`${host}:${port} cannot be bound: ${code}`);
    const holder = holderOf(port);
    throw new Error(`port ${port} is taken${holder === null ? "" : ` by ${holder}`}`);
  }
}

/** `node (pid 42)` for the process that listens on a TCP port; null where it cannot be told. */
export function holderOf(port: number): string | null {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return null;
  for (const pid of entries("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const fd of entries(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      return `${textOf(`/proc/${pid}/comm`).trim()} (pid ${pid})`;
    }
  }
  return "a process of another user";
}

/** Socket inodes in state LISTEN (0A) on a port, from the kernel's table of TCP sockets. */
function listeningInodes(port: number): Set<string> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of textOf(table).split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const inode = fields[9];
      if (fields[3] !== "0A" || inode === undefined) continue;
      if (fields[1]?.endsWith(`:${hexPort}`) === true) inodes.add(inode);
    }
  }
  return inodes;
}

interface Listening {
  port: number;
  close(): Promise<void>;
}

function listen(port: number, host: string): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      resolve({ port: bound, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

// A process may end between the listing and the reading, so what is gone reads as empty.
function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

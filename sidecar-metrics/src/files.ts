// Watches one file by looking at it: sees atomic renames and the symlink swaps of ConfigMaps.
import { readFile, stat } from "node:fs/promises";

/** Change notices of the system miss swapped symlinks and network mounts; asking never does. */
export const POLL_MS = 200;

export interface FileWatch {
  stop(): void;
}

export interface FileEvents {
  content(bytes: Buffer): void;
  /** The file cannot be read; told once for each different reason. */
  unreadable(reason: string): void;
}

/** Reads a file of at most `bytesMax` bytes; the error says what is wrong without its path. */
export async function readBounded(path: string, bytesMax: number): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > bytesMax) throw new Error(`larger than ${bytesMax} bytes`);
  return readFile(path);
}

/**
 * Decides when a file that changes may be read: once it has stayed the same from one look to the
 * next, for half of a list of pods is a list of pods too. The very first look does not wait.
 */
export class Settling {
  private seen: string | null = null;
  private taken: string | null = null;
  private isFirst = true;

  /** Whether the content behind `identity` is to be read at this look. */
  isDue(identity: string): boolean {
    const isSettled = this.isFirst || identity === this.seen;
    this.isFirst = false;
    this.seen = identity;
    return isSettled && identity !== this.taken;
  }

  /** The content behind `identity` was read whole. */
  take(identity: string): void {
    this.taken = identity;
  }

  /** The file cannot be read; when it is back it is new. */
  lose(): void {
    this.isFirst = false;
    this.seen = null;
    this.taken = null;
  }
}

/** Tells the content at once if the file is there, and again after each change. */
export function watchFile(path: string, bytesMax: number, events: FileEvents): FileWatch {
  const settling = new Settling();
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  let told = "";

  const look = async (): Promise<void> => {
    try {
      const now = await identity(path);
      if (settling.isDue(now)) {
        const bytes = await readBounded(path, bytesMax);
        if ((await identity(path)) === now && !isStopped) {
          settling.take(now);
          told = "";
          events.content(bytes);
        }
      }
    } catch (error) {
      const reason = explainFileError(error);
      settling.lose();
      if (reason !== told && !isStopped) events.unreadable(reason);
      told = reason;
    }
    if (!isStopped) timer = setTimeout(() => void look(), POLL_MS);
  };
  void look();
  return {
    stop: () => {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

export function explainFileError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES") return "reading it is not permitted";
  if (code === "EISDIR") return "it is a folder";
  return error.message;
}

/** Differs whenever the file is another one or was written; follows symlinks to the end. */
async function identity(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

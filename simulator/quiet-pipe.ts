// Ends a command whose reader has gone, as `head` does, in place of a stack.

/** To be called once by a program that prints. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
}

// Runs `./build.sh image` as a user does, without the builds that come before it.
import { fileURLToPath } from "node:url";
import { runProgram, type Output } from "../../support/kubectl.js";

const IMAGE = fileURLToPath(new URL("../../../../scripts/image.js", import.meta.url));

/** `env`: the login, if there is one; docker's own on this machine is not read. */
export async function imageCommand(
  args: string[],
  env: Record<string, string> = {},
): Promise<Output> {
  const nowhere = { DOCKER_CONFIG: "/nonexistent" };
  return await runProgram(process.execPath, [IMAGE, ...args], "", { ...nowhere, ...env });
}

/** The digest that the command printed behind the name. */
export function digestOf({ stdout }: Output): string {
  return stdout.trim().split("@")[1] ?? "";
}

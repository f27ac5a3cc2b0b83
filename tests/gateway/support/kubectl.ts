// Runs the real kubectl that is inside the tool `cluster`.
import { spawn } from "node:child_process";
import { tool } from "./tools.js";

export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `kubectl ARGS`; throws what it said when it fails. */
export async function kubectl(kubeconfig: string, args: string[], input = ""): Promise<string> {
  const output = await tryKubectl(kubeconfig, args, input);
  if (output.code === 0) return output.stdout;
  throw new Error(`kubectl ${args.join(" ")}: ${output.code}\n${output.stderr}${output.stdout}`);
}

export function tryKubectl(kubeconfig: string, args: string[], input = ""): Promise<Output> {
  return runProgram(tool("WARMROUTE_CLUSTER_BIN"), ["kubectl", ...args], input, {
    KUBECONFIG: kubeconfig,
  });
}

/** Runs a program to its end, with `input` as its standard input. */
export function runProgram(
  command: string,
  args: string[],
  input = "",
  env: Record<string, string> = {},
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env } });
    const output = { code: -1, stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...output, code: code ?? -1 }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

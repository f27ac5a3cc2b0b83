// Runs a benchmark again in network namespaces of its own, with the programs of the gateway suite.
import { spawnSync } from "node:child_process";
import { ROOT } from "../tests/gateway/support/tools.js";

const SCRIPT = [
  "tools=$(scripts/install-gateway-tools.sh) || exit $?",
  'eval "$tools"',
  '[ -z "${WARMROUTE_GATEWAY_SKIP:-}" ] || { echo "skipped: $WARMROUTE_GATEWAY_SKIP"; exit 0; }',
  'exec tests/gateway/support/in-namespaces.sh "$@"',
].join("\n");

/** Its exit status; the program gets `--inside` in front of its arguments. */
export function runInNamespaces(program: string, args: readonly string[]): number {
  const command = ["-c", SCRIPT, "bench", process.execPath, program, "--inside", ...args];
  const { status } = spawnSync("bash", command, { cwd: ROOT, stdio: "inherit" });
  return status ?? 1;
}

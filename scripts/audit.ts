// Asks npm whether published advisories hold for the packages that ship; the policy that it
// judges by is in docs/security.md.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** `npm audit` takes one or two seconds where the registry answers. */
const TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 16 << 20;
/** What it ends with where nothing could be asked: neither good nor bad. */
export const EXIT_SKIPPED = 3;
/** Advisories of these severities fail; the others are only told. */
const FAILING = new Set(["high", "critical"]);

/** An advisory that does not reach us, for a reason that a reader can check. */
export interface Accepted {
  /** As in its address: GHSA-xxxx-xxxx-xxxx. */
  advisory: string;
  reason: string;
}

const ACCEPTED: readonly Accepted[] = [];

export interface Verdict {
  outcome: "good" | "bad" | "skipped";
  lines: string[];
}

interface Advisory {
  name: string;
  title?: string;
  url?: string;
  severity: string;
  range?: string;
}

interface AuditReport {
  vulnerabilities: Record<string, { via: (Advisory | string)[] }>;
}

/** Judges what `npm audit --json` wrote. */
export function judge(output: string, accepted: readonly Accepted[] = ACCEPTED): Verdict {
  const report = parse(output);
  if (typeof report === "string") return { outcome: "skipped", lines: [`skipped: ${report}`] };
  // A package that is affected through another names it; the advisories are with the other.
  const advisories = Object.values(report.vulnerabilities)
    .flatMap(({ via }) => via)
    .filter((one) => typeof one !== "string");
  const lines = advisories.map((one) => describe(one, accepted));
  const isBad = advisories.some(
    (one) => FAILING.has(one.severity) && acceptanceOf(one, accepted) === undefined,
  );
  if (lines.length === 0) lines.push("no advisory for the packages that ship");
  return { outcome: isBad ? "bad" : "good", lines };
}

function describe(advisory: Advisory, accepted: readonly Accepted[]): string {
  const { name, range = "", severity, title = "", url = "" } = advisory;
  const acceptance = acceptanceOf(advisory, accepted);
  const note = acceptance === undefined ? "" : ` (accepted: ${acceptance.reason})`;
  return `${severity}: ${name} ${range}: ${title} ${url}${note}`;
}

function acceptanceOf({ url = "" }: Advisory, accepted: readonly Accepted[]): Accepted | undefined {
  return accepted.find(({ advisory }) => url.endsWith(`/${advisory}`));
}

/** The report, or why there is none. */
function parse(output: string): AuditReport | string {
  let json: unknown;
  try {
    json = JSON.parse(output);
  } catch {
    return "npm audit gave no JSON";
  }
  const { vulnerabilities, message } = (json ?? {}) as {
    vulnerabilities?: object;
    message?: string;
  };
  if (typeof vulnerabilities === "object" && vulnerabilities !== null) return json as AuditReport;
  // Without its address: which registry is asked is the machine's affair.
  const reason = message?.replace(/ - [A-Z]+ https?:\S+/, "").replace(/https?:\/\/\S+/g, "") ?? "";
  return `the registry does not tell advisories${reason === "" ? "" : ` (${reason})`}`;
}

/** Runs npm and judges its report; one that does not end in time is a registry that is silent. */
export async function audit(command = "npm", timeoutMs = TIMEOUT_MS): Promise<Verdict> {
  const args = ["audit", "--omit=dev", "--json"];
  const skipped = (why: string): Verdict => ({ outcome: "skipped", lines: [`skipped: ${why}`] });
  return await new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"], detached: true });
    let output = "";
    const timer = setTimeout(() => {
      // The whole group: npm may be a script that started another process.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      resolve(skipped(`no answer within ${timeoutMs / 1_000} s`));
    }, timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => {
      if (output.length < OUTPUT_BYTES_MAX) output += chunk.toString("utf8");
    });
    child.on("error", ({ message }) => resolve(skipped(message)));
    child.on("close", () => {
      clearTimeout(timer);
      resolve(judge(output));
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { outcome, lines } = await audit();
  for (const line of lines) console.error(`audit: ${line}`);
  process.exitCode = { good: 0, bad: 1, skipped: EXIT_SKIPPED }[outcome];
}

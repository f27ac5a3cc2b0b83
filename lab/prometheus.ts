// Finds, starts and asks a real Prometheus.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectPath } from "../scripts/config/project.js";
import { freePort, LOOPBACK } from "./ports.js";
import { start, type Child } from "./processes.js";

const INSTALL_TIMEOUT_MS = 5 * 60_000;
const ASK_TIMEOUT_MS = 10_000;
/** Exit status of the script where no Prometheus can be had. */
const STATUS_CANNOT = 3;

export interface Programs {
  prometheus: string;
  promtool: string;
}

export type Found = { programs: Programs } | { reason: string };

/** Installs them if need be; the reason where this machine can have none. */
export async function findPrometheus(): Promise<Found> {
  const script = projectPath("scripts", "install-prometheus.sh");
  try {
    const { stdout } = await promisify(execFile)(script, { timeout: INSTALL_TIMEOUT_MS });
    const read = (name: string): string =>
      new RegExp(`^export ${name}=(.*)$`, "m").exec(stdout)![1]!;
    return { programs: { prometheus: read("PROMETHEUS_BIN"), promtool: read("PROMTOOL_BIN") } };
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code !== STATUS_CANNOT) throw error;
    return { reason: (stderr ?? "").trim().split("\n").at(-1) ?? "no Prometheus" };
  }
}

export interface PrometheusOptions {
  programs: Programs;
  /** What its configuration file holds. */
  config: object;
  /** Where its files go; a new temporary folder, removed at the end, when absent. */
  folder?: string;
}

export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "warmroute-prometheus-"));
  mkdirSync(folder, { recursive: true });
  const configPath = join(folder, "prometheus.yaml");
  // JSON is YAML.
  writeFileSync(configPath, JSON.stringify(options.config, null, 1));
  const address = `${LOOPBACK}:${await freePort()}`;
  const child = await start({
    name: "prometheus",
    command: options.programs.prometheus,
    args: [
      `--config.file=${configPath}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=${address}`,
      // The default looks for the pages of the installed package.
      `--web.console.templates=${folder}`,
      `--web.console.libraries=${folder}`,
    ],
    logPath: join(folder, "prometheus.log"),
    readyUrl: `http://${address}/-/ready`,
  });
  return new Prometheus(child, `http://${address}`, folder, options.folder === undefined);
}

export type Labels = Readonly<Record<string, string>>;

/** One series at one moment. */
export interface Sample {
  labels: Labels;
  value: number;
}

/** One series over time: seconds since 1970 and values. */
export interface Line {
  labels: Labels;
  points: [number, number][];
}

export class Prometheus {
  constructor(
    readonly child: Child,
    readonly url: string,
    private readonly folder: string,
    private readonly ownsFolder: boolean,
  ) {}

  /** The series of an expression now; throws what Prometheus says of a mistake in it. */
  async query(expression: string): Promise<Sample[]> {
    const { result } = await this.ask<Result>("query", { query: expression });
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value?.[1]) }));
  }

  /** The same for each `stepSeconds` from one time to another. */
  async queryRange(
    expression: string,
    fromSeconds: number,
    toSeconds: number,
    stepSeconds: number,
  ): Promise<Line[]> {
    const { result } = await this.ask<Result>("query_range", {
      query: expression,
      start: String(fromSeconds),
      end: String(toSeconds),
      step: String(stepSeconds),
    });
    return result.map(({ metric, values = [] }) => ({
      labels: metric,
      points: values.map(([time, value]) => [time, Number(value)]),
    }));
  }

  /** The data of any other request to its API. */
  async ask<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
    const url = `${this.url}/api/v1/${path}`;
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
    const isQuery = path.startsWith("query");
    const body = new URLSearchParams(parameters);
    const response = await fetch(url, isQuery ? { method: "POST", body, signal } : { signal });
    const answer = (await response.json()) as { status: string; data: T; error?: string };
    if (answer.status !== "success") {
      throw new Error(`${path} ${parameters["query"] ?? ""}: ${answer.error}`);
    }
    return answer.data;
  }

  async stop(): Promise<void> {
    await this.child.stop();
    if (this.ownsFolder) rmSync(this.folder, { recursive: true, force: true });
  }
}

interface Result {
  result: { metric: Labels; value?: [number, string]; values?: [number, string][] }[];
}

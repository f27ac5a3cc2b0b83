// The command `warmroute migrate`: files in, manifests on stdout, findings on stderr.
import { readFileSync } from "node:fs";
import { InvalidArgumentError, type Command } from "commander";
import type { FilterImage } from "./filter-objects.js";
import { migrate } from "./migrate.js";
import type { InputFile } from "./read.js";

interface Flags {
  namespace: string;
  service: Map<string, string>;
  filterImage: FilterImage | null;
  sidecarImage?: string;
  controllerNamespace: string;
}

export function addMigrate(program: Command): void {
  program
    .command("migrate")
    .description("print the objects of ACK's Gateway with Inference Extension as warmroute's")
    .argument(
      "<file...>",
      "manifests, or pasted `kubectl apply -f- <<EOF`; - is the standard input",
    )
    .option("-n, --namespace <name>", "of objects that name none", "default")
    .option(
      "--service <old=new>",
      "lead HTTPRoutes from one Service to another; may be repeated",
      readRename,
      new Map<string, string>(),
    )
    .option("--filter-image <ref>", "NAME:TAG@sha256:DIGEST of the filter", readImage, null)
    .option("--sidecar-image <ref>", "the sidecar's image")
    .option("--controller-namespace <name>", "where Envoy Gateway runs", "envoy-gateway-system")
    .addHelpText(
      "after",
      "\nThe output is for `kubectl apply -f -`; what to know about it is on stderr.\n" +
        "Exits with 0, 1 when something is wrong (then nothing is printed), 2 when unreadable.",
    )
    .action((files: string[], flags: Flags) => {
      process.exitCode = run(files, flags);
    });
}

function run(names: readonly string[], flags: Flags): number {
  const files: InputFile[] = [];
  for (const name of names) {
    try {
      files.push({ name, text: readFileSync(name === "-" ? 0 : name, "utf8") });
    } catch (error) {
      console.error(`error: ${name}: ${error instanceof Error ? error.message : String(error)}`);
      return 2;
    }
  }
  const { service: services, sidecarImage = null, ...others } = flags;
  const { yaml, findings } = migrate(files, { ...others, services, sidecarImage });
  for (const line of findings.lines()) console.error(line);
  if (yaml === null) return 1;
  process.stdout.write(yaml);
  return 0;
}

function readRename(value: string, renames: Map<string, string>): Map<string, string> {
  const match = /^([a-z0-9.-]+)=([a-z0-9.-]+)$/.exec(value);
  if (match === null) throw new InvalidArgumentError("allowed is OLD=NEW, two names of Services.");
  return new Map([...renames, [match[1] ?? "", match[2] ?? ""]]);
}

function readImage(value: string): FilterImage {
  const match = /^([^@\s]+)@sha256:([0-9a-f]{64})$/.exec(value);
  if (match === null) {
    throw new InvalidArgumentError("allowed is NAME:TAG@sha256:, then 64 hexadecimal digits.");
  }
  return { url: match[1] ?? "", sha256: match[2] ?? "" };
}

// Runs the filter itself on configurations and reports, a line each, what it says.
import { readFileSync } from "node:fs";
import { loadModule } from "../../simulator/host/module-check.js";
import type { ConfigInput } from "./inputs.js";
import { NoConfigError, UnreadableError, firstLine, readInputs } from "./inputs.js";
import { configure } from "./run-filter.js";

const EXIT_OK = 0;
const EXIT_REFUSED = 1;
const EXIT_UNREADABLE = 2;

const FNV_OFFSET = 14695981039346656037n;
const FNV_PRIME = 1099511628211n;

/** Prints a line for each configuration in the files; the worst becomes the exit code. */
export function validateFiles(files: string[], filter: string): number {
  let module: WebAssembly.Module;
  try {
    module = loadModule(readFileSync(filter));
  } catch (error) {
    console.error(`the filter cannot be loaded: ${firstLine(error)}`);
    return EXIT_UNREADABLE;
  }
  return Math.max(...files.map((file) => validateFile(file, module)));
}

function validateFile(file: string, module: WebAssembly.Module): number {
  let inputs: ConfigInput[];
  try {
    inputs = readInputs(file);
  } catch (error) {
    console.error(`${file}: ${firstLine(error)}`);
    if (error instanceof UnreadableError) return EXIT_UNREADABLE;
    if (error instanceof NoConfigError) return EXIT_REFUSED;
    throw error;
  }
  return Math.max(...inputs.map((input) => validateInput(input, module)));
}

function validateInput({ where, bytes }: ConfigInput, module: WebAssembly.Module): number {
  const refusal = configure(module, bytes);
  if (refusal !== null) {
    console.log(`${where}: ${refusal}`);
    return EXIT_REFUSED;
  }
  const { pool } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { pool: string };
  console.log(`${where}: ok, hash ${fnv1a(bytes)}, pool ${pool}`);
  return EXIT_OK;
}

/** As the filter computes it and its reports show it: 16 hexadecimal digits. */
function fnv1a(bytes: Uint8Array): string {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  return hash.toString(16).padStart(16, "0");
}

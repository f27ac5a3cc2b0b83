// Refuses a module that Envoy could not load: names the import or export that is at fault.
import { EXPORT_SIGNATURES, IMPORT_SIGNATURES } from "./signatures.js";

const ABI_EXPORT = "proxy_abi_version_0_2_1";
const TYPE_SECTION = 1;
const IMPORT_SECTION = 2;
const FUNCTION_SECTION = 3;
const EXPORT_SECTION = 7;
/** Value types by their byte; anything else (f32, v128, references) is shown as "?". */
const VALUE_TYPES = new Map([
  [0x7f, "i"],
  [0x7e, "I"],
]);

/** Compiles a module after checking names and signatures, as Envoy's V8 runtime does at link. */
export function loadModule(bytes: Uint8Array): WebAssembly.Module {
  const module = new WebAssembly.Module(bytes);
  checkNames(module);
  checkSignatures(bytes);
  return module;
}

/** Throws, naming the first import that Envoy lacks or the export that it misses. */
export function checkNames(module: WebAssembly.Module): void {
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function" || IMPORT_SIGNATURES[from]?.[name] === undefined) {
      throw new Error(`Failed to load Wasm module due to a missing import: ${from}.${name}`);
    }
  }
  const exports = new Set(WebAssembly.Module.exports(module).map((entry) => entry.name));
  if (!exports.has(ABI_EXPORT)) throw new Error("Missing or unknown Proxy-Wasm ABI version");
  if (!exports.has("malloc") && !exports.has("proxy_on_memory_allocate")) {
    throw new Error("Wasm module is missing malloc function.");
  }
  if (!exports.has("memory")) throw new Error("Wasm module does not export its memory");
}

class Reader {
  position = 0;
  constructor(
    readonly bytes: Uint8Array,
    readonly end = bytes.length,
  ) {}

  byte(): number {
    return this.bytes[this.position++]!;
  }

  /** LEB128; the binary has compiled, so it ends within five bytes. */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value >>> 0;
  }

  text(): string {
    const length = this.number();
    const start = this.position;
    this.position += length;
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, length).toString("utf8");
  }
}

function checkSignatures(bytes: Uint8Array): void {
  const types: string[] = [];
  const functions: number[] = [];
  const reader = new Reader(bytes);
  reader.position = 8; // Magic and version.
  while (reader.position < bytes.length) {
    const section = reader.byte();
    const length = reader.number();
    const end = reader.position + length;
    if (section === TYPE_SECTION) readTypes(reader, types);
    else if (section === IMPORT_SECTION) checkImports(reader, types, functions);
    else if (section === FUNCTION_SECTION) {
      for (let left = reader.number(); left > 0; left--) functions.push(reader.number());
    } else if (section === EXPORT_SECTION) checkExports(reader, types, functions);
    reader.position = end;
  }
}

function readTypes(reader: Reader, types: string[]): void {
  const values = (): string => {
    let letters = "";
    for (let left = reader.number(); left > 0; left--) {
      letters += VALUE_TYPES.get(reader.byte()) ?? "?";
    }
    return letters;
  };
  for (let left = reader.number(); left > 0; left--) {
    reader.byte(); // 0x60, a function type.
    const parameters = values();
    types.push(`${parameters}:${values()}`);
  }
}

/** All imports are functions here: `checkNames` refuses every other kind. */
function checkImports(reader: Reader, types: string[], functions: number[]): void {
  for (let left = reader.number(); left > 0; left--) {
    const from = reader.text();
    const name = reader.text();
    reader.byte(); // The kind.
    const index = reader.number();
    functions.push(index);
    const have = types[index]!;
    const want = IMPORT_SIGNATURES[from]![name]!;
    if (have !== want) {
      throw new Error(
        "Failed to load Wasm module due to an import type mismatch: " +
          `${from}.${name}, want: ${have}, but host exports: ${want}`,
      );
    }
  }
}

function checkExports(reader: Reader, types: string[], functions: number[]): void {
  for (let left = reader.number(); left > 0; left--) {
    const name = reader.text();
    const kind = reader.byte();
    const index = reader.number();
    const want = EXPORT_SIGNATURES[name];
    if (kind !== 0 || want === undefined) continue;
    const have = types[functions[index]!]!;
    if (have !== want) {
      throw new Error(
        `Bad function signature for: ${name}, want: ${want}, but the module exports: ${have}`,
      );
    }
  }
}

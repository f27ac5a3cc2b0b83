// The part of the WebAssembly JavaScript interface that is used here; Node's types lack it.
declare namespace WebAssembly {
  type ImportExportKind = "function" | "global" | "memory" | "table" | "tag";
  type ImportObject = Record<string, Record<string, unknown>>;

  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer);
    static imports(
      module: Module,
    ): { readonly module: string; readonly name: string; readonly kind: ImportExportKind }[];
    static exports(module: Module): { readonly name: string; readonly kind: ImportExportKind }[];
  }

  class Instance {
    constructor(module: Module, imports?: ImportObject);
    readonly exports: Record<string, unknown>;
  }

  class Memory {
    constructor(descriptor: { initial: number; maximum?: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }

  class RuntimeError extends Error {}
}

// Finds and reads what the filter keeps in its linear memory. Offsets come from the filter's own
// class declarations, so that a field more moves nothing here.
import { readFileSync } from "node:fs";
import { projectPath } from "../../scripts/config/project.js";

const SIZES: Readonly<Record<string, number>> = {
  bool: 1,
  u8: 1,
  u16: 2,
  u32: 4,
  i32: 4,
  usize: 4,
  f32: 4,
  u64: 8,
  i64: 8,
  f64: 8,
};

interface Field {
  offset: number;
  type: string;
}

export type Reader = (view: DataView, at: number) => number;

/** Where each field of an unmanaged class lies. */
export class Layout {
  readonly bytes: number;
  private readonly fields = new Map<string, Field>();

  constructor(
    path: string,
    readonly className: string,
  ) {
    const source = readFileSync(projectPath("filter", ...path.split("/")), "utf8");
    const start = source.search(new RegExp(`^(export )?class ${className}\\b`, "m"));
    if (start < 0) throw new Error(`filter/${path} has no class ${className}`);
    const body = source.slice(start, source.indexOf("\n}", start));
    let end = 0;
    for (const [, name, type] of body.matchAll(/^ {2}(?:private |readonly )*(\w+): (\w+);$/gm)) {
      const size = SIZES[type!];
      if (size === undefined) throw new Error(`${className}.${name} is a ${type}`);
      const offset = aligned(end, size);
      this.fields.set(name!, { offset, type: type! });
      end = offset + size;
    }
    // As offsetof<Class>() has it: not rounded up.
    this.bytes = end;
  }

  offset(name: string): number {
    return this.field(name).offset;
  }

  /** Reads the field of the object at an address. */
  reader(name: string): Reader {
    const { offset, type } = this.field(name);
    switch (type) {
      case "bool":
      case "u8":
        return (view, at) => view.getUint8(at + offset);
      case "u16":
        return (view, at) => view.getUint16(at + offset, true);
      case "i32":
        return (view, at) => view.getInt32(at + offset, true);
      case "f32":
        return (view, at) => view.getFloat32(at + offset, true);
      case "f64":
        return (view, at) => view.getFloat64(at + offset, true);
      case "u64":
        return (view, at) => Number(view.getBigUint64(at + offset, true));
      case "i64":
        return (view, at) => Number(view.getBigInt64(at + offset, true));
      default:
        return (view, at) => view.getUint32(at + offset, true);
    }
  }

  private field(name: string): Field {
    const field = this.fields.get(name);
    if (field === undefined) throw new Error(`${this.className} has no field ${name}`);
    return field;
  }
}

export function aligned(at: number, size: number): number {
  return Math.ceil(at / size) * size;
}

export const NODE = new Layout("prefix/node-lists.ts", "Node");
export const POD_LIST = new Layout("prefix/node-lists.ts", "PodList");
export const ENDPOINT = new Layout("load/endpoint.ts", "Endpoint");
export const HEAD = new Layout("share/head.ts", "Head");
export const HEAD_ENTRY = new Layout("share/head.ts", "HeadEntry");
export const DECISION = new Layout("share/head.ts", "Decision");

// The models section of a load table as docs/table-format.md has it: a small encoder that shares no
// code with the filter or the sidecar.

export type Criticality = "Standard" | "Critical" | "Sheddable";

export interface ModelSpec {
  /** Null: the rule for every name that has no other. */
  name: string | null;
  criticality?: Criticality;
  /** Names, each of weight 1, or name and weight. */
  targets?: readonly (string | readonly [name: string, weight: number])[];
}

export interface ModelsSpec {
  isClosed?: boolean;
  models?: readonly ModelSpec[];
  adapters?: readonly { name: string; endpoints: readonly number[] }[];
  objectives?: readonly { name: string; criticality: Criticality }[];
  list?: readonly object[];
}

const NUMBERS = { Standard: 0, Critical: 1, Sheddable: 2 } as const;

export function encodeModels(spec: ModelsSpec): Buffer {
  const { models = [], adapters = [], objectives = [], list = [] } = spec;
  const listed = Buffer.from(list.map((item) => JSON.stringify(item)).join(","), "utf8");
  const head = Buffer.alloc(12);
  head[0] = spec.isClosed === true ? 1 : 0;
  head.writeUInt16LE(models.length, 2);
  head.writeUInt16LE(adapters.length, 4);
  head.writeUInt16LE(objectives.length, 6);
  head.writeUInt32LE(listed.length, 8);
  const entries = [
    ...models.map(modelEntry),
    ...adapters.map(({ name, endpoints }) =>
      entry(u16(name.length), u16(endpoints.length), u16(0), ...endpoints.map(u16), text(name)),
    ),
    ...objectives.map(({ name, criticality }) =>
      entry(Buffer.of(NUMBERS[criticality], name.length), text(name)),
    ),
  ];
  const rest = padded(Buffer.concat([head, ...entries, listed]));
  const section = Buffer.concat([Buffer.from("WRM1\0\0\0\0", "latin1"), rest]);
  section.writeUInt32LE(fnv1a(rest), 4);
  return section;
}

function modelEntry({ name, criticality = "Standard", targets = [] }: ModelSpec): Buffer {
  const pairs = targets.map((one) => (typeof one === "string" ? ([one, 1] as const) : one));
  const fixed = Buffer.of(NUMBERS[criticality], pairs.length);
  const weights = pairs.map(([target, weight]) =>
    Buffer.concat([u32(weight), u16(target.length), u16(0)]),
  );
  const names = pairs.map(([target]) => text(target));
  return entry(fixed, u16((name ?? "").length), u16(0), ...weights, text(name ?? ""), ...names);
}

function entry(...parts: Buffer[]): Buffer {
  const whole = padded(Buffer.concat([u16(0), ...parts]));
  whole.writeUInt16LE(whole.length);
  return whole;
}

/** FNV-1a over the words, as in the table's checksum. */
export function fnv1a(bytes: Buffer): number {
  let hash = 2166136261n;
  for (let at = 0; at < bytes.length; at += 4) {
    hash = ((hash ^ BigInt(bytes.readUInt32LE(at))) * 16777619n) & 0xffffffffn;
  }
  return Number(hash);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

function text(value: string): Buffer {
  return Buffer.from(value, "latin1");
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

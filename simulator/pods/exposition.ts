// Prometheus text as Python's client writes it: gauges, counters and histograms, cheap to render.

/** Sorted by name, as Python's client does. */
export type Labels = Readonly<Record<string, string>>;

/**
 * A number as Python's client prints it: always with a fraction, and from a million on with an
 * exponent. Parsers must cope with both, so pods must send both.
 */
export function pythonFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const text = String(value);
  if (text.includes("e")) return text.replace(/e-(\d)$/, "e-0$1");
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential().replace(/-(\d)$/, "-0$1");
  const dot = text.indexOf(".");
  const wholeDigits = dot < 0 ? text.length : dot;
  if (value < 0 || wholeDigits <= 6) return dot < 0 ? `${text}.0` : text;
  const digits = dot < 0 ? text : text.slice(0, dot) + text.slice(dot + 1);
  const mantissa = `${digits[0]}.${digits.slice(1)}`.replace(/[0.]+$/, "");
  return `${mantissa}e+0${wholeDigits - 1}`; // One zero too many from 10^10 on: so is Python's.
}

export function labelText(labels: Labels): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((name) => `${name}="${escapeLabel(labels[name] as string)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Counts values by upper bounds; the lines' unchanging parts are made once. */
export class Histogram {
  private readonly counts: number[];
  private readonly header: string;
  private readonly linePrefixes: string[];
  private readonly labelText: string;
  private sum = 0;

  constructor(
    readonly name: string,
    private readonly help: string,
    private readonly bounds: readonly number[],
    labels: Labels,
  ) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
    this.header = `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`;
    this.labelText = labelText(labels);
    this.linePrefixes = [...bounds, Infinity].map(
      (bound) => `${name}_bucket${labelText({ ...labels, le: pythonFloat(bound) })} `,
    );
  }

  observe(value: number): void {
    let low = 0;
    let high = this.bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= (this.bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    this.counts[low]!++;
    this.sum += value;
  }

  /** `createdSeconds` null: without the gauge that tells when the series began. */
  render(createdSeconds: number | null): string {
    const { name, labelText } = this;
    let text = this.header;
    let total = 0;
    let totalText = "0.0";
    for (let i = 0; i < this.counts.length; i++) {
      const count = this.counts[i] as number;
      if (count > 0) totalText = pythonFloat((total += count));
      text += `${this.linePrefixes[i]}${totalText}\n`;
    }
    text += `${name}_count${labelText} ${totalText}\n`;
    text += `${name}_sum${labelText} ${pythonFloat(this.sum)}\n`;
    if (createdSeconds === null) return text;
    const created = pythonFloat(createdSeconds);
    text += `# HELP ${name}_created ${this.help}\n# TYPE ${name}_created gauge\n`;
    return `${text}${name}_created${labelText} ${created}\n`;
  }
}

type Samples = readonly (readonly [Labels, number])[];

export function gauge(name: string, help: string, samples: Samples): string {
  return family(name, help, "gauge", samples);
}

/** `name` without `_total`. */
export function counter(
  name: string,
  help: string,
  samples: Samples,
  createdSeconds: number | null,
): string {
  const text = family(`${name}_total`, help, "counter", samples);
  if (createdSeconds === null) return text;
  const created = samples.map(([labels]) => [labels, createdSeconds] as const);
  return text + gauge(`${name}_created`, help, created);
}

function family(name: string, help: string, type: string, samples: Samples): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  for (const [labels, value] of samples) {
    text += `${name}${labelText(labels)} ${pythonFloat(value)}\n`;
  }
  return text;
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/"/g, '\\"');
}

// What the migration has to say about an object that was given, with the line it is about.

/** `error`: nothing is printed; `warning`: likely to fail or to differ; `hint`: could be better. */
const LEVELS = ["error", "warning", "hint"] as const;
export type Level = (typeof LEVELS)[number];

/** Where something stands in what was given. */
export interface Place {
  file: string;
  /** Counted from 1. */
  line: number;
  /** `Kind namespace/name`, or "" where no object could be read. */
  label: string;
}

export interface Finding {
  level: Level;
  place: Place;
  text: string;
}

/** Collects what is found, so that one run names everything that is wrong. */
export class Findings {
  readonly all: Finding[] = [];

  add(level: Level, place: Place, text: string): void {
    this.all.push({ level, place, text });
  }

  get hasErrors(): boolean {
    return this.all.some((finding) => finding.level === "error");
  }

  /** One line each, the worst first. */
  lines(): string[] {
    const sorted = LEVELS.flatMap((level) => this.all.filter((one) => one.level === level));
    return sorted.map(({ level, place, text }) => {
      const label = place.label === "" ? "" : `${place.label}: `;
      return `${level}: ${place.file}:${place.line}: ${label}${text}`;
    });
  }
}

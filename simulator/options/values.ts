// Reads values of the command line; what is wrong is named with what is allowed.
import { InvalidArgumentError } from "commander";

export function object(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new InvalidArgumentError(`It must be a JSON object, such as {"alpha":0.3}.`);
}

/** A list of names joined by commas, each taken once, or `all`. */
export function names(known: ReadonlyMap<string, unknown>): (text: string) => string[] {
  return (text) => {
    if (text === "all") return [...known.keys()];
    for (const name of text.split(",")) {
      if (known.has(name)) continue;
      const allowed = [...known.keys()].join(", ");
      throw new InvalidArgumentError(`There is no "${name}", only: all, ${allowed}.`);
    }
    return [...new Set(text.split(","))];
  };
}

/** One name of a few. */
export function name<Name extends string>(known: readonly Name[]): (text: string) => Name {
  return (text) => {
    const found = known.find((one) => one === text);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`There is no "${text}", only: ${known.join(", ")}.`);
  };
}

export function numbers(min: number, max: number): (text: string) => number[] {
  return listOf(number(min, max));
}

export function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`"${text}" must be a number from ${min} to ${max}.`);
  };
}

export function integers(min: number, max: number): (text: string) => number[] {
  return listOf(integer(min, max));
}

/** A list joined by commas, each taken once. */
function listOf<Value>(parse: (text: string) => Value): (text: string) => Value[] {
  return (text) => [...new Set(text.split(",").map(parse))];
}

export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`"${text}" must be a whole number from ${min} to ${max}.`);
  };
}

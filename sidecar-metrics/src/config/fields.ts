// The kinds of values a key can have; the message of each says what is allowed.
import { z } from "zod";

export function wholeNumber(min: number, max: number) {
  const allowed = `a whole number from ${min} to ${max}`;
  return z.int(allowed).min(min, allowed).max(max, allowed).meta({ allowed });
}

export function text(pattern: RegExp, allowed: string) {
  return z.string(allowed).regex(pattern, allowed).meta({ allowed });
}

export function choice<const T extends readonly [string, ...string[]]>(values: T) {
  const allowed = `one of ${values.join(", ")}`;
  return z.enum(values, allowed).meta({ allowed });
}

export function flag() {
  const allowed = "true or false";
  return z.boolean(allowed).meta({ allowed });
}

export function path() {
  return text(/^.{1,4096}$/, "the path of a file");
}

export function section<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, `an object with keys of ${Object.keys(shape).join(", ")}`);
}

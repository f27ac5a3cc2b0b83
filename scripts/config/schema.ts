// Renders docs/configuration.schema.json: the keys as JSON Schema, draft 2020-12.
import type { ConfigKey } from "./keys.js";
import { pattern } from "./keys.js";

/** The schema as a JSON value. */
export function renderSchema(keys: ConfigKey[]): Record<string, unknown> {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "warmroute filter configuration",
    type: "object",
    additionalProperties: false,
    required: keys.filter((key) => key.required).map((key) => key.name),
    properties: Object.fromEntries(keys.map((key) => [key.name, renderProperty(key)])),
  };
}

function renderProperty(key: ConfigKey): Record<string, unknown> {
  const unit = "unit" in key && key.unit !== undefined ? ` Unit: ${key.unit}.` : "";
  const about = { description: `${key.doc.replaceAll("`", "")}${unit}` };
  const given = key.required ? {} : { default: key.type === "strings" ? [] : key.default };
  return { ...about, ...renderRule(key), ...given };
}

function renderRule(key: ConfigKey): Record<string, unknown> {
  switch (key.type) {
    case "string":
      return { type: "string", pattern: pattern(key).source };
    case "strings":
      return {
        type: "array",
        maxItems: key.countMax,
        items: { type: "string", pattern: pattern(key).source },
      };
    case "choice":
      return { enum: key.choices.map((choice) => choice.name) };
    case "boolean":
      return { type: "boolean" };
    case "integer":
    case "number":
      return { type: key.type, minimum: key.min, maximum: key.max };
  }
}

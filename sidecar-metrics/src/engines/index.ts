// The engines whose metrics pages can be read, by the name used in the configuration.
import type { EngineMapping } from "./mapping.js";
import { VLLM } from "./vllm.js";

export const ENGINES = { vllm: VLLM } satisfies Record<string, EngineMapping>;

export type EngineName = keyof typeof ENGINES;

export const ENGINE_NAMES = Object.keys(ENGINES) as [EngineName, ...EngineName[]];

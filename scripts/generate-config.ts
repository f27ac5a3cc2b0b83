// Writes what is derived from filter/config-keys.json; with --check only says whether it differs.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { format } from "prettier";
import { renderFilterSource } from "./config/filter-source.js";
import { loadKeys } from "./config/keys.js";
import { renderMarkdown } from "./config/markdown.js";
import { PROJECT_ROOT, projectPath } from "./config/project.js";
import { renderSchema } from "./config/schema.js";

const PRETTIER = { printWidth: 100, trailingComma: "all" } as const;

/** Path in the project and content of each derived file. */
async function render(): Promise<[string, string][]> {
  const keys = loadKeys();
  const source = await format(renderFilterSource(keys), { ...PRETTIER, parser: "typescript" });
  const schema = await format(JSON.stringify(renderSchema(keys)), { ...PRETTIER, parser: "json" });
  return [
    ["filter/generated/config-keys.ts", source],
    ["docs/configuration.schema.json", schema],
    ["docs/configuration.md", renderMarkdown(keys)],
  ];
}

async function main(args: string[]): Promise<number> {
  const isCheck = args[0] === "--check";
  if (args.length > 1 || (args.length === 1 && !isCheck)) {
    console.error("usage: generate-config.js [--check]");
    return 2;
  }
  let differing = 0;
  for (const [file, content] of await render()) {
    const path = projectPath(file);
    if (existsSync(path) && readFileSync(path, "utf8") === content) continue;
    differing++;
    if (isCheck) console.error(`${file} differs from filter/config-keys.json: generate it again`);
    else writeFileSync(path, content);
  }
  if (!isCheck) console.log(`${differing} files written in ${PROJECT_ROOT}`);
  return isCheck && differing > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));

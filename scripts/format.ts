// `./build.sh check`'s format step: prettier over every source, AssemblyScript's decorators too.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as prettier from "prettier";

const SOURCES = /\.(ts|js|json)$/;
const NOT_OURS = /(^|\/)(node_modules|build|\.venv|\.git)(\/|$)|(^|\/)package-lock\.json$/;
const ASSEMBLYSCRIPT = /^(filter|tests\/unit)\//;
/** TypeScript has no decorators on functions, so prettier's parser refuses the whole file. */
const DECORATOR = /^([ \t]*)@((inline|external|global|lazy|unsafe|builtin)(\(.*\))?[ \t]*)$/gm;
const HIDDEN = /^([ \t]*)\/\/@as:/gm;

/** The text as it should be. Decorators that stand on their own line are comments meanwhile. */
export async function formatted(path: string, text: string): Promise<string> {
  const config = await prettier.resolveConfig(path);
  const options = { ...config, filepath: path };
  if (!ASSEMBLYSCRIPT.test(path) || !path.endsWith(".ts")) return prettier.format(text, options);
  const hidden = text.replace(DECORATOR, "$1//@as:@$2");
  return (await prettier.format(hidden, options)).replace(HIDDEN, "$1");
}

/** Paths below `root` that prettier looks after. */
function sources(root: string, folder = ""): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (NOT_OURS.test(path)) return [];
    if (entry.isDirectory()) return sources(root, path);
    return entry.isFile() && SOURCES.test(path) ? [path] : [];
  });
}

async function main(isWriting: boolean): Promise<number> {
  let wrong = 0;
  for (const path of sources(".").sort()) {
    const text = readFileSync(path, "utf8");
    try {
      const wanted = await formatted(path, text);
      if (wanted === text) continue;
      console.log(isWriting ? `formatted ${path}` : `${path} is not formatted`);
      if (isWriting) writeFileSync(path, wanted);
      else wrong++;
    } catch (error) {
      console.log(`${path}: ${String(error).split("\n")[0]}`);
      wrong++;
    }
  }
  if (wrong > 0) console.log("./build.sh check --write formats");
  return wrong > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.includes("--write"));
}

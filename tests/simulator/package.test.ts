// `npx warmroute simulate` from the npm package, with nothing beside it but its dependencies.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { projectPath } from "../../scripts/config/project.js";

const folder = mkdtempSync(join(tmpdir(), "warmroute-package-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function succeed(program: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

test("an installed package simulates with the filter and writes a report", () => {
  succeed("npm", ["pack", "--offline", "--pack-destination", folder], projectPath());
  const [archive] = readdirSync(folder);
  succeed("tar", ["-xzf", archive!], folder);
  const installed = join(folder, "package");
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    bin: { warmroute: string };
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(manifest.dependencies)) {
    const link = join(installed, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(projectPath("node_modules", name), link);
  }
  const warmroute = join(installed, manifest.bin.warmroute);
  const args = ["simulate", "--requests", "20", "--seeds", "2", "--report", "report.html"];
  const out = succeed(process.execPath, [warmroute, ...args], folder);
  assert.match(out, /^warmroute +\d/m);
  const page = readFileSync(join(folder, "report.html"), "utf8");
  assert.match(page, /<code>warmroute simulate --requests 20 --seeds 2 --report report.html</);
  assert.match(page, /uPlot/);
});

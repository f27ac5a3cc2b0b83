// The lab's ports and processes: what is taken is named, what is started is ready and ends.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { freePorts, requireFree } from "../lab/ports.js";
import { start, until } from "../lab/processes.js";

const serve = (code: string): { command: string; args: string[] } => ({
  command: process.execPath,
  args: ["-e", code],
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("ports", () => {
  test("free ports differ and can be bound", async () => {
    const ports = await freePorts(8);
    assert.equal(new Set(ports).size, 8);
    for (const port of ports) await requireFree(port);
  });

  test("a taken port is named with the process that holds it", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    await assert.rejects(requireFree(port), {
      message: new RegExp(`^port ${port} is taken by .+ \\(pid ${process.pid}\\)$`),
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("install-envoy.sh", () => {
  for (const [version, said] of [
    ["1.38.9", "warning: Envoy 1.38.9 (FILE) is older than 1.39: warmroute is untried on it"],
    ["1.39.0", "Envoy 1.39.0 (FILE)"],
    ["2.0.1", "Envoy 2.0.1 (FILE)"],
  ] as const) {
    test(`prints the path, and tells of Envoy ${version}`, (t) => {
      const folder = mkdtempSync(join(tmpdir(), "warmroute-lab-"));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const file = join(folder, "envoy");
      const line = `${file}  version: 6eb0d2d9/${version}/Clean/RELEASE/BoringSSL`;
      writeFileSync(file, `#!/bin/sh\necho '${line}'\n`, { mode: 0o755 });
      const env = { ...process.env, ENVOY_BIN: file };
      const run = spawnSync("bash", ["scripts/install-envoy.sh"], { env, encoding: "utf8" });
      const { stdout, stderr } = run;
      assert.equal(stdout, `${file}\n`);
      assert.equal(stderr, `install-envoy: ${said.replace("FILE", file)}\n`);
    });
  }
});

describe("processes", () => {
  test("start waits for the line and gives its parts", async () => {
    const code = "setTimeout(() => console.log('port=42'), 50); setInterval(() => {}, 1000)";
    const child = await start({ name: "one", ...serve(code), readyLine: /port=(\d+)/ });
    assert.equal(child.ready?.[1], "42");
    await child.stop();
    assert.equal(child.isRunning, false);
    assert.equal(isAlive(child.pid), false);
  });

  test("one that ends at once is an error with its last words", async () => {
    const code = "console.error('no such thing'); process.exit(3)";
    await assert.rejects(start({ name: "two", ...serve(code), readyLine: /never/ }), {
      message: /^two ended with 3 at once:\nno such thing$/,
    });
  });

  test("one that cannot be started is an error with its name", async () => {
    await assert.rejects(start({ name: "three", command: "./no-such-file" }), {
      message: /^three: .*ENOENT/,
    });
  });

  test("a process that ignores SIGTERM ends too", async () => {
    const code = "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)";
    const child = await start({ name: "four", ...serve(code), readyLine: /up/ });
    await child.stop(50);
    assert.equal(isAlive(child.pid), false);
  });

  test("children end with the process that started them, even when it fails", async () => {
    const lab = new URL("../lab/processes.js", import.meta.url).href;
    const args = `["-e", "setInterval(() => {}, 1000)"]`;
    const child = `{ name: "c", command: process.execPath, args: ${args} }`;
    const code = `import(${JSON.stringify(lab)}).then(async ({ start }) => {
      console.log("pid=" + (await start(${child})).pid);
      setTimeout(() => { throw new Error("over"); }, 500);
    })`;
    const parent = await start({ name: "five", ...serve(code), readyLine: /pid=(\d+)/ });
    await parent.ended();
    const pid = Number(parent.ready?.[1]);
    assert.ok(pid > 0);
    await until("the child has ended", () => !isAlive(pid));
  });
});

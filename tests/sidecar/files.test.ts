// Watched files: content is read when it has settled, and each trouble is told once.
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Settling, watchFile } from "../../sidecar-metrics/src/files.js";
import { temporaryFolder, until } from "./support/support.js";

/** A look for each letter: the identity, or "-", gone. Gives the letters that were due. */
function dueLooks(looks: string): string {
  const settling = new Settling();
  return [...looks]
    .map((look) => {
      if (look === "-") settling.lose();
      else if (settling.isDue(look)) {
        settling.take(look);
        return look;
      }
      return ".";
    })
    .join("");
}

const LOOKS: [string, string, string][] = [
  ["what is there at the start is read at once, and once", "aaa", "a.."],
  ["a change is read at the second look", "aabb", "a..b"],
  ["a file that changes at each look waits until it rests", "abcdeff", "a.....f"],
  ["a file that comes late may still be growing", "-abb", "...b"],
  ["a file that goes and comes back the same is read again", "aa-aa", "a...a"],
];

for (const [name, looks, due] of LOOKS) {
  test(name, () => assert.equal(dueLooks(looks), due));
}

test("content that is read but not taken is due again", () => {
  const settling = new Settling();
  assert.deepEqual([settling.isDue("a"), settling.isDue("a")], [true, true]);
});

test("a file that is too large is told, and its trouble is told once", async (t) => {
  const path = join(await temporaryFolder(t), "file");
  await writeFile(path, "x".repeat(11));
  const told: string[] = [];
  const watch = watchFile(path, 10, {
    content: (bytes) => told.push(`content ${bytes.toString()}`),
    unreadable: (reason) => told.push(reason),
  });
  t.after(() => watch.stop());
  await until("the first word", () => told.length === 1);
  await rm(path);
  await until("the second", () => told.length === 2);
  await writeFile(path, "short");
  await until("the third", () => told.length === 3);
  assert.deepEqual(told, ["larger than 10 bytes", "there is no such file", "content short"]);
});

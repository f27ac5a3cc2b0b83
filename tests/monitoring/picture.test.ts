// What draws the picture in the documents: queries filled in as Grafana does, and PNGs made small.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync, inflateSync } from "node:zlib";
import {
  escaped,
  fillIn,
  readDashboard,
  variablesOf,
  withoutLastRow,
} from "../../scripts/dashboard/dashboard.js";
import { shrinkPng } from "../../scripts/dashboard/shrink-png.js";

test("variables are filled in, and one without a value is a mistake", () => {
  assert.equal(fillIn('a{b=~"$c"}[$__d]', { c: "x|y", __d: "5s" }), 'a{b=~"x|y"}[5s]');
  assert.equal(fillIn("${ds}", { ds: "1" }), "1");
  assert.throws(() => fillIn("$unknown", {}), /no value for \$unknown/);
  assert.deepEqual(variablesOf("$a ${b} ${c:regex}"), ["a", "b", "c"]);
});

test("a value in a regular expression in a text is escaped for both", () => {
  assert.equal(escaped("[fd00::7]:8000"), String.raw`\\[fd00::7\\]:8000`);
});

test("the row on sharing can be left out of the picture, which has one gateway", () => {
  const whole = readDashboard();
  const { panels } = withoutLastRow(whole, "Sharing");
  assert.deepEqual(panels, whole.panels.slice(0, panels.length));
  const left = whole.panels.slice(panels.length);
  assert.deepEqual([left[0]?.type, left[0]?.title, left.length > 1], ["row", "Sharing", true]);
  assert.throws(() => withoutLastRow(whole, "Decisions"), /"Decisions" is not the last row/);
  assert.throws(() => withoutLastRow(whole, "No such row"), /is not the last row/);
});

/** Lines of pixels, each with one of PNG's filters, by the rules of the specification. */
function png(width: number, lines: [number, number[]][]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(lines.length, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const data = deflateSync(Buffer.from(lines.flatMap(([filter, bytes]) => [filter, ...bytes])));
  const chunk = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(body.length, 0);
    head.write(type, 4, "latin1");
    return Buffer.concat([head, body, Buffer.alloc(4)]);
  };
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data)]);
}

/** The colours of a picture with a palette, as hexadecimal numbers. */
function coloursOf(indexed: Buffer, width: number): string[][] {
  const body = (type: string): Buffer => {
    const at = indexed.indexOf(type, 0, "latin1");
    return indexed.subarray(at + 4, at + 4 + indexed.readUInt32BE(at - 4));
  };
  const palette = body("PLTE");
  const data = inflateSync(body("IDAT"));
  return Array.from({ length: data.length / (width + 1) }, (_, y) =>
    Array.from({ length: width }, (_, x) => {
      const index = data[y * (width + 1) + 1 + x] as number;
      return palette.toString("hex", index * 3, index * 3 + 3);
    }),
  );
}

test("a picture of few colours keeps each of them, whatever filters its lines have", () => {
  // Twice the same two pixels, 0x102030 and 0x112233, written in each of the five ways.
  const picture = png(2, [
    [0, [0x10, 0x20, 0x30, 0x11, 0x22, 0x33]],
    [1, [0x10, 0x20, 0x30, 1, 2, 3]],
    [2, [0, 0, 0, 0, 0, 0]],
    // Half of the sum of left and above is taken off: 0x10 - 0x08, then 0x11 - (0x10 + 0x11) / 2.
    [3, [0x08, 0x10, 0x18, 1, 1, 2]],
    [4, [0, 0, 0, 0, 0, 0]],
  ]);
  const line = ["102030", "112233"];
  assert.deepEqual(coloursOf(shrinkPng(picture), 2), [line, line, line, line, line]);
});

test("with too many colours the rarest become ones that are near", () => {
  const greys = Array.from({ length: 256 }, (_, grey) => [grey, grey, grey]);
  const row = [...greys.flat(), ...greys.flat().map((grey, index) => (index % 3 === 0 ? grey : 7))];
  const shrunk = coloursOf(shrinkPng(png(512, [[0, row]])), 512)[0] as string[];
  assert.equal(new Set(shrunk).size <= 256, true);
  shrunk.forEach((colour, index) => {
    for (const part of [0, 1, 2]) {
      const is = parseInt(colour.slice(part * 2, part * 2 + 2), 16);
      const was = row[index * 3 + part] as number;
      assert.ok(Math.abs(is - was) <= 24, `pixel ${index}: ${colour}`);
    }
  });
});

test("a PNG of another form is refused", () => {
  const picture = png(1, [[0, [1, 2, 3]]]);
  picture[25] = 6;
  assert.throws(() => shrinkPng(picture), /only RGB is read/);
});

// Makes a screenshot small: the same picture with 256 colours, one byte a pixel.
import { deflateSync, inflateSync } from "node:zlib";
import { crc32 } from "../crc32.js";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOURS_MAX = 256;
/** The commonest colours stay as they are; the rest of the palette stands for what is left. */
const COLOURS_KEPT = 160;
const RGB_BYTES = 3;
/** Rare colours are counted together when they agree in the upper five bits of each part. */
const ROUGH_MASK = 0xf8f8f8;

/** Takes what a browser writes: 8 bits for each of red, green and blue, not interlaced. */
export function shrinkPng(png: Buffer): Buffer {
  const { width, height, pixels } = decode(png);
  const counts = new Map<number, number>();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const palette = choosePalette(counts);
  const indexes = new Map([...counts.keys()].map((colour) => [colour, nearest(palette, colour)]));
  const lines = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      lines[y * (width + 1) + 1 + x] = indexes.get(pixels[y * width + x] as number) as number;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a pixel, which are the number of a colour in the palette.
  header.set([8, 3, 0, 0, 0], 8);
  const colours = Buffer.concat(palette.map((colour) => Buffer.from(partsOf(colour))));
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("PLTE", colours),
    chunk("IDAT", deflateSync(lines, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function decode(png: Buffer): { width: number; height: number; pixels: Uint32Array } {
  const parts: Buffer[] = [];
  for (let at = SIGNATURE.length; at < png.length;) {
    const bytes = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") {
      parts.push(png.subarray(at + 8, at + 8 + bytes));
    }
    at += 12 + bytes;
  }
  const form = png.subarray(24, 29).toString("hex");
  if (form !== "0802000000") throw new Error(`a PNG of the form ${form}, only RGB is read`);
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const data = inflateSync(Buffer.concat(parts));
  const lineBytes = width * RGB_BYTES;
  let before = Buffer.alloc(lineBytes);
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    const at = y * (lineBytes + 1);
    const line = Buffer.from(data.subarray(at + 1, at + 1 + lineBytes));
    unfilter(data[at] as number, line, before);
    for (let x = 0; x < width; x++) pixels[y * width + x] = line.readUIntBE(x * RGB_BYTES, 3);
    before = line;
  }
  return { width, height, pixels };
}

/** The PNG specification, section 9: each byte is written as its difference from others. */
function unfilter(filter: number, line: Buffer, above: Buffer): void {
  for (let x = 0; x < line.length; x++) {
    const left = x < RGB_BYTES ? 0 : (line[x - RGB_BYTES] as number);
    const up = above[x] as number;
    const corner = x < RGB_BYTES ? 0 : (above[x - RGB_BYTES] as number);
    const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
    if (predicted === undefined) throw new Error(`there is no PNG filter ${filter}`);
    line[x] = ((line[x] as number) + predicted) & 0xff;
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [toLeft, toUp, toCorner] = [left, up, corner].map((one) => Math.abs(guess - one));
  if (toLeft! <= toUp! && toLeft! <= toCorner!) return left;
  return toUp! <= toCorner! ? up : corner;
}

function choosePalette(counts: Map<number, number>): number[] {
  const common = [...counts].sort((a, b) => b[1] - a[1]);
  const palette = common.slice(0, COLOURS_KEPT).map(([colour]) => colour);
  const rough = new Map<number, { colour: number; count: number }>();
  for (const [colour, count] of common.slice(COLOURS_KEPT)) {
    const group = rough.get(colour & ROUGH_MASK) ?? { colour, count: 0 };
    group.count += count;
    rough.set(colour & ROUGH_MASK, group);
  }
  const groups = [...rough.values()].sort((a, b) => b.count - a.count);
  palette.push(...groups.slice(0, COLOURS_MAX - palette.length).map(({ colour }) => colour));
  return palette;
}

function nearest(palette: number[], colour: number): number {
  const [red, green, blue] = partsOf(colour);
  let [best, bestDistance] = [0, Infinity];
  palette.forEach((candidate, index) => {
    const [r, g, b] = partsOf(candidate);
    const distance = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    if (distance < bestDistance) [best, bestDistance] = [index, distance];
  });
  return best;
}

function partsOf(colour: number): [number, number, number] {
  return [colour >> 16, (colour >> 8) & 0xff, colour & 0xff];
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

// The layer of the image: a tar of one file in a gzip, the same bytes for the same content.
import { crc32 } from "../crc32.js";

const TAR_BLOCK_BYTES = 512;
const STORED_BLOCK_BYTES_MAX = 65_535;

/** A ustar archive of one file that belongs to root and is as old as the epoch. */
export function tarOf(name: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");
  header.write(name, 0);
  header.write(`${octal(0o644, 7)}\0`, 100);
  header.write(`${octal(0, 7)}\0${octal(0, 7)}\0`, 108); // owner, group
  header.write(`${octal(content.length, 11)}\0${octal(0, 11)}\0`, 124); // size, time
  header.write(" ".repeat(8), 148); // The checksum counts itself as spaces.
  header.write("0", 156); // a regular file
  header.write("ustar\x0000", 257);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${octal(checksum, 6)}\0 `, 148);
  const padding = (TAR_BLOCK_BYTES - (content.length % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
  return Buffer.concat([header, content, Buffer.alloc(padding + 2 * TAR_BLOCK_BYTES)]);
}

/**
 * A gzip of stored blocks. Envoy Gateway takes only a gzipped layer, but what a compressor writes
 * changes from one version of zlib to the next, and the digest with it.
 */
export function gzipStored(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])];
  for (let start = 0; start < bytes.length; start += STORED_BLOCK_BYTES_MAX) {
    const block = bytes.subarray(start, start + STORED_BLOCK_BYTES_MAX);
    const head = Buffer.alloc(5);
    head.writeUInt8(start + block.length === bytes.length ? 1 : 0, 0);
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(~block.length & 0xffff, 3);
    parts.push(head, block);
  }
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(bytes), 0);
  tail.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([...parts, tail]);
}

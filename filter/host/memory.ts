// The memory that the host asks for: one scratch page, overwritten by every host result, so that
// reading a body or a header allocates nothing. A result is used before the next host call.
import { BODY_READ_BYTES, SCRATCH_BYTES_MAX } from "../constants";

let scratch: usize = heap.alloc(BODY_READ_BYTES);
let scratchBytes: u32 = BODY_READ_BYTES;

/** Memory for one host result of `bytes`; 0 (the host then reports an error) beyond the bound. */
export function scratchFor(bytes: u32): usize {
  if (bytes <= scratchBytes) return scratch;
  if (bytes > SCRATCH_BYTES_MAX) return 0;
  // Doubling, so that a slowly growing table does not take a new block each time.
  let grown = scratchBytes;
  while (grown < bytes) grown <<= 1;
  heap.free(scratch);
  scratch = heap.alloc(grown);
  scratchBytes = grown;
  return scratch;
}

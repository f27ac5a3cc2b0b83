// Puts another model's name into a held body. Envoy changes a body only at its ends: it takes bytes
// off the front, and puts bytes before the first or behind the last. So a name near the front goes
// with all that precedes it; for a later one the body is turned round once, a page at a time. That
// takes no memory but the scratch page, however long the body is (docs/decisions/0008-models.md).
import { BODY_READ_BYTES } from "../constants";
import { BufferKind, getBuffer, resultAt, resultSize, setBuffer } from "../host/calls";
import { MODEL_NAME_BYTES_MAX } from "../request/prompt-draft";

const QUOTE: u8 = 0x22;
/** Beyond the end of any body: there Envoy appends. */
const BEHIND: u32 = u32.MAX_VALUE;
/** The name with its quotes. */
const quoted: usize = heap.alloc(MODEL_NAME_BYTES_MAX + 2);

/**
 * Replaces the bytes from `start` to `end` of the held body of `size` bytes by the name in quotes;
 * the name must need no escapes. False when the host refused a step: the body is spoilt then.
 */
export function rewriteName(size: u32, start: u32, end: u32, name: usize, nameSize: u32): bool {
  const bytes = quote(name, nameSize);
  if (start + bytes <= BODY_READ_BYTES) return rewriteFront(start, end, bytes);
  let done: u32 = 0;
  while (done < size) {
    const page = min(size - done, BODY_READ_BYTES);
    if (!getBuffer(BufferKind.RequestBody, 0, page) || resultSize != page) return false;
    // First off the front, or the body would grow above Envoy's limit for it.
    if (!setBuffer(BufferKind.RequestBody, 0, page, 0, 0)) return false;
    if (!appendPage(resultAt, done, page, start, end, bytes)) return false;
    done += page;
  }
  return true;
}

/** The scratch page has room behind the bytes before the name. */
function rewriteFront(start: u32, end: u32, bytes: u32): bool {
  if (!getBuffer(BufferKind.RequestBody, 0, start) || resultSize != start) return false;
  memory.copy(resultAt + start, quoted, bytes);
  return setBuffer(BufferKind.RequestBody, 0, end, resultAt, start + bytes);
}

/** Appends what was the body's `page` bytes from `from` on, with the name where it begins. */
function appendPage(at: usize, from: u32, page: u32, start: u32, end: u32, bytes: u32): bool {
  const before = start > from ? min(start - from, page) : 0;
  if (!append(at, before)) return false;
  if (start >= from && start < from + page && !append(quoted, bytes)) return false;
  const after = end > from ? min(end - from, page) : 0;
  const rest = max(before, after);
  return append(at + rest, page - rest);
}

function append(at: usize, bytes: u32): bool {
  return bytes == 0 || setBuffer(BufferKind.RequestBody, BEHIND, 0, at, bytes);
}

/** Lays the name in quotes; how many bytes that are. */
function quote(name: usize, nameSize: u32): u32 {
  const size = min(nameSize, MODEL_NAME_BYTES_MAX);
  store<u8>(quoted, QUOTE);
  memory.copy(quoted + 1, name, size);
  store<u8>(quoted + 1 + size, QUOTE);
  return size + 2;
}

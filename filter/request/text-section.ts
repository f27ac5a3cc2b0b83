// Hashes the text of one section of a prompt (a message, a system prompt) and notes its grid.
import { CheckpointList, GRID_BYTES, gridStep } from "../prefix/checkpoints";
import { SipState } from "../prefix/siphash";

/** Before each part of a content but the first. No UTF-8 text holds the byte. */
const PART_SEPARATOR: u32 = 0xff;
/** Before the hash of a part that is not text. */
const PART_HASH: u32 = 0xfe;

/**
 * A section's hash in progress. Checkpoints hold the hash of this section alone up to there; what
 * precedes the section is mixed in when it is known.
 */
@unmanaged
export class TextSection extends SipState {
  /** Bytes of the section that count as prompt. */
  position: u32;
  /** Where the section starts in its list. */
  private startBytes: u32;
  private nextGrid: u32;
  private list: CheckpointList;

  /** Starts a section `startBytes` behind the start of what `list` covers. */
  begin(k0: u64, k1: u64, list: CheckpointList, startBytes: u32): void {
    this.reset(k0, k1);
    this.position = 0;
    this.startBytes = startBytes;
    this.nextGrid = GRID_BYTES;
    this.list = list;
  }

  /** Takes a piece of text. */
  text(p: usize, n: u32): void {
    while (n != 0) {
      const taken = min(n, this.nextGrid - this.position);
      this.update(p, taken);
      this.advance(taken);
      p += taken;
      n -= taken;
    }
  }

  /** Takes one token id; it counts as the four bytes a token has on average. */
  token(id: u32): void {
    this.updateU32(id);
    this.advance(4);
  }

  /** Marks that a further part begins. */
  separate(): void {
    this.updateU8(PART_SEPARATOR);
  }

  /** Takes a part that is not text by its hash; it counts as `bytes`. */
  part(hash: u64, bytes: u32): void {
    this.updateU8(PART_HASH);
    this.updateU64(hash);
    this.advance(bytes);
  }

  private advance(bytes: u32): void {
    const position = this.position + bytes;
    this.position = position;
    if (position < this.nextGrid) return;
    // A loop for parts only: they may leap over many grid positions, and get one checkpoint.
    while (this.nextGrid <= position && this.nextGrid != u32.MAX_VALUE) {
      this.nextGrid = gridStep(this.nextGrid);
    }
    const end = this.startBytes + position;
    if (this.list.isFar(end)) this.list.push(this.digest(), end);
  }
}

// Which hash of the filter stands for which checkpoint: one for one, for a whole run.
import assert from "node:assert/strict";

export class Names {
  private readonly byHash = new Map<number, string>();
  private readonly byName = new Map<string, number>();

  /** Notes the pair, which must fit all that came before. `place`: a pod, or where it was read. */
  bind(hash: number, name: string, place: number | string): void {
    const known = this.byHash.get(hash);
    if (known === name) return;
    assert.equal(known, undefined, `${place}: one hash stands for ${known} and ${name}`);
    assert.equal(this.byName.get(name), undefined, `${place}: ${name} has two hashes`);
    this.byHash.set(hash, name);
    this.byName.set(name, hash);
  }
}

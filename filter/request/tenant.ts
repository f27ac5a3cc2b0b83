// Whose request it is, by a header that something in front of the filter sets.
import { Bytes } from "../host/bytes";
import { HeaderMap } from "../host/calls";
import { PairWalk } from "../host/header-query";
import { mix, SipState } from "../prefix/siphash";

/** Start value of the hash for headers that cannot be read. */
const UNREADABLE: u64 = 0x41;

const walk = new PairWalk();
const state = changetype<SipState>(heap.alloc(offsetof<SipState>()));
let unreadable: u64 = 0;

/**
 * The hash of all values of the request's header `name`, under the key (k0, k1); 0 where it is
 * absent. All of them count, in their order: where a proxy adds its header to one that the client
 * sent, the client's value does not make it another tenant.
 */
export function tenantHash(name: Bytes, k0: u64, k1: u64): u64 {
  // A tenant that is not known shares with nobody.
  if (!walk.start(HeaderMap.Request)) return max<u64>(mix(k0, k1, UNREADABLE, unreadable++), 1);
  let isThere = false;
  state.reset(k0, k1);
  while (walk.step()) {
    if (!walk.isNamed(name)) continue;
    isThere = true;
    state.updateU32(walk.valueSize);
    state.update(walk.value, walk.valueSize);
  }
  return isThere ? max<u64>(state.digest(), 1) : 0;
}

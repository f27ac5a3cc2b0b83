// The host functions that specs call: shared data as Envoy has it, headers, clock, fixtures.
import { readFileSync } from "node:fs";

const OK = 0;
const NOT_FOUND = 1;
const INVALID_MEMORY = 6;
const CAS_MISMATCH = 8;
/** Room for host results, taken behind the module's own memory: 64 KiB pages. */
const RESULT_PAGES = 64;
const RESULT_BYTES_MAX = RESULT_PAGES * 65536;
const LOG_LINES_MAX = 100;

/** One host for one module; `attach` gives it the memory once the module is there. */
export class FakeHost {
  constructor() {
    this.memory = null;
    this.resultAt = 0;
    this.shared = new Map();
    this.casCount = 0;
    /** Name and value each: a name may come twice. */
    this.headers = [];
    this.nowNs = 0n;
    this.logs = [];
  }

  attach(memory) {
    this.memory = memory;
  }

  bytes(at, size) {
    return Buffer.from(this.memory.buffer, at, size);
  }

  /** A copy: what the module writes later must not change it. */
  text(at, size) {
    return this.bytes(at, size).toString("latin1");
  }

  /** Puts a host result where the module reads it. As in Envoy, an empty one has no address. */
  answer(value, atCell, sizeCell) {
    if (this.resultAt === 0) this.resultAt = this.memory.grow(RESULT_PAGES) * 65536;
    this.bytes(this.resultAt, value.length).set(value);
    const view = new DataView(this.memory.buffer);
    view.setUint32(atCell, value.length > 0 ? this.resultAt : 0, true);
    view.setUint32(sizeCell, value.length, true);
    return OK;
  }

  getShared(keyAt, keySize, atCell, sizeCell, casCell) {
    const entry = this.shared.get(this.text(keyAt, keySize));
    if (entry === undefined) return NOT_FOUND;
    this.answer(entry.value, atCell, sizeCell);
    new DataView(this.memory.buffer).setUint32(casCell, entry.cas, true);
    return OK;
  }

  /** A compare-and-set number counts only for a key that is there: so does Envoy. */
  setShared(keyAt, keySize, at, size, cas) {
    const key = this.text(keyAt, keySize);
    const entry = this.shared.get(key);
    if (entry !== undefined && cas !== 0 && cas !== entry.cas) return CAS_MISMATCH;
    this.casCount += 1;
    this.shared.set(key, { value: Buffer.from(this.bytes(at, size)), cas: this.casCount });
    return OK;
  }

  /** All headers as the ABI lays them out: count, sizes, then each name and value with a 0. */
  getHeaderPairs(_map, atCell, sizeCell) {
    const words = [this.headers.length];
    const texts = [];
    for (const [name, value] of this.headers) {
      words.push(name.length, value.length);
      texts.push(Buffer.from(name), Buffer.of(0), value, Buffer.of(0));
    }
    const sizes = Buffer.alloc(4 * words.length);
    words.forEach((word, i) => sizes.writeUInt32LE(word, 4 * i));
    const pairs = Buffer.concat([sizes, ...texts]);
    // The filter gives no memory for more.
    if (pairs.length > RESULT_BYTES_MAX) return INVALID_MEMORY;
    return this.answer(pairs, atCell, sizeCell);
  }

  getTime(_clock, _precision, cell) {
    new DataView(this.memory.buffer).setBigUint64(cell, this.nowNs, true);
    return OK;
  }

  /** What the filter imports, by the names of the ABI. */
  abi() {
    const unused = () => OK;
    return {
      proxy_get_shared_data: this.getShared.bind(this),
      proxy_set_shared_data: this.setShared.bind(this),
      proxy_get_header_map_pairs: this.getHeaderPairs.bind(this),
      proxy_log: (_level, at, size) => {
        if (this.logs.length < LOG_LINES_MAX) this.logs.push(this.text(at, size));
        return OK;
      },
      proxy_set_tick_period_milliseconds: unused,
      proxy_get_property: () => NOT_FOUND,
      proxy_continue_stream: unused,
      proxy_replace_header_map_value: unused,
      proxy_remove_header_map_value: unused,
      proxy_get_buffer_bytes: () => NOT_FOUND,
      proxy_set_buffer_bytes: () => NOT_FOUND,
      proxy_send_local_response: unused,
      proxy_http_call: () => NOT_FOUND,
      proxy_define_metric: unused,
      proxy_increment_metric: unused,
      proxy_record_metric: unused,
      proxy_set_effective_context: unused,
    };
  }

  /** What specs steer the host with; declared in tests/unit/fake-host.ts. */
  controls() {
    return {
      clear: () => {
        this.shared.clear();
        this.headers.length = 0;
        this.logs.length = 0;
      },
      set_header: (nameAt, nameSize, at, size) => {
        this.headers.push([this.text(nameAt, nameSize), Buffer.from(this.bytes(at, size))]);
      },
      set_time: (nowNs) => {
        this.nowNs = nowNs;
      },
      shared_count: () => this.shared.size,
      drop_shared: (keyAt, keySize) => (this.shared.delete(this.text(keyAt, keySize)) ? 1 : 0),
      /** The bytes of a file of tests/fixtures: their size, and their address in the cell. */
      read_fixture: (nameAt, nameSize, atCell, sizeCell) => {
        const name = this.text(nameAt, nameSize);
        this.answer(
          readFileSync(new URL(`../fixtures/${name}`, import.meta.url)),
          atCell,
          sizeCell,
        );
      },
    };
  }

  imports() {
    return {
      env: this.abi(),
      fake_host: this.controls(),
      wasi_snapshot_preview1: { random_get: () => OK, clock_time_get: this.getTime.bind(this) },
    };
  }
}

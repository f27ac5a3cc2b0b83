// WASI as Envoy provides it: output goes to the log, clocks and randomness work, files do not.
import { LogLevel, RANDOM_BYTES_MAX } from "./abi.js";
import { importIndex } from "./import-names.js";
import type { ImportFunction, Imports } from "./imports.js";
import type { WasmHost } from "./wasm-host.js";

const SUCCESS = 0;
const BADF = 8;
const FAULT = 21;
const INVAL = 28;
const NOENT = 44;
const NOSYS = 52;
const NOTSUP = 58;

const STDOUT = 1;
const STDERR = 2;

/** What functions without an effect here return. */
const CONSTANT: Record<string, number> = {
  fd_read: NOSYS,
  fd_seek: SUCCESS,
  fd_close: SUCCESS,
  fd_fdstat_set_flags: NOSYS,
  fd_advise: SUCCESS,
  fd_filestat_get: BADF,
  fd_pread: NOSYS,
  fd_prestat_get: BADF,
  fd_prestat_dir_name: NOSYS,
  environ_get: SUCCESS,
  args_get: SUCCESS,
  path_create_directory: NOTSUP,
  path_filestat_get: NOTSUP,
  path_filestat_set_times: NOTSUP,
  path_link: NOTSUP,
  path_open: NOENT,
  path_remove_directory: NOTSUP,
  path_rename: NOTSUP,
  path_symlink: NOTSUP,
  path_unlink_file: NOTSUP,
  sock_shutdown: NOTSUP,
  sched_yield: SUCCESS,
};

/** Functions that do nothing but succeed for standard output and error. */
const ONLY_STANDARD = [
  "fd_allocate",
  "fd_datasync",
  "fd_fdstat_set_rights",
  "fd_filestat_set_size",
  "fd_filestat_set_times",
  "fd_sync",
];

/** Functions that store a zero at one of their arguments, then return a number. */
const STORE_ZERO: Record<string, readonly [argument: number, result: number]> = {
  fd_readdir: [4, 20],
  path_readlink: [5, NOTSUP],
  sock_accept: [2, NOTSUP],
  sock_recv: [4, NOTSUP],
  sock_send: [4, NOTSUP],
  poll_oneoff: [3, SUCCESS],
};

export function wasiImports(host: WasmHost): Imports {
  const imports: Record<string, ImportFunction> = {};
  const define = (name: string, run: (...args: number[]) => number): void => {
    const index = importIndex(name);
    imports[name] = (...args: number[]) => {
      host.enter(index);
      return run(...args);
    };
  };
  const isStandard = (fd: number): boolean => fd === STDOUT || fd === STDERR;
  const stored = (isStored: boolean): number => (isStored ? SUCCESS : FAULT);
  for (const [name, result] of Object.entries(CONSTANT)) define(name, () => result);
  for (const name of ONLY_STANDARD) define(name, (fd) => (isStandard(fd) ? SUCCESS : BADF));
  for (const [name, [argument, result]] of Object.entries(STORE_ZERO)) {
    define(name, (...args) => (host.memory.setU32(args[argument]!, 0) ? result : FAULT));
  }
  const sizes = (countAt = 0, bytesAt = 0): number =>
    stored(host.memory.setU32(countAt, 0) && host.memory.setU32(bytesAt, 0));
  define("environ_sizes_get", sizes);
  define("args_sizes_get", sizes);
  define("fd_write", (fd, list, count, writtenAt) => write(host, fd, list, count, writtenAt));
  define("fd_pwrite", (fd, list, count, _, writtenAt) => write(host, fd, list, count, writtenAt));
  define("fd_renumber", (fd, to) => (isStandard(fd) && isStandard(to) ? NOTSUP : BADF));
  define("fd_tell", (fd, at) => (isStandard(fd) ? stored(host.memory.setU64(at, 0n)) : BADF));
  define("fd_fdstat_get", (fd, at) => {
    if (!isStandard(fd)) return BADF;
    const rights = [0n, 64n, 0n]; // fd_write only.
    rights.forEach((value, index) => host.memory.setU64(at + index * 8, value));
    return SUCCESS;
  });
  define("clock_time_get", (clock, _, at) =>
    clock > 1 ? NOTSUP : stored(host.memory.setU64(at, host.options.clock.nowNs())),
  );
  define("clock_res_get", (clock, at) => (clock > 1 ? NOTSUP : stored(host.memory.setU64(at, 1n))));
  define("random_get", (pointer, size) => randomGet(host, pointer >>> 0, size >>> 0));
  define("proc_exit", () => SUCCESS); // Envoy only notes it.
  return imports;
}

/** One log line for each call, without its line feed. */
function write(host: WasmHost, fd: number, list: number, count: number, writtenAt: number): number {
  if (fd !== STDOUT && fd !== STDERR) return BADF;
  const { memory } = host;
  let text = "";
  let written = 0;
  for (let i = 0; i < count; i++) {
    if (!memory.holds(list + i * 8, 8)) return FAULT;
    const size = memory.u32(list + i * 8 + 4);
    const part = memory.utf8(memory.u32(list + i * 8), size);
    if (part === null) return FAULT;
    text += part;
    written += size;
  }
  if (written > 0)
    host.log(fd === STDOUT ? LogLevel.Info : LogLevel.Error, text.replace(/\n$/, ""));
  return memory.setU32(writtenAt, written) ? SUCCESS : FAULT;
}

function randomGet(host: WasmHost, pointer: number, size: number): number {
  if (size > RANDOM_BYTES_MAX) return INVAL;
  if (!host.memory.holds(pointer, size)) return FAULT;
  const { random } = host.options;
  for (let i = 0; i < size; i++) {
    host.memory.bytes[pointer + i] = random === undefined ? 0 : Math.floor(random() * 256);
  }
  return SUCCESS;
}

// The families that Python's client adds to every page: garbage collection, platform, process.
import { counter, gauge, type Labels } from "./exposition.js";

const NONE: Labels = {};

/** Only the start time is a fact, and what a restart is told by; the rest has a plausible size. */
export function processFamilies(startSeconds: number, nowSeconds: number): string {
  const perGeneration = (...values: number[]) =>
    values.map((value, generation) => [{ generation: String(generation) }, value] as const);
  const python = { implementation: "CPython", major: "3", minor: "12", patchlevel: "11" };
  const collected = "Objects collected during gc";
  const uncollectable = "Uncollectable objects found during GC";
  const collections = "Number of times this generation was collected";
  const virtual = "Virtual memory size in bytes.";
  const resident = "Resident memory size in bytes.";
  const start = "Start time of the process since unix epoch in seconds.";
  const cpu = "Total user and system CPU time spent in seconds.";
  const cpuSeconds = Math.round((nowSeconds - startSeconds) * 110) / 100;
  return (
    counter("python_gc_objects_collected", collected, perGeneration(12934, 2116, 3102), null) +
    counter("python_gc_objects_uncollectable", uncollectable, perGeneration(0, 0, 0), null) +
    counter("python_gc_collections", collections, perGeneration(1468, 133, 11), null) +
    gauge("python_info", "Python platform information", [[{ ...python, version: "3.12.11" }, 1]]) +
    gauge("process_virtual_memory_bytes", virtual, [[NONE, 12_345_143_296]]) +
    gauge("process_resident_memory_bytes", resident, [[NONE, 1_066_496_000]]) +
    gauge("process_start_time_seconds", start, [[NONE, startSeconds]]) +
    counter("process_cpu_seconds", cpu, [[NONE, cpuSeconds]], null) +
    gauge("process_open_fds", "Number of open file descriptors.", [[NONE, 66]]) +
    gauge("process_max_fds", "Maximum number of open file descriptors.", [[NONE, 1_048_576]])
  );
}

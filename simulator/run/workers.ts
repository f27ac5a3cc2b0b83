// Runs tasks on several cores; results come in the order of the tasks, so jobs change no output.
import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { SimulateOptions } from "../options/index.js";
import { STDIN_NAME } from "../traces/lines.js";
import type { RunResult } from "./run-options.js";
import { runTask, type Task } from "./task.js";

/** How far one of so many tasks is, 0 to 1. */
export type OnProgress = (task: Task, share: number, tasks: number) => void;

/** To a worker: a task. */
export interface Order {
  index: number;
  task: Task;
}

/** From a worker. */
export type Report =
  { index: number; share: number } | { index: number; result: RunResult } | { error: string };

export async function* runTasks(
  options: SimulateOptions,
  tasks: readonly Task[],
  onProgress: OnProgress,
): AsyncGenerator<RunResult> {
  const jobs = isReadByAll(options) ? Math.min(options.jobs, tasks.length) : 1;
  if (jobs > 1) {
    yield* runOnWorkers(options, tasks, jobs, onProgress);
    return;
  }
  for (const task of tasks) {
    const result = runTask(options, task, (share) => {
      if (share < 1) onProgress(task, share, tasks.length);
    });
    onProgress(task, 1, tasks.length);
    yield result;
  }
}

/** Each thread reads the trace, which a pipe gives only once. */
function isReadByAll({ trace }: SimulateOptions): boolean {
  return trace === undefined || (trace !== STDIN_NAME && statSync(trace).isFile());
}

async function* runOnWorkers(
  options: SimulateOptions,
  tasks: readonly Task[],
  jobs: number,
  onProgress: OnProgress,
): AsyncGenerator<RunResult> {
  const results = tasks.map(newPromised);
  // A task that fails while an earlier one is awaited is told when its turn comes.
  for (const { promise } of results) promise.catch(() => {});
  let started = 0;
  const startNext = (worker: Worker): void => {
    const index = started++;
    if (index < tasks.length) worker.postMessage({ index, task: tasks[index]! } satisfies Order);
  };
  const failAll = (error: Error): void => results.forEach(({ reject }) => reject(error));
  const workers = Array.from({ length: jobs }, () => {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: options });
    worker.on("error", failAll);
    worker.on("message", (report: Report) => {
      if ("error" in report) return failAll(new Error(report.error));
      const isDone = "result" in report;
      onProgress(tasks[report.index]!, isDone ? 1 : report.share, tasks.length);
      if (!isDone) return;
      results[report.index]!.resolve(report.result);
      startNext(worker);
    });
    startNext(worker);
    return worker;
  });
  try {
    for (const { promise } of results) yield await promise;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

interface Promised {
  promise: Promise<RunResult>;
  resolve: (result: RunResult) => void;
  reject: (error: Error) => void;
}

function newPromised(): Promised {
  let resolve: Promised["resolve"] = () => {};
  let reject: Promised["reject"] = () => {};
  const promise = new Promise<RunResult>((onResult, onError) => {
    resolve = onResult;
    reject = onError;
  });
  return { promise, resolve, reject };
}

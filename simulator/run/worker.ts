// A thread of the simulator: runs the tasks it is sent, one after the other.
import { parentPort, workerData } from "node:worker_threads";
import type { SimulateOptions } from "../options/index.js";
import { runTask } from "./task.js";
import type { Order, Report } from "./workers.js";

/** Reports of progress: one for each step of 1 %. */
const STEPS = 100;

const options = workerData as SimulateOptions;
const port = parentPort!;
const send = (report: Report): void => port.postMessage(report);

port.on("message", ({ index, task }: Order) => {
  try {
    let told = 0;
    const result = runTask(options, task, (share) => {
      if (share * STEPS < told + 1 || share >= 1) return;
      told = Math.floor(share * STEPS);
      send({ index, share });
    });
    send({ index, result });
  } catch (error) {
    send({ error: error instanceof Error ? error.message : String(error) });
  }
});

// The cluster that all themes of this suite share; it starts before the first of them.
import { before } from "node:test";
import { World } from "../support/world.js";

let world: World | undefined;

before(async () => {
  world = await World.start();
});

export function get(): World {
  if (world === undefined) throw new Error("the cluster did not start");
  return world;
}

/** Ends everything. The last theme calls it: a hook of the file would run after the first one. */
export async function stopWorld(): Promise<void> {
  await world?.stop();
}

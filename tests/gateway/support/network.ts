// Network namespaces of pods: each with an address, joined to the suite's namespace by a veth pair.
import { execFile } from "node:child_process";
import { readlinkSync } from "node:fs";
import { promisify } from "node:util";
import { start, until, type Child } from "../../../lab/processes.js";
import { CONTROL_ADDRESS, MODEL_ADDRESSES, NETWORK } from "./addresses.js";

const run = promisify(execFile);

/** Gives the suite's namespace its address and those of the model pods; twice changes nothing. */
export async function openNetwork(): Promise<void> {
  // Addresses of the loopback device: every pod's namespace asks for them on its own link.
  const lines = [CONTROL_ADDRESS, ...MODEL_ADDRESSES].map((one) => `addr replace ${one}/32 dev lo`);
  await run("sh", ["-c", `printf '%s\\n' "$@" | ip -batch -`, "sh", ...lines]);
}

export interface PodNetwork {
  address: string;
  /** What runs a command inside. */
  enter: string[];
  close(): Promise<void>;
}

/** A namespace that holds `address`, and reaches the suite's addresses only. */
export async function openPodNetwork(address: string): Promise<PodNetwork> {
  const holder = await start({
    name: `namespace of ${address}`,
    command: "unshare",
    args: ["-n", "sleep", "infinity"],
  });
  await until(`namespace of ${address}`, () => namespaceOf(holder.pid) !== namespaceOf("self"));
  const inside = ["nsenter", "-t", String(holder.pid), "-n"];
  const link = `pod${address.split(".").pop()}`;
  const outside = ["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns"];
  await command([...outside, String(holder.pid)]);
  await command(["ip", "link", "set", link, "up"]);
  await command(["ip", "route", "add", `${address}/32`, "dev", link, "src", CONTROL_ADDRESS]);
  await command([...inside, "ip", "link", "set", "lo", "up"]);
  await command([...inside, "ip", "addr", "add", `${address}/32`, "dev", "eth0"]);
  await command([...inside, "ip", "link", "set", "eth0", "up"]);
  await command([...inside, "ip", "route", "add", NETWORK, "dev", "eth0", "src", address]);
  return { address, enter: inside, close: () => closePodNetwork(holder, link) };
}

async function closePodNetwork(holder: Child, link: string): Promise<void> {
  // The pair would go with the namespace, but some time later; the address may be used again now.
  await command(["ip", "link", "del", link]);
  await holder.stop();
}

async function command([name = "", ...args]: string[]): Promise<void> {
  await run(name, args);
}

function namespaceOf(pid: number | "self"): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

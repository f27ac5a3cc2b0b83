// Starts a real kube-apiserver (etcd inside) from tests/gateway/cluster, with a kubeconfig for it.
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "undici";
import { freePorts, LOOPBACK } from "../../../lab/ports.js";
import { start, until, type Child } from "../../../lab/processes.js";
import { tool } from "./tools.js";

/** 3 s on an idle machine; a busy one takes several times that. */
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 3_000;
/** Of the group system:masters, so that roles do not bind it. */
export const ADMIN_TOKEN = "test-admin-token";

export interface ApiServerOptions {
  /** Where its data, certificates and kubeconfig go; what lies there is served again. */
  folder: string;
  /** Where it listens, and what it calls itself in its certificate; 127.0.0.1 when absent. */
  address?: string;
  /** Any free one when absent. */
  port?: number;
  /** RBAC binds everyone but the admin; without it everything is allowed. */
  authorization?: "RBAC" | "AlwaysAllow";
  /** Gives each pod a token volume and refuses pods of unknown accounts, as a cluster does. */
  serviceAccounts?: boolean;
}

export interface ApiServer {
  child: Child;
  url: string;
  address: string;
  port: number;
  /** PEM that its certificate is checked against. */
  ca: string;
  kubeconfigPath: string;
  stop(): Promise<void>;
}

/** Starts an API server and waits until it is ready. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { folder, address = LOOPBACK, authorization = "RBAC" } = options;
  const [etcdPort, etcdPeerPort, freeHere = 0] = await freePorts(3);
  const port = options.port ?? freeHere;
  const url = `https://${address}:${port}`;
  mkdirSync(folder, { recursive: true });
  const keyPath = join(folder, "service-accounts.key");
  writeOnce(keyPath, privateKey);
  const tokensPath = join(folder, "tokens.csv");
  writeFileSync(tokensPath, `${ADMIN_TOKEN},admin,admin,system:masters\n`);
  const child = await start({
    name: "kube-apiserver",
    command: tool("WARMROUTE_CLUSTER_BIN"),
    args: [
      "apiserver",
      ...["--etcd-dir", join(folder, "etcd")],
      ...["--etcd-client-port", String(etcdPort), "--etcd-peer-port", String(etcdPeerPort)],
      "--",
      ...[`--bind-address=${address}`, `--secure-port=${port}`],
      // Without a default route it cannot guess one.
      `--advertise-address=${address}`,
      `--cert-dir=${join(folder, "certs")}`,
      `--token-auth-file=${tokensPath}`,
      `--authorization-mode=${authorization}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${keyPath}`,
      `--service-account-signing-key-file=${keyPath}`,
      "--service-cluster-ip-range=10.96.0.0/24",
      "--endpoint-reconciler-type=none",
      ...(options.serviceAccounts === true ? [] : ["--disable-admission-plugins=ServiceAccount"]),
      "--profiling=false",
    ],
    logPath: join(folder, "kube-apiserver.log"),
  });
  const stop = (): Promise<void> => child.stop(STOP_TIMEOUT_MS);
  try {
    await until("kube-apiserver is ready", () => isReady(child, url), READY_TIMEOUT_MS);
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}:\n${child.tail()}`);
  }
  const kubeconfigPath = join(folder, "kubeconfig");
  writeFileSync(kubeconfigPath, kubeconfig(url));
  const ca = readFileSync(join(folder, "certs", "apiserver.crt"), "utf8");
  return { child, url, address, port, ca, kubeconfigPath, stop };
}

/** A kubeconfig of the admin; JSON is YAML. */
function kubeconfig(url: string): string {
  const cluster = { server: url, "insecure-skip-tls-verify": true };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster }],
    users: [{ name: "admin", user: { token: ADMIN_TOKEN } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin", namespace: "default" } }],
    "current-context": "test",
  });
}

async function isReady(child: Child, url: string): Promise<boolean> {
  if (!child.isRunning) throw new Error(`kube-apiserver ended with ${child.exitCode}`);
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const signal = AbortSignal.timeout(2_000);
    const answer = await request(`${url}/readyz`, { headers, dispatcher, signal });
    await answer.body.text();
    return answer.statusCode === 200;
  } catch {
    return false;
  } finally {
    await dispatcher.close();
  }
}

function privateKey(): string {
  const { privateKey: key } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return key.export({ type: "pkcs1", format: "pem" }).toString();
}

/** A server that starts again on the same folder must know the tokens it signed before. */
function writeOnce(path: string, content: () => string): void {
  try {
    writeFileSync(path, content(), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

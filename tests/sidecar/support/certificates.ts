// A certificate authority and a server certificate for 127.0.0.1, made anew for each test run.
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Certificates {
  caFile: string;
  cert: string;
  key: string;
}

export async function makeCertificates(folder: string): Promise<Certificates> {
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: string[]) => run("openssl", args);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const authority = ["-keyout", file("ca.key"), "-out", file("ca.pem"), "-subj", "/CN=Test CA"];
  await openssl("req", "-x509", ...newKey, ...authority, "-days", "2");
  const server = ["-keyout", file("pod.key"), "-out", file("pod.csr"), "-subj", "/CN=pod"];
  await openssl("req", "-new", ...newKey, ...server);
  await writeFile(file("pod.ext"), "subjectAltName=IP:127.0.0.1,DNS:pods.test\n");
  const signer = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial"];
  const signed = ["-in", file("pod.csr"), "-out", file("pod.pem"), "-extfile", file("pod.ext")];
  await openssl("x509", "-req", ...signer, ...signed, "-days", "2");
  const [cert, key] = await Promise.all([readFile(file("pod.pem")), readFile(file("pod.key"))]);
  return { caFile: file("ca.pem"), cert: cert.toString(), key: key.toString() };
}

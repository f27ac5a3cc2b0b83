// An authority of a test's own and a certificate that it signed, made by openssl.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "./kubectl.js";

export interface Certificate {
  /** The authority, PEM. */
  ca: string;
  /** What the server shows, PEM. */
  cert: string;
  key: string;
}

/** Makes a certificate for a host name, valid for a day. */
export async function makeCertificate(folder: string, host: string): Promise<Certificate> {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const openssl = async (args: string[]): Promise<void> => {
    const { code, stderr } = await runProgram("openssl", args);
    if (code !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
  };
  const create = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"];
  const authority = ["-keyout", at("ca.key"), "-out", at("ca.crt"), "-subj", "/CN=authority"];
  await openssl([...create, ...authority]);
  const signedBy = ["-CA", at("ca.crt"), "-CAkey", at("ca.key")];
  const server = ["-keyout", at("tls.key"), "-out", at("tls.crt"), "-subj", `/CN=${host}`];
  const names = ["-addext", `subjectAltName=DNS:${host}`, "-addext", "basicConstraints=CA:FALSE"];
  await openssl([...create, ...signedBy, ...server, ...names]);
  const [ca = "", cert = "", key = ""] = ["ca.crt", "tls.crt", "tls.key"].map((name) =>
    readFileSync(at(name), "utf8"),
  );
  return { ca, cert, key };
}

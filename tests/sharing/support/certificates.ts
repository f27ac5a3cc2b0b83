// An authority, and certificates that it signed for a server and for a client, made by openssl.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Pair {
  certFile: string;
  keyFile: string;
}

export interface Authority {
  caFile: string;
  /** `names` as openssl writes them: `DNS:localhost,IP:127.0.0.1`. */
  sign(name: string, names: string): Promise<Pair>;
}

/** Valid for two days. */
export async function makeAuthority(folder: string): Promise<Authority> {
  await mkdir(folder, { recursive: true });
  const file = (name: string): string => join(folder, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const authority = ["-keyout", file("ca.key"), "-out", file("ca.pem"), "-subj", "/CN=Test CA"];
  await run("openssl", ["req", "-x509", ...newKey, ...authority, "-days", "2"]);
  return {
    caFile: file("ca.pem"),
    sign: async (name, names) => {
      const pair = { certFile: file(`${name}.pem`), keyFile: file(`${name}.key`) };
      const request = [
        "-keyout",
        pair.keyFile,
        "-out",
        file(`${name}.csr`),
        "-subj",
        `/CN=${name}`,
      ];
      await run("openssl", ["req", "-new", ...newKey, ...request]);
      await writeFile(file(`${name}.ext`), `subjectAltName=${names}\n`);
      const signer = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial"];
      const signed = ["-in", file(`${name}.csr`), "-out", pair.certFile, "-days", "2"];
      const extension = ["-extfile", file(`${name}.ext`)];
      await run("openssl", ["x509", "-req", ...signer, ...signed, ...extension]);
      return pair;
    },
  };
}

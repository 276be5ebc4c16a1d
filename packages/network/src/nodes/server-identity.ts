import { readdir } from "node:fs/promises";
import path from "node:path";
import { missingFile, readIdentityFile } from "../identity/material.js";
import type { ServerSpec } from "./specs.js";

export type ServerIdentity = {
  readonly identity: { readonly mspId: string; readonly certPem: string; readonly keyPem: string };
  readonly tls: { readonly certPem: string; readonly keyPem: string; readonly caPem: string };
};

/** @throws HansaError MISSING_IDENTITY naming the file */
export async function readServerIdentity(spec: ServerSpec): Promise<ServerIdentity> {
  const at = (...parts: string[]) => path.join(spec.identityFolder, ...parts);
  const [certPem, keyPem, tlsCertPem, tlsKeyPem, caPem] = await Promise.all([
    readIdentityFile(at("msp", "signcerts", `${spec.host}-cert.pem`)),
    readIdentityFile(at("msp", "keystore", "priv_sk")),
    readIdentityFile(at("tls", "server.crt")),
    readIdentityFile(at("tls", "server.key")),
    readIdentityFile(at("tls", "ca.crt")),
  ]);
  return {
    identity: { mspId: spec.mspId, certPem, keyPem },
    tls: { certPem: tlsCertPem, keyPem: tlsKeyPem, caPem },
  };
}

/** Every file of an MSP folder by its relative path. @throws HansaError MISSING_IDENTITY */
export async function readMspFolder(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: Error) => {
    throw missingFile(folder, cause);
  });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.map(readIdentityFile));
  return new Map(files.map((file, index) => [path.relative(folder, file).split(path.sep).join("/"), texts[index]!]));
}

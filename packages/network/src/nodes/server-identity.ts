import { readdir } from "node:fs/promises";
import path from "node:path";
import { Certificate, privateKeyFromPem } from "@hansa/crypto";
import { HansaError, messageOf } from "@hansa/primitives";
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
  checkPair(at("msp"), certPem, keyPem);
  checkPair(at("tls"), tlsCertPem, tlsKeyPem);
  return {
    identity: { mspId: spec.mspId, certPem, keyPem },
    tls: { certPem: tlsCertPem, keyPem: tlsKeyPem, caPem },
  };
}

/** @throws HansaError MISSING_IDENTITY when they are no certificate and its key */
function checkPair(folder: string, certPem: string, keyPem: string): void {
  let problem: string | undefined;
  try {
    if (!Certificate.parse(certPem).matchesKey(privateKeyFromPem(keyPem)))
      problem = "its private key is not its certificate's";
  } catch (error) {
    problem = messageOf(error);
  }
  if (problem === undefined) return;
  throw new HansaError("MISSING_IDENTITY", `The identity in ${folder} cannot be used: ${problem}.`, {
    nextStep: "Restore the folder, or start over with: hansa down --wipe",
  });
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

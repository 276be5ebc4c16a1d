/**
 * The identity in a node's MSP folder, and the folder as it says who administers the node.
 * Source: hyperledger/fabric, msp/configbuilder.go; the key is the one in the key store that belongs to the certificate.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { Certificate, privateKeyFromPem } from "@hansa/crypto";
import { mspConfigFromFiles } from "@hansa/msp";
import { HansaError, messageOf } from "@hansa/primitives";
import type { TlsServer } from "@hansa/transport";
import type { msp } from "@hansa/wire";
import type { SettingsFile } from "./settings-file.js";

export type NodeIdentity = {
  readonly identity: { readonly mspId: string; readonly certPem: string; readonly keyPem: string };
  /** The node's own organisation. */
  readonly localMsp: msp.IMSPConfig;
};

export type IdentityKeys = {
  readonly mspFolder: string;
  readonly mspId: string;
  /** "peer.BCCSP" or "General.BCCSP" */
  readonly cryptoKey: string;
  /** The setting that names the MSP folder, for errors. */
  readonly folderKey: string;
};

/** Folders of an MSP; keys are read apart, and whatever else lies there is none of ours. */
const MSP_FOLDERS = [
  "cacerts",
  "intermediatecerts",
  "admincerts",
  "crls",
  "tlscacerts",
  "tlsintermediatecerts",
  "signcerts",
];

/** @throws HansaError NODE_FILES naming the file or folder */
export function readNodeIdentity(settings: SettingsFile, keys: IdentityKeys): NodeIdentity {
  const { mspFolder, mspId, cryptoKey, folderKey } = keys;
  const unusable = (reason: string, cause?: unknown) =>
    new HansaError("NODE_FILES", `The MSP folder ${mspFolder} cannot be used: ${reason}`, {
      cause,
      nextStep: `Correct ${folderKey} in ${settings.file} or ${settings.variable(folderKey)}, or restore the folder.`,
    });
  if (!isFolder(mspFolder)) throw unusable("there is no such folder");
  const files = readFolder(mspFolder);
  const certPem = [...files].find(([name]) => name.startsWith("signcerts/"))?.[1];
  if (certPem === undefined) throw unusable("signcerts holds no certificate");
  const keyStore = settings.path(`${cryptoKey}.SW.FileKeyStore.KeyStore`) || path.join(mspFolder, "keystore");
  let certificate: Certificate;
  try {
    certificate = Certificate.parse(certPem);
  } catch (cause) {
    throw unusable(`the certificate in signcerts cannot be read: ${messageOf(cause)}`, cause);
  }
  const keyPem = filesIn(keyStore)
    .map((file) => readFileSync(file, "utf8"))
    .find((pem) => isKeyOf(certificate, pem));
  if (keyPem === undefined)
    throw unusable(`${keyStore} holds no private key that belongs to the certificate in signcerts`);
  try {
    return { identity: { mspId, certPem, keyPem }, localMsp: mspConfigFromFiles(files, mspId) };
  } catch (cause) {
    throw unusable(messageOf(cause), cause);
  }
}

/** @throws HansaError NODE_FILES when they are no certificate and its key */
export function checkTlsPair(settings: SettingsFile, certKey: string, keyKey: string, tls: TlsServer): void {
  let reason = "the key is not the certificate's";
  try {
    if (Certificate.parse(tls.certPem).matchesKey(privateKeyFromPem(tls.keyPem))) return;
  } catch (error) {
    reason = messageOf(error);
  }
  const [cert, key] = [settings.path(certKey), settings.path(keyKey)];
  throw new HansaError("NODE_FILES", `${cert} (${certKey}) and ${key} (${keyKey}) cannot be used: ${reason}`, {
    nextStep: `Correct the two in ${settings.file}, or set ${settings.variable(certKey)} and ${settings.variable(keyKey)}.`,
  });
}

function isKeyOf(certificate: Certificate, pem: string): boolean {
  try {
    return certificate.matchesKey(privateKeyFromPem(pem));
  } catch {
    return false;
  }
}

function readFolder(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of ["config.yaml", "config.yml"]) {
    const file = path.join(folder, name);
    if (statSync(file, { throwIfNoEntry: false })?.isFile() && !files.has("config.yaml"))
      files.set("config.yaml", readFileSync(file, "utf8"));
  }
  for (const part of MSP_FOLDERS)
    for (const file of filesIn(path.join(folder, part)))
      files.set(`${part}/${path.basename(file)}`, readFileSync(file, "utf8"));
  return files;
}

/** Absolute paths in the order of their names; none when there is no such folder. */
function filesIn(folder: string): string[] {
  if (!isFolder(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() ?? false);
}

function isFolder(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Signing a configuration update where nothing is but a key: no network, no node. */
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { configOfBlock } from "@hansa/channel-config";
import { configOfJson } from "@hansa/channel-config/editing";
import { Certificate } from "@hansa/crypto";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import { HansaError, messageOf } from "@hansa/primitives";
import { common, decode } from "@hansa/wire";
import { type ConfigDraft, channelOfUpdate, envelopeFor, makeDraft, signUpdate, updateIn } from "./config-draft.js";

/** An administrator's identity as Fabric's tools find it. @throws HansaError MISSING_IDENTITY */
export function identityInFolder(mspFolder: string, mspId: string): SigningIdentity {
  const filesIn = (name: string) => readdirSync(path.join(mspFolder, name)).sort();
  try {
    const [certificate = ""] = filesIn("signcerts");
    const certPem = readFileSync(path.join(mspFolder, "signcerts", certificate), "utf8");
    const parsed = Certificate.parse(certPem);
    for (const name of filesIn("keystore")) {
      const key = createPrivateKey(readFileSync(path.join(mspFolder, "keystore", name)));
      if (parsed.matchesKey(key)) return createSigningIdentity(mspId, certPem, key);
    }
    throw new Error("keystore holds no private key that belongs to the certificate in signcerts");
  } catch (cause) {
    throw new HansaError("MISSING_IDENTITY", `The MSP folder ${mspFolder} cannot be used: ${messageOf(cause)}.`, {
      cause,
      nextStep: "Name an administrator's msp folder, with signcerts and keystore.",
    });
  }
}

/**
 * What an update would make of a configuration that is at hand.
 * @param config a configuration block, the bytes of a common.Config, or the JSON of either
 * @throws ConfigError, JsonError, WireError
 */
export async function previewFile(file: Uint8Array, config: Uint8Array, signer: SigningIdentity): Promise<ConfigDraft> {
  const { configUpdate, signatures } = updateIn(file);
  return makeDraft({
    channelId: channelOfUpdate(file),
    config: readConfig(config),
    update: configUpdate,
    signatures,
    administrators: new Map([[signer.mspId, [signer.certificate.notAfterMs]]]),
  });
}

/** The update's file with one signature more. @throws ConfigError MALFORMED */
export function signFile(file: Uint8Array, signer: SigningIdentity): Uint8Array {
  const { configUpdate, signatures } = updateIn(file);
  return envelopeFor(channelOfUpdate(file), configUpdate, signUpdate(configUpdate, signatures, [signer]), signer);
}

function readConfig(bytes: Uint8Array): common.IConfig {
  const text = Buffer.from(bytes).toString("utf8");
  if (/^\s*\{/.test(text)) return configOfJson(JSON.parse(text));
  try {
    return configOfBlock(bytes).configEnvelope.config ?? {};
  } catch (error) {
    if (!(error instanceof HansaError)) throw error;
    return decode(common.Config, bytes, "common.Config");
  }
}

/** An identity together with its private key. */
import type { KeyObject } from "node:crypto";
import { Certificate, createSigner, sharedVerifyMemo, type VerifyMemo } from "@hansa/crypto";
import { type Bytes, fromUtf8, type MspId } from "@hansa/primitives";
import { msp } from "@hansa/wire";
import { MspError } from "./error.js";

export type SigningIdentity = {
  readonly mspId: MspId;
  readonly certificate: Certificate;
  /** Bytes of msp.SerializedIdentity: what goes into creator fields. */
  readonly serialized: Bytes;
  sign(message: Bytes): Bytes;
};

/**
 * @param verifyMemo where own signatures are entered, so that this process need not verify them later; null for nowhere
 * @throws MspError UNSUPPORTED_KEY when the key is not the certificate's; CryptoError for text that is no certificate
 */
export function createSigningIdentity(
  mspId: MspId,
  certPem: string,
  key: KeyObject,
  verifyMemo: VerifyMemo | null = sharedVerifyMemo,
): SigningIdentity {
  const certificate = Certificate.parse(certPem);
  if (!certificate.matchesKey(key)) {
    throw new MspError(
      "UNSUPPORTED_KEY",
      `the private key does not belong to the certificate of "${certificate.subjectCommonName}"`,
    );
  }
  const signer = createSigner(key);
  const serialized = msp.SerializedIdentity.encode({ mspid: mspId, idBytes: fromUtf8(certPem) }).finish();
  const sign = (message: Bytes): Bytes => {
    const signature = signer.sign(message);
    verifyMemo?.remember(certificate.publicKey, message, signature);
    return signature;
  };
  return { mspId, certificate, serialized, sign };
}

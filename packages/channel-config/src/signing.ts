/**
 * Signing an update: each signer signs the bytes of the update with a header of its own, and any member wraps
 * update and signatures into the envelope that goes to the orderer.
 * Source: hyperledger/fabric, protoutil/signeddata.go and internal/peer/channel/signconfigtx.go.
 */

import type { SigningIdentity } from "@hansa/msp";
import { concatBytes } from "@hansa/primitives";
import { common, encode, HeaderType, signedEnvelope } from "@hansa/wire";

/**
 * @param update bytes of a common.ConfigUpdate
 * @param nonce 24 random bytes
 */
export function signConfigUpdate(
  update: Uint8Array,
  signer: SigningIdentity,
  nonce: Uint8Array,
): common.IConfigSignature {
  const signatureHeader = encode(common.SignatureHeader, { creator: signer.serialized, nonce });
  return { signatureHeader, signature: signer.sign(concatBytes(signatureHeader, update)) };
}

/** The CONFIG_UPDATE envelope, ready for Broadcast. */
export function configUpdateEnvelope(parts: {
  channelId: string;
  /** bytes of the common.ConfigUpdate that was signed */
  update: Uint8Array;
  signatures: readonly common.IConfigSignature[];
  submitter: SigningIdentity;
  nonce: Uint8Array;
  timestampMs: number;
}): Uint8Array {
  const { channelId, update, signatures, submitter, nonce, timestampMs } = parts;
  return signedEnvelope({
    type: HeaderType.CONFIG_UPDATE,
    channelId,
    creator: submitter.serialized,
    nonce,
    timestampMs,
    data: encode(common.ConfigUpdateEnvelope, { configUpdate: update, signatures: [...signatures] }),
    sign: (message) => submitter.sign(message),
  });
}

import { randomBytes } from "node:crypto";
import type { SigningIdentity } from "@hansa/msp";
import { HeaderType, signedEnvelope } from "@hansa/wire";

/** A request to the Journal service: signed by one who may read the channel. */
export function journalRequest(identity: SigningIdentity, channelId: string, data: Uint8Array): Uint8Array {
  return signedEnvelope({
    type: HeaderType.MESSAGE,
    channelId,
    creator: identity.serialized,
    nonce: randomBytes(24),
    timestampMs: Date.now(),
    data,
    sign: (payload) => identity.sign(payload),
  });
}

/** Which signatures the verdict on a transaction will ask for, so that they can be verified before. */
import {
  MalformedMessage,
  viewActionPayload,
  viewActions,
  viewEnvelope,
  viewPayload,
  viewSignatureHeader,
} from "@hansa/ledger";
import type { SignedData } from "@hansa/msp";
import { type Bytes, bytesKey, concatBytes } from "@hansa/primitives";

/** More endorsements than any policy needs: whoever sends more has them verified when their turn comes. */
const MAX_ENDORSEMENTS = 32;

/** The creator's and the endorsers', as far as the envelope can be read. Judges nothing. */
export function signaturesIn(envelopeBytes: Bytes): readonly SignedData[] {
  const found: SignedData[] = [];
  try {
    const { payload, signature } = viewEnvelope(envelopeBytes);
    const { header, data } = viewPayload(payload);
    if (header === undefined) return found;
    const { creator } = viewSignatureHeader(header.signatureHeader);
    found.push({ identity: creator, message: payload, signature });
    const [action] = viewActions(data);
    const endorsed = action && viewActionPayload(action.payload).action;
    if (endorsed === undefined) return found;
    const seen = new Set<string>();
    for (const { endorser, signature } of endorsed.endorsements.slice(0, MAX_ENDORSEMENTS)) {
      const key = bytesKey(endorser);
      if (seen.has(key)) continue;
      seen.add(key);
      found.push({ identity: endorser, message: concatBytes(endorsed.responsePayload, endorser), signature });
    }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
  }
  return found;
}

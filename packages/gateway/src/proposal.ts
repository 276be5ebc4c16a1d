/**
 * What the gateway must know of a proposal, read without decoding the rest: the bytes that were signed go on as they
 * came.
 * Source: hyperledger/fabric, protoutil/proputils.go.
 */
import { toUtf8 } from "@hansa/primitives";
import { FieldScanner } from "@hansa/wire";

export type Proposal = {
  /** bytes of protos.SignedProposal, as received */
  readonly signed: Uint8Array;
  readonly channelId: string;
  readonly chaincode: string;
  readonly hasTransientData: boolean;
  /** bytes of common.Header */
  readonly header: Uint8Array;
  /** bytes of common.SignatureHeader */
  readonly signatureHeader: Uint8Array;
  /** bytes of protos.ChaincodeInvocationSpec */
  readonly input: Uint8Array;
};

const NOTHING = new Uint8Array(0);

/** A request to endorse or evaluate: fields 3 and 4; the ids in fields 1 and 2 are repeated in the proposal. */
export function readProposalRequest(request: Uint8Array): { signedProposal: Uint8Array; organizations: string[] } {
  const scanner = new FieldScanner(request, "gateway request");
  let signedProposal: Uint8Array = NOTHING;
  const organizations: string[] = [];
  while (scanner.next()) {
    if (scanner.wireType !== 2) continue;
    if (scanner.number === 3) signedProposal = scanner.bytes;
    else if (scanner.number === 4) organizations.push(toUtf8(scanner.bytes));
  }
  return { signedProposal, organizations };
}

/** @returns undefined when there is no proposal at all @throws WireError when a layer does not parse */
export function readProposal(signed: Uint8Array): Proposal | undefined {
  const proposal = field(signed, 1, "protos.SignedProposal");
  if (proposal.length === 0) return undefined;
  const [header, payload] = fields(proposal, 1, 2, "protos.Proposal");
  const [channelHeader, signatureHeader] = fields(header, 1, 2, "common.Header");
  const [input, transient] = fields(payload, 1, 2, "protos.ChaincodeProposalPayload");
  const spec = field(input, 1, "protos.ChaincodeInvocationSpec");
  const chaincodeId = field(spec, 2, "protos.ChaincodeSpec");
  return {
    signed,
    channelId: toUtf8(field(channelHeader, 4, "common.ChannelHeader")),
    chaincode: toUtf8(field(chaincodeId, 2, "protos.ChaincodeID")),
    hasTransientData: transient.length > 0,
    header,
    signatureHeader,
    input,
  };
}

/** Payload of a length-delimited field, empty when absent; of several the last, as decoders do. */
export function field(bytes: Uint8Array, number: number, what: string): Uint8Array {
  const scanner = new FieldScanner(bytes, what);
  let found: Uint8Array = NOTHING;
  while (scanner.next()) if (scanner.number === number && scanner.wireType === 2) found = scanner.bytes;
  return found;
}

function fields(bytes: Uint8Array, first: number, second: number, what: string): [Uint8Array, Uint8Array] {
  const scanner = new FieldScanner(bytes, what);
  let one: Uint8Array = NOTHING;
  let other: Uint8Array = NOTHING;
  while (scanner.next()) {
    if (scanner.wireType !== 2) continue;
    if (scanner.number === first) one = scanner.bytes;
    else if (scanner.number === second) other = scanner.bytes;
  }
  return [one, other];
}

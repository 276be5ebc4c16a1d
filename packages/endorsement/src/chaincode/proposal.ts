/**
 * A SignedProposal read down to what endorsing needs, and the checks that every one must pass. Whatever was signed or
 * is passed on stays the bytes that came in.
 * Source: hyperledger/fabric, core/endorser/msgvalidation.go and core/handlers/auth/filter; texts alike.
 */
import { certificateEndMs, type Identity, type MspManager } from "@hansa/msp";
import { type Bytes, HansaError, messageOf } from "@hansa/primitives";
import {
  common,
  decode,
  encode,
  FieldScanner,
  HeaderType,
  proposalHash,
  protos,
  readPair,
  readSignatureHeader,
  transactionId,
  unmarshalFailure,
  type WireError,
} from "@hansa/wire";

/** A proposal that is not served at all. Towards clients: gRPC status UNKNOWN with this message. */
export class ProposalRejected extends HansaError {
  override readonly name = "ProposalRejected";

  constructor(message: string, options?: ErrorOptions) {
    super("PROPOSAL_REJECTED", message, options);
  }
}

/** What a client wants a chaincode to do. */
export type ChaincodeInput = {
  /** protos.ChaincodeInput without decorations, encoded. */
  readonly bytes: Bytes;
  readonly args: readonly Bytes[];
  readonly isInit: boolean;
};

export type Proposal = {
  /** protos.SignedProposal as received. */
  readonly signedProposal: Bytes;
  readonly proposalBytes: Bytes;
  readonly signature: Bytes;
  readonly channelHeader: common.ChannelHeader;
  readonly channelId: string;
  readonly txId: string;
  readonly creator: Bytes;
  readonly nonce: Bytes;
  readonly chaincodeName: string;
  readonly input: ChaincodeInput;
  /** SHA-256 that endorsers sign: the proposal without its transient data. */
  readonly hash: Bytes;
};

/** @throws ProposalRejected */
export function readProposal(signedProposal: Bytes): Proposal {
  try {
    return read(signedProposal);
  } catch (error) {
    if (error instanceof ProposalRejected) throw error;
    throw new ProposalRejected(unreadable(error) ?? messageOf(error), { cause: error });
  }
}

/** Fabric's filter reads down to the signature header before its endorser does, and puts words of its own in front. */
const READ_BY_FILTER: Readonly<Record<string, string>> = {
  "protos.Proposal": "failed parsing proposal: ",
  "common.Header": "failed parsing header: ",
  "common.SignatureHeader": "failed parsing signature header: ",
};

function unreadable(error: unknown): string | undefined {
  const text = unmarshalFailure(error);
  return text === undefined ? undefined : `${READ_BY_FILTER[(error as WireError).what] ?? ""}${text}`;
}

function read(signedProposal: Bytes): Proposal {
  const [proposalBytes, signature] = readPair(signedProposal, "protos.SignedProposal");
  const [headerBytes, payload] = readPair(proposalBytes, "protos.Proposal");
  const [channelHeaderBytes, signatureHeaderBytes] = readPair(headerBytes, "common.Header");
  const { creator, nonce } = readSignatureHeader(signatureHeaderBytes);
  const channelHeader = decode(common.ChannelHeader, channelHeaderBytes, "common.ChannelHeader");
  const extension = decode(protos.ChaincodeHeaderExtension, channelHeader.extension, "protos.ChaincodeHeaderExtension");
  if (!extension.chaincodeId) throw new ProposalRejected("ChaincodeHeaderExtension.ChaincodeId is nil");
  const chaincodeName = extension.chaincodeId.name ?? "";
  if (chaincodeName === "") throw new ProposalRejected("ChaincodeHeaderExtension.ChaincodeId.Name is empty");
  const [invocation] = readPair(payload, "protos.ChaincodeProposalPayload");
  return {
    signedProposal,
    proposalBytes,
    signature,
    channelHeader,
    channelId: channelHeader.channelId,
    txId: channelHeader.txId,
    creator,
    nonce,
    chaincodeName,
    input: readInput(inputOfInvocation(invocation)),
    hash: proposalHash(channelHeaderBytes, signatureHeaderBytes, withoutTransient(invocation)),
  };
}

/** protos.ChaincodeProposalPayload with the invocation only. */
function withoutTransient(invocation: Bytes): Bytes {
  return encode(protos.ChaincodeProposalPayload, { input: invocation });
}

/** protos.ChaincodeInput inside a protos.ChaincodeInvocationSpec. */
function inputOfInvocation(invocation: Bytes): Bytes {
  const spec = messageField(invocation, 1, "protos.ChaincodeInvocationSpec");
  if (spec === undefined) throw new ProposalRejected("chaincode invocation spec did not contain chaincode spec");
  const input = messageField(spec, 3, "protos.ChaincodeSpec");
  if (input === undefined) throw new ProposalRejected("chaincode input did not contain any input");
  return input;
}

function messageField(bytes: Bytes, number: number, what: string): Bytes | undefined {
  const scanner = new FieldScanner(bytes, what);
  let found: Bytes | undefined;
  while (scanner.next()) if (scanner.number === number && scanner.wireType === 2) found = scanner.bytes;
  return found;
}

/** @throws WireError */
export function readInput(bytes: Bytes): ChaincodeInput {
  const scanner = new FieldScanner(bytes, "protos.ChaincodeInput");
  const args: Bytes[] = [];
  let isInit = false;
  let isDecorated = false;
  while (scanner.next()) {
    if (scanner.number === 1 && scanner.wireType === 2) args.push(scanner.bytes);
    else if (scanner.number === 2) isDecorated = true;
    else if (scanner.number === 3 && scanner.wireType === 0) isInit = scanner.varint !== 0;
  }
  // Decorations are the peer's to make; a client's own are taken away.
  return { bytes: isDecorated ? encode(protos.ChaincodeInput, { args, isInit }) : bytes, args, isInit };
}

/**
 * Header, transaction id, creator and signature. Returns the creator.
 * @param msps members of the channel; only the peer's own organisation outside channels
 * @throws ProposalRejected
 */
export function checkProposal(proposal: Proposal, msps: MspManager): Identity {
  try {
    return check(proposal, msps);
  } catch (error) {
    if (!(error instanceof ProposalRejected)) throw error;
    throw new ProposalRejected(`error validating proposal: ${error.message}`, { cause: error });
  }
}

function check(proposal: Proposal, msps: MspManager): Identity {
  const { channelHeader, channelId, creator, nonce, txId } = proposal;
  const { type } = channelHeader;
  // Joining a channel comes with type CONFIG; Fabric lets it pass for all proposals.
  if (type !== HeaderType.ENDORSER_TRANSACTION && type !== HeaderType.CONFIG) {
    throw new ProposalRejected(`invalid header type ${common.HeaderType[type] ?? type}`);
  }
  if (Number(channelHeader.epoch) !== 0) throw new ProposalRejected("epoch is non-zero");
  if (nonce.length === 0) throw new ProposalRejected("nonce is empty");
  if (creator.length === 0) throw new ProposalRejected("creator is empty");
  const expected = transactionId(nonce, creator);
  if (txId !== expected) throw new ProposalRejected(`incorrectly computed txid '${txId}' -- expected '${expected}'`);
  if (proposal.proposalBytes.length === 0) throw new ProposalRejected("empty proposal bytes");
  if (proposal.signature.length === 0) throw new ProposalRejected("empty signature bytes");
  let identity: Identity;
  try {
    identity = msps.identity(creator);
  } catch (cause) {
    const text = `access denied: channel [${channelId}] creator org unknown, creator is malformed`;
    throw new ProposalRejected(text, { cause });
  }
  const denied = `access denied: channel [${channelId}] creator org [${identity.mspId}]`;
  if (identity.flaw !== undefined) throw new ProposalRejected(denied, { cause: identity.flaw });
  if (!identity.verify(proposal.proposalBytes, proposal.signature)) throw new ProposalRejected(denied);
  return identity;
}

/**
 * The creator's certificate must not have expired: Fabric asks before anything else, and of any certificate at all.
 * @throws ProposalRejected
 */
export function checkExpiry({ creator }: Proposal, msps: MspManager, now: number): void {
  const end = endOf(creator, msps);
  if (end !== undefined && now > end) throw new ProposalRejected("proposal client identity expired");
}

function endOf(creator: Bytes, msps: MspManager): number | undefined {
  try {
    return msps.identity(creator).expiresAtMs;
  } catch {
    return certificateEndMs(creator);
  }
}

/**
 * The proposal's own time, when a window is given.
 * @throws ProposalRejected
 */
export function checkTimestamp(proposal: Proposal, now: number, windowMs: number | undefined): void {
  if (windowMs === undefined) return;
  const { timestamp } = proposal.channelHeader;
  const at = Number(timestamp?.seconds ?? 0) * 1000 + (timestamp?.nanos ?? 0) / 1e6;
  if (Math.abs(now - at) <= windowMs) return;
  throw new ProposalRejected(
    `request unauthorized due to incorrect timestamp ${goTime(at)}, peer time ${goTime(now)}, peer.authentication.timewindow ${goDuration(windowMs)}`,
  );
}

function goTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().replace(/\.\d+Z$/, "Z");
}

function goDuration(ms: number): string {
  const seconds = ms / 1000;
  return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** hansa.governance.Governance: orders the members' acts, and lets members follow them. */
import { encodeRefusal, GOVERNANCE_STRAND, GovernanceRefusal, REFUSAL_MESSAGE } from "@hansa/governance";
import { digestAt } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import { readSeekEnvelope } from "@hansa/ordering";
import { type Bytes, type Clock, HansaError, type Logger, messageOf, sha256, type UnixMs } from "@hansa/primitives";
import { GrpcStatus, type Handlers, packAny, RpcStatus, type Send } from "@hansa/transport";
import { decode, encode, HeaderType, hansa, type services, toLong, toNumber, WireError } from "@hansa/wire";
import { StrandAccess } from "./governance-access.js";
import type { GovernanceOrder, Ordered, Submission } from "./governance-order.js";
import { blockMessage, inclusionProof } from "./journal-answers.js";
import { statusOfRefusal } from "./journal-service.js";

export type GovernanceOptions = {
  readonly governance: GovernanceOrder;
  /** Signs the digests. */
  readonly identity: SigningIdentity;
  readonly timeWindowMs: number;
  readonly mutualTls: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** For callers in the same process, where there is no TLS to bind a request to. */
export type GovernanceCalls = {
  /**
   * Orders one act.
   * @param signedRecord hansa.governance.SignedRecord
   * @returns hansa.governance.Receipt, when the record is durable
   * @throws RpcStatus as the service: FAILED_PRECONDITION with a Refusal when the rules do not allow it
   */
  submit(signedRecord: Uint8Array): Promise<Uint8Array>;
  /** Sends hansa.governance.StrandBlock after StrandBlock. @throws RpcStatus as the service */
  follow(envelope: Uint8Array, send: Send, signal: AbortSignal): Promise<void>;
};

const MAX_RECORD_BYTES = 1024 * 1024;

export function governanceHandlers(options: GovernanceOptions): Handlers<typeof services.Governance> {
  return {
    Submit: (raw) => submit(raw, options),
    Follow: (raw, context, send) => {
      const tlsCertHash = context.tlsClientCert && sha256(context.tlsClientCert);
      return follow(raw, options, { signal: context.signal, send, tlsCertHash });
    },
  };
}

export function governanceCalls(options: GovernanceOptions): GovernanceCalls {
  return {
    submit: (signedRecord) => submit(signedRecord, options),
    follow: (envelope, send, signal) =>
      follow(envelope, { ...options, mutualTls: false }, { signal, send, tlsCertHash: undefined }),
  };
}

async function submit(raw: Bytes, { governance, identity, logger }: GovernanceOptions): Promise<Bytes> {
  const refused = (status: RpcStatus) => {
    logger.warn("governance record refused", { code: status.code, reason: status.message });
    return status;
  };
  if (raw.length > MAX_RECORD_BYTES) {
    throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, `${raw.length} bytes are more than ${MAX_RECORD_BYTES}`);
  }
  const submission = admitted(raw, governance);
  if (submission.kind !== "ordered") throw refused(statusOfSubmission(submission));
  let ordered: Ordered;
  try {
    ordered = await submission.ordered;
  } catch (error) {
    if (error instanceof GovernanceRefusal) throw refused(refusal(GrpcStatus.FAILED_PRECONDITION, error));
    if (!(error instanceof HansaError)) throw error;
    const reason = `the record may or may not be ordered: ${messageOf(error)}`;
    throw new RpcStatus(GrpcStatus.UNAVAILABLE, reason, [], { cause: error });
  }
  return encode(hansa.governance.Receipt, receiptOf(ordered, identity));
}

function admitted(raw: Bytes, governance: GovernanceOrder): Submission {
  try {
    // A copy: what gRPC hands over may be a view into a larger chunk, and this lives as long as the state.
    return governance.submit(Buffer.from(raw));
  } catch (error) {
    if (error instanceof GovernanceRefusal) throw refusal(GrpcStatus.INVALID_ARGUMENT, error);
    if (error instanceof WireError) throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, error.message);
    throw error;
  }
}

function statusOfSubmission(submission: Exclude<Submission, { kind: "ordered" }>): RpcStatus {
  switch (submission.kind) {
    case "refused":
      return refusal(GrpcStatus.FAILED_PRECONDITION, submission.refusal);
    case "unavailable": {
      const code = submission.overloaded ? GrpcStatus.RESOURCE_EXHAUSTED : GrpcStatus.UNAVAILABLE;
      return new RpcStatus(code, submission.reason);
    }
  }
}

function refusal(code: number, reason: GovernanceRefusal): RpcStatus {
  return new RpcStatus(code, reason.message, [packAny(REFUSAL_MESSAGE, encodeRefusal(reason))], { cause: reason });
}

/** The record's own block is the tip of the digest that proves it. */
function receiptOf({ block, entryIndex, strand }: Ordered, identity: SigningIdentity): hansa.governance.IReceipt {
  const { address, timestampMs } = blockMessage(block);
  const proof = inclusionProof(strand, block, entryIndex, digestAt(block, strand), { identity });
  return { address: address ?? null, entryIndex, timestampMs: timestampMs ?? toLong(block.timestampMs), proof };
}

type Caller = { signal: AbortSignal; send: Send; tlsCertHash: Uint8Array | undefined };

async function follow(raw: Bytes, options: GovernanceOptions, caller: Caller): Promise<void> {
  const { governance, clock, timeWindowMs, mutualTls } = options;
  const { signal, send, tlsCertHash } = caller;
  const envelope = readSeekEnvelope(raw, { now: clock.now(), timeWindowMs, mutualTls, tlsCertHash });
  if ("kind" in envelope) throw statusOfRefusal(envelope);
  const { channelId, type } = envelope.channelHeader;
  if (type !== HeaderType.MESSAGE || channelId !== GOVERNANCE_STRAND) {
    const reason = `the request must be of header type MESSAGE and name the channel ${GOVERNANCE_STRAND}`;
    throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, reason);
  }
  const { from, stay } = readRequest(envelope.data);
  const access = new StrandAccess(envelope, governance.identities);
  for (let sequenceNo = from; !signal.aborted; sequenceNo++) {
    // Before the founding there are no members, so nobody to answer to.
    if (governance.state === undefined) return;
    checkAccess(access, governance, clock.now());
    if (sequenceNo >= governance.height) {
      if (!stay) return;
      await newBlock(governance, sequenceNo, signal);
      if (signal.aborted) return;
      if (sequenceNo >= governance.height) throw new RpcStatus(GrpcStatus.UNAVAILABLE, "the ordering node is stopping");
      checkAccess(access, governance, clock.now());
    }
    await send(await readBlock(governance, sequenceNo));
  }
}

function readRequest(data: Bytes): { from: number; stay: boolean } {
  try {
    const request = decode(hansa.governance.FollowRequest, data, "hansa.governance.FollowRequest");
    return { from: toNumber(request.fromSequenceNo), stay: request.stay };
  } catch (error) {
    if (error instanceof WireError) throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, error.message);
    throw error;
  }
}

/** @throws RpcStatus PERMISSION_DENIED once the sender is no member any more */
function checkAccess(access: StrandAccess, governance: GovernanceOrder, now: UnixMs): void {
  const denied = governance.state && access.evaluate(governance.state, now);
  if (denied !== undefined) throw statusOfRefusal(denied);
}

async function readBlock(governance: GovernanceOrder, sequenceNo: number): Promise<Bytes> {
  try {
    return await governance.block(sequenceNo);
  } catch (error) {
    if (error instanceof HansaError) throw new RpcStatus(GrpcStatus.DATA_LOSS, error.message);
    throw error;
  }
}

/** Settles when the block is there, when it will not come, or when nobody waits any more. */
function newBlock(governance: GovernanceOrder, sequenceNo: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (sequenceNo >= governance.height && !governance.isHalted && !signal.aborted) return;
      stop();
      signal.removeEventListener("abort", check);
      resolve();
    };
    const stop = governance.follow(check);
    signal.addEventListener("abort", check);
    check();
  });
}

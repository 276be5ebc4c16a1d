/** The governance strand at its ordering node: what is ordered there, and how one orders. */
import { randomBytes } from "node:crypto";
import { GOVERNANCE_STRAND, refusalIn } from "@hansa/governance";
import type { SigningIdentity } from "@hansa/msp";
import type { Bytes, UnixMs } from "@hansa/primitives";
import { RpcStatus } from "@hansa/transport";
import { decode, encode, HeaderType, hansa, services, signedEnvelope, toLong, toNumber } from "@hansa/wire";
import type { Target } from "../client/admin-client.js";
import type { StrandSource } from "./follower.js";

/** Where a record stands. */
export type OrderedPlace = { readonly sequenceNo: number; readonly entryIndex: number; readonly at: UnixMs };

const SUBMIT_TIMEOUT_MS = 15_000;

/**
 * Orders a signed record. Resolves when it is durable.
 * @param record encoded hansa.governance.SignedRecord
 * @throws GovernanceRefusal when the rules do not allow it; RpcStatus when the orderer does not answer
 */
export async function orderRecord(orderer: Target, record: Bytes): Promise<OrderedPlace> {
  try {
    const answer = await orderer.rpc.unary(services.Governance.methods.Submit, record, {
      timeoutMs: SUBMIT_TIMEOUT_MS,
    });
    const { address, entryIndex, timestampMs } = decode(hansa.governance.Receipt, answer, "hansa.governance.Receipt");
    return {
      sequenceNo: toNumber(address?.sequenceNo),
      entryIndex,
      at: toNumber(timestampMs) as UnixMs,
    };
  } catch (error) {
    if (!(error instanceof RpcStatus)) throw error;
    throw refusalIn(error.details) ?? error;
  }
}

/** Blocks from the orderer, for those whom it lets read them: members, and the operator. */
export function strandOf(orderer: () => Target, reader: () => Promise<SigningIdentity>): StrandSource {
  return async function* (from, signal) {
    const identity = await reader();
    const request = signedEnvelope({
      type: HeaderType.MESSAGE,
      channelId: GOVERNANCE_STRAND,
      creator: identity.serialized,
      nonce: randomBytes(24),
      timestampMs: Date.now(),
      data: encode(hansa.governance.FollowRequest, { fromSequenceNo: toLong(from), stay: true }),
      sign: (payload) => identity.sign(payload),
    });
    const call = orderer().rpc.serverStream(services.Governance.methods.Follow, request, { signal });
    try {
      for await (const bytes of call.incoming) yield bytes;
    } finally {
      call.close();
    }
  };
}

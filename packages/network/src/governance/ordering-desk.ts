/** The governance strand at its ordering nodes: what is ordered there, and how one orders. */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { GOVERNANCE_STRAND, GovernanceRefusal, readStrandBlock, refusalIn } from "@hansa/governance";
import type { SigningIdentity } from "@hansa/msp";
import { type Bytes, equalBytes, sha256, type UnixMs } from "@hansa/primitives";
import { RpcStatus } from "@hansa/transport";
import { decode, encode, HeaderType, hansa, services, signedEnvelope, toLong, toNumber } from "@hansa/wire";
import type { Target } from "../client/admin-client.js";
import type { StrandSource } from "./follower.js";
import type { Orderers } from "./orderers.js";
import { HEALS_WITHIN_MS, isPassing } from "./passing.js";

/** Where a record stands. */
export type OrderedPlace = { readonly sequenceNo: number; readonly entryIndex: number; readonly at: UnixMs };

const SUBMIT_TIMEOUT_MS = 15_000;
/** Of several orderers one that hangs is not waited for as long as a lone one. */
const SUBMIT_TO_ONE_OF_SEVERAL_MS = 5_000;
/** How long several orderers are asked one after the other. */
const SUBMIT_TO_SEVERAL_WITHIN_MS = 20_000;
const PAUSE_MS = 200;

export type Submitting = {
  readonly orderers: Orderers;
  readonly reader: () => Promise<SigningIdentity>;
  /** Blocks of the strand that were there before. */
  readonly after: number;
  readonly signal: AbortSignal;
};

/**
 * Orders a signed record, once. Resolves when it is durable. When an orderer does not answer, the next one is asked, or
 * the same one again: should it refuse what was ordered before, the strand says where the record stands.
 * @param record encoded hansa.governance.SignedRecord
 * @throws GovernanceRefusal when the rules do not allow it; RpcStatus when no orderer answers
 */
export async function orderRecord(
  record: Bytes,
  { orderers, reader, after, signal }: Submitting,
): Promise<OrderedPlace> {
  const { count } = orderers;
  const timeoutMs = count === 1 ? SUBMIT_TIMEOUT_MS : SUBMIT_TO_ONE_OF_SEVERAL_MS;
  const deadline = performance.now() + (count === 1 ? HEALS_WITHIN_MS : SUBMIT_TO_SEVERAL_WITHIN_MS);
  for (let attempt = 1; ; attempt++) {
    const target = orderers.target();
    try {
      return await submitTo(target, record, timeoutMs);
    } catch (error) {
      if (error instanceof GovernanceRefusal) {
        const place = attempt === 1 ? undefined : await placeOf(record, after, target, await reader());
        if (place === undefined) throw error;
        return place;
      }
      if (!isPassing(error) || signal.aborted || performance.now() > deadline) throw error;
      orderers.leave(target);
    }
    if (attempt % count === 0) await pause(PAUSE_MS);
  }
}

async function submitTo(orderer: Target, record: Bytes, timeoutMs: number): Promise<OrderedPlace> {
  try {
    const answer = await orderer.rpc.unary(services.Governance.methods.Submit, record, { timeoutMs });
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

/** Where a record stands, by an orderer that refused to order it again; undefined when it stands nowhere. */
async function placeOf(
  record: Bytes,
  after: number,
  orderer: Target,
  reader: SigningIdentity,
): Promise<OrderedPlace | undefined> {
  const hash = sha256(record);
  for await (const bytes of blocksOf(orderer, reader, { from: after, stay: false })) {
    const { address, entryHashes, timestampMs } = readStrandBlock(bytes).block;
    // Entry 0 is the block's own.
    const entryIndex = entryHashes.findIndex((entry, index) => index > 0 && equalBytes(entry, hash));
    if (entryIndex > 0) return { sequenceNo: address.sequenceNo, entryIndex, at: timestampMs };
  }
  return undefined;
}

/** Blocks from the orderer that is spoken to, for those whom it lets read them: members, and the operator. */
export function strandOf(orderers: Orderers, reader: () => Promise<SigningIdentity>): StrandSource {
  return async function* (from, signal) {
    const identity = await reader();
    const target = orderers.target();
    try {
      yield* blocksOf(target, identity, { from, stay: true, signal });
    } catch (error) {
      if (!signal.aborted && isPassing(error)) orderers.leave(target);
      throw error;
    }
  };
}

type Wanted = { readonly from: number; readonly stay: boolean; readonly signal?: AbortSignal };

async function* blocksOf(orderer: Target, reader: SigningIdentity, { from, stay, signal }: Wanted) {
  const request = signedEnvelope({
    type: HeaderType.MESSAGE,
    channelId: GOVERNANCE_STRAND,
    creator: reader.serialized,
    nonce: randomBytes(24),
    timestampMs: Date.now(),
    data: encode(hansa.governance.FollowRequest, { fromSequenceNo: toLong(from), stay }),
    sign: (payload) => reader.sign(payload),
  });
  const options = signal === undefined ? { timeoutMs: SUBMIT_TIMEOUT_MS } : { signal };
  const call = orderer.rpc.serverStream(services.Governance.methods.Follow, request, options);
  try {
    for await (const bytes of call.incoming) yield bytes;
  } finally {
    call.close();
  }
}

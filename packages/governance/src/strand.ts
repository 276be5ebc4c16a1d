/**
 * The strand read back: who is a member is recomputed from its blocks alone. Hashes first, then signatures, then rules;
 * the first block or record that does not hold ends it.
 */
import { emptyTip, type JournalBlock, type StrandTip, tipAfter, verifyBlock } from "@hansa/journal";
import { type Bytes, equalBytes, HansaError, sha256, type UnixMs } from "@hansa/primitives";
import { decode, hansa, toNumber } from "@hansa/wire";
import { actorsOf, type Parties } from "./actors.js";
import { GovernanceRefusal } from "./error.js";
import { Building, type Folded, fold } from "./fold.js";
import { GOVERNANCE_STRAND, readSignedRecord, type SignedRecord } from "./records.js";
import type { GovernanceState } from "./state.js";

/**
 * Whether a signature holds: the identity parses, its certificate chains to the roots, has the admin role and is valid
 * at the time, and the signature fits the message.
 */
export type VerifySignature = (signed: {
  /** msp.SerializedIdentity */
  readonly identity: Bytes;
  readonly message: Bytes;
  readonly signature: Bytes;
  /** msp.MSPConfig of the organisation that the identity must belong to, as the strand has it. */
  readonly mspConfig: Bytes;
  readonly at: UnixMs;
}) => boolean;

/** A block of the strand with what its entries hash. */
export type StrandBlock = {
  readonly block: JournalBlock;
  /** SignedRecord; entry i + 1 of the block is the SHA-256 of record i. */
  readonly records: readonly Bytes[];
  /** hansa.ordering.StreamPosition, where orderers share a stream. Nothing here looks at it. */
  readonly streamPosition?: Bytes;
};

/** How far a strand was followed. */
export type StrandPosition = {
  /** Undefined before block 0. */
  readonly tip: StrandTip | undefined;
  readonly state: GovernanceState | undefined;
};

export const STRAND_START: StrandPosition = { tip: undefined, state: undefined };

export type StrandFault = {
  readonly sequenceNo: number;
  /** Which record of the block, from 0; undefined when it is the block itself. */
  readonly record?: number;
  readonly reason: string;
};

export type VerifiedStrand =
  | { readonly ok: true; readonly position: StrandPosition }
  | {
      readonly ok: false;
      readonly fault: StrandFault;
      /** What is known from the records before the fault. */
      readonly state: GovernanceState | undefined;
    };

/**
 * What an ordering service asks before it writes a record, and everybody else after reading one: the record is of this
 * network, it carries the signatures of exactly those whose act it is, and the rules allow it.
 */
export function judgeRecord(
  state: GovernanceState | undefined,
  signed: SignedRecord,
  at: UnixMs,
  verify: VerifySignature,
): Folded {
  const refusal = checkSigned(state, signed, at, verify);
  return refusal === undefined ? fold(state, signed.act, at) : { ok: false, refusal };
}

function checkSigned(
  parties: Parties | undefined,
  { record, networkId, act, signatures }: SignedRecord,
  at: UnixMs,
  verify: VerifySignature,
): GovernanceRefusal | undefined {
  if (parties !== undefined && networkId !== parties.networkId) {
    return invalid(`the record is of network ${networkId}, not of ${parties.networkId}`);
  }
  const actors = actorsOf(parties, act);
  if (actors instanceof GovernanceRefusal) return actors;
  if (signatures.length !== actors.length) {
    const names = actors.map((actor) => actor.name).join(" and ");
    return invalid(`the record has ${signatures.length} signatures; it takes ${actors.length}, by ${names}`);
  }
  for (const { name, identity, mspConfig } of actors) {
    const found = signatures.find((each) => equalBytes(each.identity, identity));
    if (found === undefined) return invalid(`the record is not signed by the governance key of ${name}`);
    if (!verify({ identity, message: record, signature: found.signature, mspConfig, at })) {
      return invalid(`the signature by the governance key of ${name} does not hold`);
    }
  }
  return undefined;
}

/**
 * Follows a strand: recomputes every hash, checks every signature, folds every record.
 * @param from where an earlier call ended
 */
export function verifyStrand(
  blocks: Iterable<StrandBlock>,
  verify: VerifySignature,
  from: StrandPosition = STRAND_START,
): VerifiedStrand {
  const building = new Building(from.state);
  let { tip } = from;
  for (const block of blocks) {
    const fault = blockFault(block, tip) ?? recordsFault(block, building, verify);
    if (fault !== undefined) return { ok: false, fault, state: building.finish() };
    tip = tipAfter(block.block);
  }
  return { ok: true, position: { tip, state: building.finish() } };
}

function blockFault({ block, records }: StrandBlock, tip: StrandTip | undefined): StrandFault | undefined {
  const { address, entryHashes, timestampMs } = block;
  const { sequenceNo, strandId } = address;
  const fault = (reason: string, record?: number): StrandFault => ({
    sequenceNo,
    ...(record === undefined ? {} : { record }),
    reason,
  });
  const expected = tip ?? emptyTip(strandId);
  if (sequenceNo !== expected.size) return fault(`it stands where block ${expected.size} belongs`);
  if (strandId !== expected.strandId) return fault(`it is of strand ${strandId}, not of ${expected.strandId}`);
  if (timestampMs < expected.lastTimestampMs) return fault("its time is before that of the block before");
  try {
    verifyBlock(block, expected);
    const binding = decode(hansa.journal.BlockBinding, block.binding, "hansa.journal.BlockBinding");
    const isBound =
      binding.channelId === GOVERNANCE_STRAND &&
      binding.address?.strandId === strandId &&
      toNumber(binding.address?.sequenceNo) === sequenceNo &&
      toNumber(binding.timestampMs) === timestampMs;
    if (!isBound) return fault("its first entry binds another strand, number, time or channel");
  } catch (error) {
    if (error instanceof HansaError) return fault(error.message);
    throw error;
  }
  if (entryHashes.length !== records.length + 1) {
    return fault(`it has ${records.length} records for ${entryHashes.length - 1} entries`);
  }
  const forged = records.findIndex((record, index) => !equalBytes(sha256(record), entryHashes[index + 1] as Bytes));
  return forged === -1 ? undefined : fault("its bytes are not those whose hash is in the block", forged);
}

function recordsFault(
  { block, records }: StrandBlock,
  building: Building,
  verify: VerifySignature,
): StrandFault | undefined {
  const { sequenceNo } = block.address;
  for (const [record, bytes] of records.entries()) {
    try {
      const signed = readSignedRecord(bytes);
      const refusal =
        checkSigned(building.parties, signed, block.timestampMs, verify) ?? building.add(signed.act, block.timestampMs);
      if (refusal !== undefined) return { sequenceNo, record, reason: refusal.message };
    } catch (error) {
      if (error instanceof HansaError) return { sequenceNo, record, reason: error.message };
      throw error;
    }
  }
  return undefined;
}

function invalid(message: string): GovernanceRefusal {
  return new GovernanceRefusal("INVALID", message);
}

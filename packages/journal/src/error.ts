import { HansaError, toHex } from "@hansa/primitives";
import type { BlockAddress } from "./address.js";

export type JournalFault =
  | { code: "STRAND_NOT_FOUND"; strandId: string }
  | { code: "STRAND_EXISTS"; strandId: string; name: string }
  | { code: "BLOCK_NOT_FOUND"; strandId: string; sequenceNo: number; size: number }
  | { code: "ENTRY_NOT_FOUND"; address: BlockAddress; entryIndex: number; entryCount: number }
  | { code: "TIP_TOO_OLD"; address: BlockAddress; tipSequenceNo: number }
  | { code: "HASH_MISMATCH"; address: BlockAddress; what: string; expected: Uint8Array; found: Uint8Array }
  | { code: "DAMAGED"; strandId: string; sequenceNo: number; file: string; byte: number; detail: string }
  | { code: "STORE_FAILED"; strandId: string; detail: string };

/** A strand that does not hold what was asked for, or does not hold together. */
export class JournalError extends HansaError {
  override readonly name = "JournalError";
  readonly fault: JournalFault;

  constructor(fault: JournalFault, options?: ErrorOptions) {
    super(fault.code, explain(fault), { ...options, nextStep: adviceFor(fault) });
    this.fault = fault;
  }
}

function explain(fault: JournalFault): string {
  switch (fault.code) {
    case "STRAND_NOT_FOUND":
      return `there is no strand ${fault.strandId}`;
    case "STRAND_EXISTS":
      return `strand ${fault.strandId} (${fault.name}) exists already`;
    case "BLOCK_NOT_FOUND":
      return `strand ${fault.strandId} has ${fault.size} blocks, none numbered ${fault.sequenceNo}`;
    case "ENTRY_NOT_FOUND":
      return `${describeBlock(fault.address)} has ${fault.entryCount} entries, none numbered ${fault.entryIndex}`;
    case "TIP_TOO_OLD":
      return `${describeBlock(fault.address)} is newer than the digest's tip ${fault.tipSequenceNo}`;
    case "HASH_MISMATCH":
      return `${describeBlock(fault.address)}: ${fault.what} is ${toHex(fault.found)}, expected ${toHex(fault.expected)}`;
    case "DAMAGED":
      return `strand ${fault.strandId}, block ${fault.sequenceNo}: ${fault.detail} (${fault.file}, byte ${fault.byte})`;
    case "STORE_FAILED":
      return `strand ${fault.strandId} can take no more blocks: ${fault.detail}`;
  }
}

function adviceFor(fault: JournalFault): string | undefined {
  switch (fault.code) {
    case "DAMAGED":
    case "HASH_MISMATCH":
      return "restore this node's data folder from a copy, or wipe the node and let it start again";
    case "STORE_FAILED":
      return "check free space and permissions of the data folder, then restart the node";
    default:
      return undefined;
  }
}

export function describeBlock(address: BlockAddress): string {
  return `strand ${address.strandId}, block ${address.sequenceNo}`;
}

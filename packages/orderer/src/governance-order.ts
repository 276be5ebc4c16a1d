/** What the services know of the governance strand: how it takes records, and what stands on it. */
import type { GovernanceRefusal, GovernanceState, Identities } from "@hansa/governance";
import type { JournalBlock, JournalStore, JournalStrand } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import type { Bytes, Clock, Logger } from "@hansa/primitives";

/** Where an accepted record stands, durably. */
export type Ordered = { readonly block: JournalBlock; readonly entryIndex: number; readonly strand: JournalStrand };

export type Submission =
  /** May still be refused where it comes to stand: then the promise is rejected with a GovernanceRefusal. */
  | { readonly kind: "ordered"; readonly ordered: Promise<Ordered> }
  | { readonly kind: "refused"; readonly refusal: GovernanceRefusal }
  /** Too much waits for the disk, or the strand takes no more. */
  | { readonly kind: "unavailable"; readonly reason: string; readonly overloaded: boolean };

export type GovernanceStrandOptions = {
  readonly store: JournalStore;
  /** A network is founded only by an administrator of this identity's organisation. */
  readonly identity: SigningIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** The governance strand of this node: ordered by itself, or with others. */
export interface GovernanceOrder {
  readonly identities: Identities;
  /** Undefined before the founding is durable. */
  readonly strand: JournalStrand | undefined;
  /** As all durable records lead to it; undefined before the founding. */
  readonly state: GovernanceState | undefined;
  /** How many blocks are durable. */
  readonly height: number;
  readonly isHalted: boolean;

  /**
   * Judges a record and has it ordered when the rules allow it.
   * @param bytes hansa.governance.SignedRecord
   * @throws WireError, GovernanceRefusal INVALID for bytes that are no record
   */
  submit(bytes: Bytes): Submission;

  /** An encoded hansa.governance.StrandBlock. */
  block(sequenceNo: number): Promise<Bytes>;

  /** Calls back after each block, and when the strand halts. Returns how to end it. */
  follow(onChange: () => void): () => void;

  /** Takes no more records and settles when the accepted ones are durable, as far as that can be done. */
  halt(reason: string): Promise<void>;
}

/** Accepted and not yet durable. */
export const MAX_BACKLOG_RECORDS = 10_000;

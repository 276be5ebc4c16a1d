/**
 * Why a transaction is valid or not, as data: what `hansa tx explain --json` prints and what the text is made of.
 * Lists are bounded; what was cut is counted beside them or told in `notes`.
 */

export const EXPLANATION_FORMAT = "hansa.explanation/1";

/** Position of a transaction in a channel; both count from 0. */
export type Place = { readonly block: number; readonly index: number };

export type Person = {
  readonly mspId: string;
  /** Common name of the certificate; empty when it cannot be read. */
  readonly name: string;
  /** By the channel's rules: "peer", "admin", …; undefined for somebody who does not count on the channel. */
  readonly role: string | undefined;
};

/** One transaction, in short. */
export type TransactionRef = Place & {
  readonly txId: string;
  readonly creator: Person | undefined;
  readonly chaincode: string;
  readonly function: string;
  readonly arguments: readonly string[];
};

/** A key that can be shown. */
export type ShownKey = {
  readonly namespace: string;
  /** Empty for public state. */
  readonly collection: string;
  /** The key in plain; undefined for a private key that the reader may not see, or that this peer does not know. */
  readonly key: string | undefined;
  /** Object type and attributes of a composite key. */
  readonly parts?: readonly string[];
  /** SHA-256 of a private key, hex. */
  readonly keyHash?: string;
};

/** A read that did not hold any more. */
export type ReadConflict = ShownKey & {
  readonly kind: "read conflict";
  /** Undefined: the key was not there when the transaction was endorsed. */
  readonly read: Place | undefined;
  /** Undefined: it was not there when the transaction's turn came. */
  readonly found: Place | undefined;
  /** What had become of the key in between. */
  readonly change:
    | "written"
    | "deleted"
    | "policy changed"
    /** Private data that had lived its blockToLive. */
    | "expired"
    /** No transaction had left the key as it was read: the results were altered. */
    | "made up"
    | "unknown";
  /** Who did it; undefined when it is too far back to be found, or nobody did. */
  readonly by: TransactionRef | undefined;
  readonly sameBlock: boolean;
  /** Whether the transaction writes the key as well. */
  readonly writesIt: boolean;
};

/** A range that gave other results. */
export type RangeConflict = {
  readonly kind: "range conflict";
  readonly namespace: string;
  readonly startKey: string;
  readonly endKey: string;
  /** The first key on which the results differ; undefined when it cannot be told. */
  readonly first: (ShownKey & Pick<ReadConflict, "read" | "found" | "change" | "by" | "sameBlock">) | undefined;
  /** False when the endorsers recorded hashes of the results only: then `first` is the key that changed last. */
  readonly isCertain: boolean;
};

export type SignerVerdict = Person & {
  readonly counts: boolean;
  /** Why it does not, or what is odd about it. */
  readonly reason: string | undefined;
};

/** A policy that the endorsements fall short of. */
export type PolicyShortfall = {
  readonly kind: "policy";
  readonly of:
    | "chaincode"
    | "lifecycle"
    | "collection"
    | "key"
    | "changed key"
    | "unreadable key"
    | "unknown collection";
  readonly namespace: string;
  readonly collection: string;
  readonly key: ShownKey | undefined;
  /** As policies are written: AND('Org1MSP.peer', …), or the path of a policy of the channel; empty without one. */
  readonly policy: string;
  readonly words: string;
  readonly signers: readonly SignerVerdict[];
  /** The smallest sets of further signatures that would do; each entry as "a peer of Org1MSP". */
  readonly missing: readonly (readonly string[])[];
  readonly missingCut: boolean;
  /** The earlier transaction of the block that changes the key's policy. */
  readonly changedBy: TransactionRef | undefined;
};

/** Anything else that is wrong with it. */
export type PlainFact = { readonly kind: "fact"; readonly fact: string; readonly other?: TransactionRef };

export type Finding = ReadConflict | RangeConflict | PolicyShortfall | PlainFact;

export type ShownWrite = {
  readonly key: string;
  readonly isDelete: boolean;
  readonly bytes: number;
  /** The beginning of a value that is text. */
  readonly value: string | undefined;
};

export type ShownCollection = {
  readonly name: string;
  readonly members: readonly string[];
  readonly reads: number;
  readonly writes: number;
  /** SHA-256 of the private writes, hex; empty when nothing was written. */
  readonly hash: string;
  /** Whether the peer that explains has the private values. */
  readonly here: "held" | "missing" | "no member" | "nothing written";
  /** Keys that the reader may see. */
  readonly keys: readonly string[];
};

export type ShownSet = {
  readonly namespace: string;
  readonly readCount: number;
  readonly rangeCount: number;
  readonly writeCount: number;
  readonly policyCount: number;
  readonly reads: readonly { readonly key: string; readonly version: Place | undefined }[];
  readonly writes: readonly ShownWrite[];
  readonly collections: readonly ShownCollection[];
};

export type ShownEvent = { readonly name: string; readonly bytes: number; readonly payload: string | undefined };

export type Explanation = TransactionRef & {
  readonly format: typeof EXPLANATION_FORMAT;
  readonly channel: string;
  readonly type: string;
  /** As the client said, ISO 8601. */
  readonly timestamp: string | undefined;
  /** "VALID", "MVCC_READ_CONFLICT", …: a `protos.TxValidationCode`. */
  readonly code: string;
  readonly codeNumber: number;
  readonly isValid: boolean;
  /** One sentence. */
  readonly summary: string;
  readonly findings: readonly Finding[];
  readonly advice: readonly string[];
  readonly endorsers: readonly Person[];
  readonly event: ShownEvent | undefined;
  readonly sets: readonly ShownSet[];
  /** What was cut, and what could not be looked at. */
  readonly notes: readonly string[];
};

/** The validation codes that the ledger itself gives. Source: hyperledger/fabric-protos, peer/transaction.proto. */
export const TxValidationCode = {
  VALID: 0,
  MVCC_READ_CONFLICT: 11,
  PHANTOM_READ_CONFLICT: 12,
  INVALID_OTHER_REASON: 255,
} as const;

/** Kinds of envelopes that reach a ledger. Source: hyperledger/fabric-protos, common/common.proto. */
export const HeaderType = { CONFIG: 1, ENDORSER_TRANSACTION: 3 } as const;

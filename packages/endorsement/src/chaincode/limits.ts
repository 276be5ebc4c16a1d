/**
 * Bounds on what one chaincode may send or hold open. The first three are Fabric's (core.yaml, query_response_generator.go),
 * the others are far above what contracts do and keep a runaway one from taking the peer with it.
 */
export type ConversationLimits = {
  /** Results of one query; what is beyond is cut off silently, as Fabric does. */
  readonly totalQueryLimit: number;
  /** Results in one message between peer and chaincode. */
  readonly queryBatch: number;
  readonly maxMessageBytes: number;
  readonly maxEventBytes: number;
  /** Open at the same time in one call. */
  readonly maxOpenQueries: number;
  /** Announced to shims of v3.1: writes per WRITE_BATCH_STATE, keys per GET_STATE_MULTIPLE. */
  readonly maxWriteBatch: number;
  readonly maxMultipleKeys: number;
};

export const DEFAULT_LIMITS: ConversationLimits = {
  totalQueryLimit: 100_000,
  queryBatch: 100,
  maxMessageBytes: 100 * 1024 * 1024,
  maxEventBytes: 16 * 1024 * 1024,
  maxOpenQueries: 1_000,
  maxWriteBatch: 1_000,
  maxMultipleKeys: 1_000,
};

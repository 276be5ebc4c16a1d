export * from "./acts.js";
export { type DryRun, describePolicy, dryRun } from "./dry-run.js";
export { GovernanceRefusal, type RefusalReason } from "./error.js";
export { asOf, nextExpiry } from "./expiry.js";
export {
  type Folded,
  type FoldedAll,
  fold,
  foldAll,
  type Refused,
  type TimedAct,
} from "./fold.js";
export { describeAct, explainMember, type HistoryLine, history } from "./history.js";
export { Identities } from "./identities.js";
export * from "./ids.js";
export {
  encodeRecord,
  GOVERNANCE_STRAND,
  RECORD_FORMAT,
  type ReadRecord,
  type RecordSignature,
  readRecord,
  readSignedRecord,
  type SignedRecord,
  signedRecord,
} from "./records.js";
export { encodeRefusal, REFUSAL_MESSAGE, refusalIn } from "./refusal.js";
export * from "./state.js";
export * from "./strand.js";
export { encodeStrandBlock, readStrandBlock, strandBlockOf } from "./strand-message.js";
export { electorateOf, isPresent, isSamePolicy, signaturesNeeded, type Tally, tally, votesNeeded } from "./tally.js";

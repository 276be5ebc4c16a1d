/** What is done to the ledgers of a peer that does not run. */
export { readSnapshotMetadata } from "@hansa/storage";
export {
  joinBySnapshot,
  pauseChannel,
  rebuildLedgers,
  resetLedgers,
  resumeChannel,
  rollbackLedger,
  unjoinChannel,
} from "./ledgers.js";

/** What is done to the ledgers of a peer that does not run. */
export {
  pauseChannel,
  rebuildLedgers,
  resetLedgers,
  resumeChannel,
  rollbackLedger,
  unjoinChannel,
} from "./ledgers.js";

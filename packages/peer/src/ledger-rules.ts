import { changedCollections, collectionBlockToLive } from "@hansa/endorsement/validation";

/** What a ledger asks the chaincode lifecycle for: how long collections live, and when they change. */
export const LEDGER_RULES = { blockToLive: collectionBlockToLive, collectionChanges: changedCollections };

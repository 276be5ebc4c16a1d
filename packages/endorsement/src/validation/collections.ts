import type { BlockToLive } from "@hansa/ledger";
import { toNumber } from "@hansa/wire";
import { LIFECYCLE_NAMESPACE } from "../lifecycle/keys.js";
import { chaincodeDefinition } from "../lifecycle/reading.js";

/** Blocks that private data of a collection lives, 0 for ever. For `Ledger.open`. */
export const collectionBlockToLive: BlockToLive = (state, namespace, collection) => {
  if (namespace === LIFECYCLE_NAMESPACE) return 0;
  const found = chaincodeDefinition(state, namespace)?.collections.find(({ name }) => name === collection);
  return found === undefined ? 0 : toNumber(found.blockToLive);
};

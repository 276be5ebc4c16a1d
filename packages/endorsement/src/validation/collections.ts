import type { BlockToLive, CollectionChanges } from "@hansa/ledger";
import { NO_BYTES } from "@hansa/primitives";
import { toNumber } from "@hansa/wire";
import { chaincodeOfSequenceKey, LIFECYCLE_NAMESPACE } from "../lifecycle/keys.js";
import { chaincodeDefinition, readDefinition } from "../lifecycle/reading.js";

/** Blocks that private data of a collection lives, 0 for ever. For `Ledger.open`. */
export const collectionBlockToLive: BlockToLive = (state, namespace, collection) => {
  if (namespace === LIFECYCLE_NAMESPACE) return 0;
  const found = chaincodeDefinition(state, namespace)?.collections.find(({ name }) => name === collection);
  return found === undefined ? 0 : toNumber(found.blockToLive);
};

/** Chaincodes whose definition a block commits, with the collections they have from then on. For `Ledger.open`. */
export const changedCollections: CollectionChanges = (state, batch) => {
  const names = [...(batch.updates.get(LIFECYCLE_NAMESPACE)?.keys() ?? [])].flatMap(
    (key) => chaincodeOfSequenceKey(key) ?? [],
  );
  const read = (key: string) => {
    const update = batch.get(LIFECYCLE_NAMESPACE, key);
    return update === undefined ? state.get(LIFECYCLE_NAMESPACE, key)?.value : update.value;
  };
  return names.map((name) => [name, readDefinition(read, name)?.collectionsBytes ?? NO_BYTES]);
};

/** What the ledger asks of collection definitions. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { BlockToLive, CollectionLookup, StateReader } from "@hansa/ledger";
import { toNumber } from "@hansa/wire";
import { implicitCollection, LIFECYCLE_NAMESPACE } from "../lifecycle/keys.js";
import { chaincodeDefinition } from "../lifecycle/reading.js";

/** Blocks that private data of a collection lives, 0 for ever. For `Ledger.open`. */
export const collectionBlockToLive: BlockToLive = (state, namespace, collection) => {
  if (namespace === LIFECYCLE_NAMESPACE) return 0;
  const found = chaincodeDefinition(state, namespace)?.collections.find(({ name }) => name === collection);
  return found === undefined ? 0 : toNumber(found.blockToLive);
};

/** Collections that a simulation may name: the defined ones and the implicit one of each organisation. */
export function collectionLookup(state: StateReader, config: ChannelConfig): CollectionLookup {
  return (namespace) => {
    const isLifecycle = namespace === LIFECYCLE_NAMESPACE;
    const definition = isLifecycle ? undefined : chaincodeDefinition(state, namespace);
    if (!isLifecycle && definition === undefined) return undefined;
    const names = new Set(config.applicationOrgs().map(({ mspId }) => implicitCollection(mspId)));
    for (const { name } of definition?.collections ?? []) if (name) names.add(name);
    return names;
  };
}

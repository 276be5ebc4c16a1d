/** Feeds blocks to a ledger as a peer does. */
import type { ChannelConfig } from "@hansa/channel-config";
import {
  BlockValidator,
  type BlockVerdicts,
  changedCollections,
  collectionBlockToLive,
} from "@hansa/endorsement/validation";
import { type BlockStore, type CommittedBlock, Ledger, type StateEntry, type StateStore } from "@hansa/ledger";
import { type BlockParts, METADATA } from "@hansa/wire";

/** Without what a peer adds. */
export function asDelivered(block: BlockParts): BlockParts {
  const metadata = block.metadata.map((entry, index) =>
    index === METADATA.TRANSACTIONS_FILTER || index === METADATA.COMMIT_HASH ? new Uint8Array(0) : entry,
  );
  return { ...block, metadata };
}

export function openLedger(channelId: string, stores: { blocks: BlockStore; state: StateStore }): Promise<Ledger> {
  const rules = { blockToLive: collectionBlockToLive, collectionChanges: changedCollections };
  return Ledger.open({ channelId, ...stores, ...rules });
}

export class Replay {
  readonly ledger: Ledger;
  readonly committed: CommittedBlock[] = [];
  readonly #validator: BlockValidator;
  #config: ChannelConfig | undefined;

  /** @param config in force, unless the ledger is empty */
  constructor(ledger: Ledger, config?: ChannelConfig) {
    this.ledger = ledger;
    this.#config = config;
    this.#validator = new BlockValidator(ledger.channelId);
  }

  /** The verdicts that the block would get if it came now. Changes nothing. */
  judge(block: BlockParts): Promise<BlockVerdicts> {
    return this.#validator.validate(block, {
      config: this.#config,
      state: this.ledger.state,
      isKnown: (txId) => this.ledger.hasId(txId),
    });
  }

  async take(block: BlockParts): Promise<CommittedBlock> {
    const { transactions, config } = await this.judge(block);
    const committed = await this.ledger.commit({ block, transactions });
    this.#config = config;
    this.committed.push(committed);
    return committed;
  }
}

export async function stateOf(ledger: Ledger, namespace: string): Promise<StateEntry[]> {
  const entries: StateEntry[] = [];
  const cursor = ledger.state.range(namespace, "", "");
  for (let page = await cursor.next(50); page.length > 0; page = await cursor.next(50)) entries.push(...page);
  await cursor.close();
  return entries;
}

/**
 * Private data behind the hashes that a snapshot brought: asked of the other peers after the join, block by block,
 * newest first. What nobody gives is asked for again, ever more seldom, since its holders may be away; what this peer's
 * organisation may not have is left until it may.
 * Source: hyperledger/fabric, gossip/privdata/reconcile.go (order).
 */
import type { ChannelConfig } from "@hansa/channel-config";
import { type MissingSet, missingSets, type PrivateWrites } from "@hansa/ledger";
import type { SigningIdentity } from "@hansa/msp";
import { type Clock, type Logger, messageOf, NO_BYTES } from "@hansa/primitives";
import { decode, rwset } from "@hansa/wire";
import type { PeerChannel } from "../channel.js";
import type { OtherPeer } from "../config.js";
import { pullPrivate } from "./missed.js";

export type ReconcilerOptions = {
  readonly channel: PeerChannel;
  readonly signer: SigningIdentity;
  readonly holds: PrivateWrites["holds"];
  readonly others: (config: ChannelConfig) => readonly OtherPeer[];
  readonly clock: Clock;
  readonly logger: Logger;
};

const PAGE = 200;
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 10 * 60_000;
/** A peer that did not answer is not asked again in the same round. */
type Silent = Set<string>;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Does nothing for a channel that began with block 0: it asks when a block comes. */
  start(): void {
    if (this.#options.channel.ledger.blocks.basis === undefined) return;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { channel, logger } = this.#options;
    const { signal } = this.#stopping;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)) {
      try {
        const { wanted, filled } = await this.#round();
        if (filled > 0) logger.info("private data reconciled", { channel: channel.channelId, wanted, filled });
        if (filled > 0) pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("private data not reconciled", { channel: channel.channelId, reason: messageOf(error) });
      }
      await pause(pauseMs, signal);
    }
  }

  async #round(): Promise<{ readonly wanted: number; readonly filled: number }> {
    const { channel, holds } = this.#options;
    const { state } = channel.ledger;
    const silent: Silent = new Set();
    let [wanted, filled] = [0, 0];
    let after: MissingSet | undefined;
    for (;;) {
      const page = await missingSets(state, after, PAGE);
      after = page.at(-1);
      if (after === undefined || this.#stopping.signal.aborted) return { wanted, filled };
      const held = page.filter(({ namespace, collection }) => holds(state, namespace, collection));
      wanted += held.length;
      for (const [blockNumber, sets] of byBlock(held)) filled += await this.#fill(blockNumber, sets, silent);
    }
  }

  /** Returns how many of a block's sets were found. */
  async #fill(blockNumber: number, sets: readonly MissingSet[], silent: Silent): Promise<number> {
    const { channel, others, signer, clock, logger } = this.#options;
    let wanted = sets;
    const peers = [...others(channel.config())].sort(
      (a, b) => Number(b.mspId === signer.mspId) - Number(a.mspId === signer.mspId),
    );
    for (const { address, connection } of peers) {
      if (wanted.length === 0 || this.#stopping.signal.aborted) break;
      if (silent.has(address)) continue;
      try {
        const answer = await pullPrivate(connection, channel.channelId, blockNumber, signer, clock);
        const left: MissingSet[] = [];
        for (const set of wanted) {
          const plain = plainOf(answer.find(({ txIndex }) => (txIndex ?? 0) === set.txIndex)?.privateRwset, set);
          if (plain === undefined || !(await channel.ledger.fillMissing(set, plain))) left.push(set);
        }
        wanted = left;
      } catch (error) {
        silent.add(address);
        logger.debug("private data not given", {
          channel: channel.channelId,
          peer: address,
          reason: messageOf(error),
        });
      }
    }
    return sets.length - wanted.length;
  }
}

function byBlock(sets: readonly MissingSet[]): Map<number, MissingSet[]> {
  const found = new Map<number, MissingSet[]>();
  for (const set of sets) found.set(set.blockNumber, [...(found.get(set.blockNumber) ?? []), set]);
  return found;
}

/** The set's own part of what a peer gave of its transaction. */
function plainOf(given: Uint8Array | null | undefined, { namespace, collection }: MissingSet): Uint8Array | undefined {
  if (!given) return undefined;
  const { nsPvtRwset } = decode(rwset.TxPvtReadWriteSet, given, "rwset.TxPvtReadWriteSet");
  for (const each of nsPvtRwset) {
    if (each.namespace !== namespace) continue;
    const found = each.collectionPvtRwset?.find(({ collectionName }) => collectionName === collection);
    if (found !== undefined) return found.rwset ?? NO_BYTES;
  }
  return undefined;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms).unref();
    signal.addEventListener("abort", end);
  });
}

/**
 * Asks again and again for private data that a channel misses: newest blocks first, a few at a time, from every peer
 * that may have them. Also for what the organisation may have only since a later definition. The ledger remembers what
 * is missing, so that this goes on after a restart.
 * Source: hyperledger/fabric, gossip/privdata/reconcile.go.
 */
import { LIFECYCLE_NAMESPACE } from "@hansa/endorsement/lifecycle";
import type { MissingSet } from "@hansa/ledger";
import { messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { TxValidationCode } from "@hansa/wire";
import type { PeerChannel } from "../channel.js";
import type { ReconcileSettings } from "../config.js";
import type { OtherPeer } from "../other-peer.js";
import { isOf, type MissedOptions, ownFirst, reportWrong } from "./missed.js";
import { askForPrivate, type GivenSet } from "./pull.js";

/** Before the first round after a start, or after something new is missing; it doubles until it is the interval. */
const SOON_MS = 500;

type Batch = { readonly blockNumber: number; readonly sets: MissingSet[] }[];

export class Reconciler {
  readonly #channel: PeerChannel;
  readonly #options: MissedOptions;
  readonly #settings: ReconcileSettings;
  readonly #stopWatching: () => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;
  #pauseMs: number;
  #dueAtMs = 0;

  constructor(channel: PeerChannel, options: MissedOptions, settings: ReconcileSettings) {
    this.#channel = channel;
    this.#options = options;
    this.#settings = settings;
    this.#pauseMs = Math.min(SOON_MS, settings.intervalMs);
    this.#schedule();
    this.#stopWatching = channel.onCommit(({ transactions }) => {
      // A definition may make more of what is missing ours.
      const isDefinition = transactions.some(
        ({ code, rwset }) =>
          code === TxValidationCode.VALID &&
          rwset?.namespaces.some(({ namespace, writes }) => namespace === LIFECYCLE_NAMESPACE && writes.length > 0),
      );
      if (isDefinition) this.hurry();
    });
  }

  /** Something new is missing, or may be had. */
  hurry(): void {
    this.#pauseMs = Math.min(SOON_MS, this.#settings.intervalMs);
    // Blocks that come one after the other must not put it off.
    if (this.#dueAtMs > performance.now() + this.#pauseMs) this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stopWatching();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(2 * pauseMs, this.#settings.intervalMs);
    this.#dueAtMs = performance.now() + pauseMs;
    this.#timer = setTimeout(() => {
      // Never two at a time.
      this.#running = this.#running.then(() => this.#round());
    }, pauseMs).unref();
  }

  async #round(): Promise<void> {
    if (this.#isStopped) return;
    const { logger } = this.#options;
    const { channelId: channel } = this.#channel;
    try {
      const { found, missing } = await this.#askForAll();
      if (found > 0) {
        logger.info("missing private data came in", { channel, sets: found, stillMissing: missing - found });
      } else if (missing > 0) logger.debug("private data is still missing", { channel, sets: missing });
    } catch (error) {
      if (!this.#isStopped) logger.warn("private data cannot be reconciled", { channel, reason: messageOf(error) });
    }
    this.#schedule();
  }

  async #askForAll(): Promise<{ found: number; missing: number }> {
    const { others, signer } = this.#options;
    const counts = { found: 0, missing: 0 };
    /** Those that have not failed in this round. */
    const peers = new Set(ownFirst(others(this.#channel.config()), signer.mspId));
    const askFor = async (batch: Batch) => {
      for (const { blockNumber, sets } of batch) {
        counts.missing += sets.length;
        counts.found += await this.#askForBlock(blockNumber, sets, peers);
      }
    };
    let batch: Batch = [];
    for await (const set of this.#channel.ledger.missing()) {
      if (this.#isStopped || peers.size === 0) return counts;
      const last = batch.at(-1);
      if (last?.blockNumber === set.blockNumber) last.sets.push(set);
      else {
        if (batch.length >= this.#settings.batchBlocks) {
          await askFor(batch);
          batch = [];
        }
        batch.push({ blockNumber: set.blockNumber, sets: [set] });
      }
    }
    await askFor(batch);
    return counts;
  }

  /** Returns how many of the sets came. */
  async #askForBlock(blockNumber: number, sets: readonly MissingSet[], peers: Set<OtherPeer>): Promise<number> {
    const { signer, clock, asked, logger } = this.#options;
    const { ledger, channelId } = this.#channel;
    const missing = new Set(sets);
    const parts = new Map<MissingSet, { readonly plain: Uint8Array; readonly from: string }>();
    for (const peer of peers) {
      if (this.#isStopped || missing.size === 0) break;
      let given: readonly GivenSet[];
      try {
        given = await askForPrivate(peer, { channelId, blockNumber, txIds: [] }, { signer, clock, asked });
      } catch (error) {
        // One that is behind may well have the next block, an older one.
        if (!(error instanceof RpcStatus && error.code === GrpcStatus.NOT_FOUND)) peers.delete(peer);
        logger.debug("missing private data not given", {
          channel: channelId,
          peer: peer.address,
          reason: messageOf(error),
        });
        continue;
      }
      for (const set of missing) {
        const found = given.find((each) => isOf(set, each));
        if (found === undefined) continue;
        const from = `${peer.address} of ${peer.mspId}`;
        const outcome = await ledger.fillMissing(set, found.plain);
        if (outcome === "filled") missing.delete(set);
        else if (outcome === "part") parts.set(set, { plain: found.plain, from });
        else reportWrong(logger, channelId, blockNumber, set, from);
      }
    }
    // A purge leaves parts of sets, and then nobody has the whole.
    for (const [set, { plain }] of parts) {
      if (missing.has(set) && (await ledger.fillMissing(set, plain, true)) === "filled") missing.delete(set);
    }
    return sets.length - missing.size;
  }
}

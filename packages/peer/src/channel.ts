/**
 * One channel on this peer: its ledger, its configuration, and the committer that keeps both up with the orderer.
 *
 * The rules are elsewhere: which block to take in `committer/`, which transactions hold in endorsement/validation, what
 * they change in ledger. This file carries between them and tells those who wait.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { CommittedBlock, Ledger } from "@hansa/ledger";
import { type CancelSignal, type Clock, HansaError, type Logger, messageOf, type UnixMs } from "@hansa/primitives";
import { splitBlock } from "@hansa/wire";
import {
  type CommitterInput,
  type CommitterState,
  type Consequence,
  newCommitter,
  type OrdererSource,
  step,
} from "./committer/committer.js";
import type { IncomingBlock } from "./committer/intake.js";
import type { TransientStore } from "./transient-store.js";

export type TransactionStatus = { readonly code: number; readonly blockNumber: number };

/** An open stream from an orderer. */
export interface BlockStream {
  pause(): void;
  resume(): void;
  close(): void;
}

export type OpenStream = (
  source: OrdererSource,
  from: number,
  config: ChannelConfig,
  events: { onBlock(block: Uint8Array): void; onEnd(reason: string): void },
) => BlockStream;

/** Judges blocks; see endorsement/validation. */
export interface BlockJudge {
  /** Works ahead on what depends on no state. */
  prepare(block: IncomingBlock, config: ChannelConfig): void;
  /** Verdicts of one block and the configuration in force after it. */
  judge(block: IncomingBlock, config: ChannelConfig, ledger: Ledger): Promise<JudgedBlock>;
}

export type JudgedBlock = {
  readonly transactions: Parameters<Ledger["commit"]>[0]["transactions"];
  readonly config: ChannelConfig;
};

export type ChannelOptions = {
  readonly ledger: Ledger;
  readonly config: ChannelConfig;
  readonly transient: TransientStore;
  readonly judge: BlockJudge;
  readonly openStream: OpenStream;
  /** Told of each committed block and how long it took: a place for metrics. */
  readonly onProcessed?: (committed: CommittedBlock, seconds: number) => void;
  /** Fetches private write sets of a block's transactions that this peer is to keep and has not been given. */
  readonly fetchPrivate?: (
    channel: PeerChannel,
    blockNumber: number,
    transactions: JudgedBlock["transactions"],
  ) => Promise<void>;
  /** Where blocks come from under a configuration: orderers that are believed. */
  readonly sources: (config: ChannelConfig) => readonly OrdererSource[];
  /** An orderer has signed a block that does not stand on the newest one here. */
  readonly onFork?: (channel: PeerChannel, block: Uint8Array, source: OrdererSource, reason: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Blocks that may be on their way to the disk while the next one is judged. */
const MAX_STORING = 8;

type StatusWaiter = { settle(status: TransactionStatus): void; fail(reason: Error): void };

export class PeerChannel {
  readonly channelId: string;
  readonly ledger: Ledger;
  readonly transient: TransientStore;
  readonly #options: ChannelOptions;
  readonly #logger: Logger;
  readonly #blockWaiters = new Set<() => void>();
  readonly #statusWaiters = new Map<string, Set<StatusWaiter>>();
  readonly #listeners = new Set<(block: CommittedBlock, config: ChannelConfig) => void>();
  #isClosing = false;
  #config: ChannelConfig;
  #state: CommitterState;
  #stream: { session: number; stream: BlockStream } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #committing: Promise<void> = Promise.resolve();
  /** When the newest block that was taken in is stored and told of, or failed. */
  #settled: Promise<void> = Promise.resolve();
  /** Blocks on their way to the disk. */
  #storing = 0;
  #failure: Error | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.channelId = options.ledger.channelId;
    this.ledger = options.ledger;
    this.transient = options.transient;
    this.#config = options.config;
    this.#logger = options.logger.child({ channel: this.channelId });
    const { height, currentBlockHash } = options.ledger.info();
    const tip = { next: height, previousHash: currentBlockHash };
    this.#state = newCommitter(options.config, tip, options.sources(options.config));
  }

  config(): ChannelConfig {
    return this.#config;
  }

  height(): number {
    return this.ledger.height;
  }

  /** Why the channel takes no more blocks; undefined while it does. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  start(): void {
    this.#feed({ kind: "start" });
  }

  /** Asks anew which orderers are believed. */
  recheckSources(): void {
    this.#feed({ kind: "sources", sources: this.#options.sources(this.#config) });
  }

  async stop(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    this.#stream?.stream.close();
    this.#wakeBlockWaiters();
    this.#failStatusWaiters(this.#closed());
    await this.#committing;
    await this.ledger.close();
  }

  /** Bytes of a committed block with the peer's metadata. @throws HansaError when there is no such block */
  async block(number: number): Promise<Uint8Array> {
    const bytes = await this.ledger.blocks.read(number);
    if (bytes === undefined) {
      throw new HansaError("BLOCK_NOT_FOUND", `channel ${this.channelId} has no block ${number}`);
    }
    return bytes;
  }

  /** Resolves true once block `number` is committed; false when the signal fires or the channel closes. */
  async waitFor(number: number, signal: AbortSignal): Promise<boolean> {
    while (number >= this.height()) {
      if (signal.aborted || this.#isClosing) return false;
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#blockWaiters.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#blockWaiters.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    }
    return true;
  }

  /** What became of a transaction; undefined while it is not committed. */
  status(txId: string): TransactionStatus | undefined {
    const found = this.ledger.find(txId);
    return found === undefined ? undefined : { code: found.code, blockNumber: found.blockNumber };
  }

  /** Waits for a transaction's verdict. @throws HansaError ABORTED when the signal fires, CHANNEL_CLOSED at the end */
  waitForStatus(txId: string, signal: CancelSignal): Promise<TransactionStatus> {
    const known = this.status(txId);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const forget = () => {
        const waiters = this.#statusWaiters.get(txId);
        waiters?.delete(waiter);
        if (waiters?.size === 0) this.#statusWaiters.delete(txId);
        signal.removeEventListener("abort", abort);
      };
      const waiter: StatusWaiter = {
        settle: (status) => {
          forget();
          resolve(status);
        },
        fail: (reason) => {
          forget();
          reject(reason);
        },
      };
      const abort = () => waiter.fail(new HansaError("ABORTED", `stopped waiting for transaction ${txId}`));
      if (this.#isClosing) waiter.fail(this.#closed());
      else if (this.#failure !== undefined) waiter.fail(this.#failure);
      else if (signal.aborted) abort();
      else {
        const waiters = this.#statusWaiters.get(txId) ?? new Set();
        this.#statusWaiters.set(txId, waiters.add(waiter));
        signal.addEventListener("abort", abort, { once: true });
      }
    });
  }

  /** Called after each commit, in order. Returns how to stop it. */
  onCommit(listener: (block: CommittedBlock, config: ChannelConfig) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #feed(input: CommitterInput): void {
    if (this.#isClosing || this.#failure !== undefined) return;
    try {
      const { state, consequences } = step(this.#state, input, this.#options.clock.now());
      this.#state = state;
      for (const consequence of consequences) this.#execute(consequence);
    } catch (error) {
      this.#fail("the committer broke down", error);
    }
  }

  #execute(consequence: Consequence): void {
    switch (consequence.kind) {
      case "dial":
        this.#dial(consequence.session, consequence.source, consequence.from);
        break;
      case "hang up":
        this.#current(consequence.session)?.close();
        break;
      case "pause":
        this.#current(consequence.session)?.pause();
        break;
      case "resume":
        this.#current(consequence.session)?.resume();
        break;
      case "wake":
        this.#wakeAt(consequence.at);
        break;
      case "prepare":
        this.#options.judge.prepare(consequence.block, this.#state.config);
        break;
      case "commit":
        this.#committing = this.#commit(consequence.block);
        break;
      case "fork":
        this.#options.onFork?.(this, consequence.block, consequence.source, consequence.reason);
        break;
      case "warn": {
        const { message, reason, source } = consequence;
        this.#logger.warn(message, { reason, orderer: source.address, height: this.height() });
        break;
      }
    }
  }

  #dial(session: number, source: OrdererSource, from: number): void {
    this.#stream?.stream.close();
    const stream = this.#options.openStream(source, from, this.#config, {
      onBlock: (block) => this.#feed({ kind: "received", session, block }),
      onEnd: (reason) => this.#feed({ kind: "ended", session, reason }),
    });
    this.#stream = { session, stream };
  }

  #current(session: number): BlockStream | undefined {
    return this.#stream?.session === session ? this.#stream.stream : undefined;
  }

  #wakeAt(at: UnixMs): void {
    clearTimeout(this.#timer);
    const waitMs = Math.max(0, at - this.#options.clock.now());
    this.#timer = setTimeout(() => this.#feed({ kind: "timer" }), waitMs);
  }

  async #commit(block: IncomingBlock): Promise<void> {
    const startedAt = performance.now();
    try {
      const { transactions, config } = await this.#options.judge.judge(block, this.#config, this.ledger);
      await this.#options.fetchPrivate?.(this, block.number, transactions);
      const { committed, stored } = await this.ledger.begin({ block: splitBlock(block.bytes), transactions });
      this.#storing++;
      const settled = this.#settled.then(async () => {
        await stored;
        this.#storing--;
        this.#options.onProcessed?.(committed, (performance.now() - startedAt) / 1000);
        this.#config = config;
        this.#tell(committed);
        this.#logger.info("block committed", {
          number: committed.number,
          txCount: committed.transactions.length,
          durationMs: Math.round(performance.now() - startedAt),
        });
      });
      this.#settled = settled.catch(() => {});
      // Whoever is behind does not wait for the disk at every block: blocks that come meanwhile share a write.
      const isFollowed = this.#state.queue.length > 1;
      if (block.isConfig || !isFollowed || this.#storing >= MAX_STORING) await settled;
      const sources = this.#options.sources(config);
      this.#feed({ kind: "committed", number: committed.number, config, sources });
      await settled;
    } catch (error) {
      this.#fail(`block ${block.number} cannot be committed`, error);
    }
  }

  #tell(committed: CommittedBlock): void {
    const { number: blockNumber, transactions } = committed;
    const txIds: string[] = [];
    for (const { txId, code } of transactions) {
      if (txId === "") continue;
      txIds.push(txId);
      // Of two with one id the first counts; the later is a duplicate, and whoever waits has gone by then.
      for (const waiter of this.#statusWaiters.get(txId) ?? []) waiter.settle({ code, blockNumber });
    }
    this.transient.purge(txIds, committed.number + 1);
    for (const listener of this.#listeners) {
      try {
        listener(committed, this.#config);
      } catch (error) {
        this.#logger.error("commit listener failed", { number: blockNumber, reason: messageOf(error) });
      }
    }
    this.#wakeBlockWaiters();
  }

  #closed(): HansaError {
    return new HansaError("CHANNEL_CLOSED", `channel ${this.channelId} is closing`);
  }

  #wakeBlockWaiters(): void {
    for (const wake of [...this.#blockWaiters]) wake();
  }

  /** The channel stays where it is: going on past a block that cannot be committed would fork it from the others. */
  #fail(what: string, error: unknown): void {
    if (this.#isClosing) return;
    this.#failure = new HansaError("CHANNEL_FAILED", `channel ${this.channelId} has stopped: ${what}`, {
      cause: error,
    });
    this.#logger.error("channel stopped", {
      what,
      height: this.height(),
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    this.#stream?.stream.close();
    clearTimeout(this.#timer);
    this.#failStatusWaiters(this.#failure);
  }

  #failStatusWaiters(reason: Error): void {
    for (const waiters of [...this.#statusWaiters.values()]) {
      for (const waiter of [...waiters]) waiter.fail(reason);
    }
  }
}

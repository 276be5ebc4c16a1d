/**
 * The channels that this peer has joined, each in a folder of its own below `channels/`.
 *
 * A channel is joined once its genesis block is durable. A folder without a block is what a crash left of a join that
 * was not answered, and is made anew by the next one. A folder whose name begins with a dot is one that is being made or
 * taken away. A folder with the file `paused` is let be (see offline/).
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ChannelConfig } from "@hansa/channel-config";
import { Ledger, type PrivateWrites } from "@hansa/ledger";
import { type Clock, HansaError, type Logger } from "@hansa/primitives";
import { FolderLock, verifySnapshot } from "@hansa/storage";
import { splitBlock } from "@hansa/wire";
import { type ChannelOptions, type OpenStream, PeerChannel } from "./channel.js";
import { configInForce } from "./config-in-force.js";
import { type ChannelJudge, createJudge } from "./judge.js";
import { LEDGER_RULES as RULES } from "./ledger-rules.js";
import type { PeerMeasures } from "./measures.js";
import { PAUSED_FILE } from "./offline/paused.js";
import { finishRebuilding } from "./offline/rebuilding.js";
import { frozenAt } from "./snapshots/frozen-at.js";
import { importChannel, importIntoMemory } from "./snapshots/import-channel.js";
import { SnapshotJoin } from "./snapshots/join.js";
import { SnapshotRequests } from "./snapshots/requests.js";
import { type ChannelStores, openStores } from "./stores.js";
import { TransientStore } from "./transient-store.js";

export type ChannelSetOptions = {
  readonly directory: string;
  readonly stores: "disk" | "memory";
  /** Folder of the snapshots that are taken of channels. */
  readonly snapshots: string;
  readonly openStream: OpenStream;
  readonly fetchPrivate?: ChannelOptions["fetchPrivate"];
  /** Whether blocks of a channel may be taken from an orderer. */
  readonly trusts: (channelId: string, address: string) => boolean;
  readonly onFork: NonNullable<ChannelOptions["onFork"]>;
  /** Which collections' private data this peer keeps. */
  readonly holds: PrivateWrites["holds"];
  /** A channel was opened or joined and is about to follow its orderers. */
  readonly onOpen: (channel: PeerChannel) => void;
  readonly measures?: PeerMeasures;
  readonly clock: Clock;
  readonly logger: Logger;
};

type Opened = {
  readonly ledger: Ledger;
  readonly snapshots: SnapshotRequests;
  readonly transient: TransientStore;
  readonly judge: ChannelJudge;
};

export class ChannelSet {
  readonly #options: ChannelSetOptions;
  readonly #channels = new Map<string, PeerChannel>();
  readonly #joining = new Map<string, Promise<PeerChannel>>();
  readonly #paused = new Set<string>();
  /** Held while the peer runs: what is done to a stopped peer's ledgers must not meet it. */
  #lock: FolderLock | undefined;
  readonly #snapshots = new Map<string, SnapshotRequests>();
  /** The join by snapshot that is under way, if one is. */
  readonly snapshotJoin: SnapshotJoin;

  private constructor(options: ChannelSetOptions) {
    this.#options = options;
    this.snapshotJoin = new SnapshotJoin((folder) => this.#import(folder), options.logger);
  }

  /** Opens all channels that were joined before. */
  static async open(options: ChannelSetOptions): Promise<ChannelSet> {
    const set = new ChannelSet(options);
    if (options.stores === "memory") return set;
    await mkdir(options.directory, { recursive: true });
    set.#lock = FolderLock.acquire(options.directory);
    const folders = await readdir(options.directory, { withFileTypes: true });
    const names = folders.filter((each) => each.isDirectory()).map(({ name }) => name);
    for (const name of names.filter((each) => each.startsWith(".")))
      await rm(join(options.directory, name), { recursive: true, force: true });
    const reopened = await Promise.allSettled(
      names.filter((each) => !each.startsWith(".")).map((channelId) => set.#reopen(channelId)),
    );
    for (const outcome of reopened) {
      if (outcome.status === "fulfilled") continue;
      await set.stop();
      throw outcome.reason;
    }
    return set;
  }

  get(channelId: string): PeerChannel | undefined {
    return this.#channels.get(channelId);
  }

  /** Joined, but to be let be until they are resumed. */
  pausedIds(): string[] {
    return [...this.#paused].sort();
  }

  /** The snapshots that were asked of a channel. */
  snapshotsOf(channelId: string): SnapshotRequests | undefined {
    return this.#snapshots.get(channelId);
  }

  /** In the order of their names. */
  ids(): string[] {
    return [...this.#channels.keys()].sort();
  }

  all(): PeerChannel[] {
    return [...this.#channels.values()];
  }

  /**
   * Joins the channel of a genesis block.
   * @throws ConfigError when the block is none, HansaError ALREADY_JOINED
   */
  async join(genesis: Uint8Array): Promise<PeerChannel> {
    const config = ChannelConfig.fromBlock(genesis);
    const { channelId } = config;
    if (splitBlock(genesis).header.number !== 0n) {
      throw new HansaError(
        "NOT_GENESIS",
        `cannot create ledger from genesis block: block of ${channelId} is not block 0`,
        {
          nextStep: "Fetch block 0 of the channel and join with that.",
        },
      );
    }
    this.snapshotJoin.checkIdle("cannot create ledger from genesis block");
    this.#checkNew(channelId, "cannot create ledger from genesis block");
    const joining = this.#create(config, genesis);
    this.#joining.set(channelId, joining);
    try {
      return await joining;
    } finally {
      this.#joining.delete(channelId);
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#joining.values(), this.snapshotJoin.stop()]);
    await Promise.all([...this.#snapshots.values()].map((requests) => requests.stop()));
    try {
      await Promise.all(this.all().map((channel) => channel.stop()));
    } finally {
      this.#lock?.release();
      this.#lock = undefined;
    }
  }

  #checkNew(channelId: string, doing: string): void {
    const isActive = this.#channels.has(channelId) || this.#joining.has(channelId);
    if (!isActive && !this.#paused.has(channelId)) return;
    throw new HansaError(
      "ALREADY_JOINED",
      `${doing}: ledger [${channelId}] already exists with state [${isActive ? "ACTIVE" : "INACTIVE"}]`,
    );
  }

  /** Joins the channel of a snapshot. Returns the channel's id. */
  async #import(snapshot: string): Promise<string> {
    const { directory, stores, logger } = this.#options;
    const startedAt = performance.now();
    const metadata = await verifySnapshot(snapshot);
    const { channelId, lastBlock } = metadata;
    this.#checkNew(channelId, "error while creating ledger id");
    if (stores === "memory") {
      const opened = await this.#openLedger(channelId, await importIntoMemory(snapshot, metadata, RULES));
      this.#follow(opened, configInForce(opened.ledger));
    } else {
      const draft = join(directory, `.${channelId}`);
      await importChannel(snapshot, metadata, draft, RULES);
      // What a join left that was not answered.
      await rm(join(directory, channelId), { recursive: true, force: true });
      await rename(draft, join(directory, channelId));
      await this.#reopen(channelId);
    }
    const durationMs = Math.round(performance.now() - startedAt);
    logger.info("channel joined by snapshot", { channel: channelId, lastBlock, durationMs });
    return channelId;
  }

  async #create(config: ChannelConfig, genesis: Uint8Array): Promise<PeerChannel> {
    const { channelId } = config;
    const opened = await this.#openLedger(channelId);
    const { ledger, judge } = opened;
    if (ledger.height === 0) {
      const { transactions } = await judge.genesis(genesis, ledger);
      await ledger.commit({ block: splitBlock(genesis), transactions });
    }
    this.#options.logger.info("channel joined", { channel: channelId });
    return this.#follow(opened, config);
  }

  async #reopen(channelId: string): Promise<void> {
    if (existsSync(join(this.#options.directory, channelId, PAUSED_FILE))) {
      this.#paused.add(channelId);
      this.#options.logger.info("channel is paused", { channel: channelId });
      return;
    }
    const opened = await this.#openLedger(channelId);
    const { ledger } = opened;
    if (ledger.height === 0) {
      await ledger.close();
      await rm(join(this.#options.directory, channelId), { recursive: true, force: true });
      return;
    }
    this.#follow(opened, configInForce(ledger));
    this.#options.logger.info("channel opened", { channel: channelId, height: ledger.height });
  }

  async #openLedger(channelId: string, prepared?: ChannelStores): Promise<Opened> {
    const { directory, snapshots: root, holds, logger } = this.#options;
    const folder = join(directory, channelId);
    await mkdir(folder, { recursive: true });
    if (prepared === undefined) await finishRebuilding(folder);
    const channelLogger = logger.child({ channel: channelId });
    const [stores, transient]: [ChannelStores, TransientStore] = await Promise.all([
      prepared ?? openStores(this.#options.stores, folder, channelLogger),
      TransientStore.open(join(folder, "transient"), channelLogger),
    ]);
    const ledger = await Ledger.open({
      channelId,
      ...stores,
      ...RULES,
      privateWrites: { find: (txId) => transient.find(txId), holds },
      measure: this.#options.measures?.ledger(channelId),
      logger: channelLogger,
    }).catch(async (error) => {
      await Promise.all([stores.blocks.close(), stores.state.close()]);
      throw error;
    });
    const snapshots = await SnapshotRequests.open({
      ledger,
      root,
      file: this.#options.stores === "memory" ? undefined : join(folder, "snapshot-requests.json"),
      frozenAt: (number) => frozenAt(number, ledger, RULES, join(root, "temp")),
      logger: channelLogger,
    }).catch(async (error) => {
      await ledger.close();
      throw error;
    });
    return { ledger, snapshots, transient, judge: createJudge(channelId) };
  }

  #follow({ ledger, snapshots, transient, judge }: Opened, config: ChannelConfig): PeerChannel {
    const { openStream, fetchPrivate, trusts, onFork, measures, clock, logger, onOpen } = this.#options;
    const channel = new PeerChannel({
      ledger,
      config,
      transient,
      judge,
      openStream,
      ...(fetchPrivate === undefined ? {} : { fetchPrivate }),
      sources: (inForce) => inForce.ordererEndpoints().filter(({ address }) => trusts(inForce.channelId, address)),
      onFork,
      onProcessed: (committed, seconds) => measures?.processed(ledger.channelId, committed, seconds),
      clock,
      logger,
    });
    this.#channels.set(channel.channelId, channel);
    this.#snapshots.set(channel.channelId, snapshots);
    onOpen(channel);
    channel.start();
    return channel;
  }
}

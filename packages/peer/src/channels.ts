/**
 * The channels that this peer has joined, each in a folder of its own below `channels/`.
 *
 * A channel is joined once its genesis block is durable. A folder without a block is what a crash left of a join that
 * was not answered, and is made anew by the next one.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ChannelConfig } from "@hansa/channel-config";
import { collectionBlockToLive } from "@hansa/endorsement/validation";
import { CONFIG_KEY, CONFIG_NAMESPACE, Ledger, type PrivateWrites } from "@hansa/ledger";
import { type Clock, HansaError, type Logger, NO_BYTES } from "@hansa/primitives";
import { common, decode, splitBlock } from "@hansa/wire";
import { type ChannelOptions, type OpenStream, PeerChannel } from "./channel.js";
import { type ChannelJudge, createJudge } from "./judge.js";
import { type ChannelStores, openStores } from "./stores.js";
import { TransientStore } from "./transient-store.js";

export type ChannelSetOptions = {
  readonly directory: string;
  readonly stores: "disk" | "memory";
  readonly openStream: OpenStream;
  readonly fetchPrivate?: ChannelOptions["fetchPrivate"];
  /** Whether blocks of a channel may be taken from an orderer. */
  readonly trusts: (channelId: string, address: string) => boolean;
  readonly onFork: NonNullable<ChannelOptions["onFork"]>;
  /** Which collections' private data this peer keeps. */
  readonly holds: PrivateWrites["holds"];
  /** A channel was opened or joined and is about to follow its orderers. */
  readonly onOpen: (channel: PeerChannel) => void;
  readonly clock: Clock;
  readonly logger: Logger;
};

type Opened = {
  readonly ledger: Ledger;
  readonly transient: TransientStore;
  readonly judge: ChannelJudge;
};

export class ChannelSet {
  readonly #options: ChannelSetOptions;
  readonly #channels = new Map<string, PeerChannel>();
  readonly #joining = new Map<string, Promise<PeerChannel>>();

  private constructor(options: ChannelSetOptions) {
    this.#options = options;
  }

  /** Opens all channels that were joined before. */
  static async open(options: ChannelSetOptions): Promise<ChannelSet> {
    const set = new ChannelSet(options);
    if (options.stores === "memory") return set;
    await mkdir(options.directory, { recursive: true });
    const folders = await readdir(options.directory, { withFileTypes: true });
    const reopened = await Promise.allSettled(
      folders.filter((each) => each.isDirectory()).map((each) => set.#reopen(each.name)),
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
    if (this.#channels.has(channelId) || this.#joining.has(channelId)) {
      throw new HansaError(
        "ALREADY_JOINED",
        `cannot create ledger from genesis block: ledger [${channelId}] already exists with state [ACTIVE]`,
      );
    }
    const joining = this.#create(config, genesis);
    this.#joining.set(channelId, joining);
    try {
      return await joining;
    } finally {
      this.#joining.delete(channelId);
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#joining.values());
    await Promise.all(this.all().map((channel) => channel.stop()));
  }

  async #create(config: ChannelConfig, genesis: Uint8Array): Promise<PeerChannel> {
    const { channelId } = config;
    const { ledger, transient, judge } = await this.#openLedger(channelId);
    if (ledger.height === 0) {
      const { transactions } = await judge.genesis(genesis, ledger);
      await ledger.commit({ block: splitBlock(genesis), transactions });
    }
    this.#options.logger.info("channel joined", { channel: channelId });
    return this.#follow({ ledger, transient, judge }, config);
  }

  async #reopen(channelId: string): Promise<void> {
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

  async #openLedger(channelId: string): Promise<Opened> {
    const { directory, holds, logger } = this.#options;
    const folder = join(directory, channelId);
    await mkdir(folder, { recursive: true });
    const channelLogger = logger.child({ channel: channelId });
    const [stores, transient]: [ChannelStores, TransientStore] = await Promise.all([
      openStores(this.#options.stores, folder, channelLogger),
      TransientStore.open(join(folder, "transient"), channelLogger),
    ]);
    const ledger = await Ledger.open({
      channelId,
      ...stores,
      blockToLive: collectionBlockToLive,
      privateWrites: { find: (txId) => transient.find(txId), holds },
      logger: channelLogger,
    }).catch(async (error) => {
      await Promise.all([stores.blocks.close(), stores.state.close()]);
      throw error;
    });
    return { ledger, transient, judge: createJudge(channelId) };
  }

  #follow({ ledger, transient, judge }: Opened, config: ChannelConfig): PeerChannel {
    const { openStream, fetchPrivate, trusts, onFork, clock, logger, onOpen } = this.#options;
    const channel = new PeerChannel({
      ledger,
      config,
      transient,
      judge,
      openStream,
      ...(fetchPrivate === undefined ? {} : { fetchPrivate }),
      sources: (inForce) => inForce.ordererEndpoints().filter(({ address }) => trusts(inForce.channelId, address)),
      onFork,
      clock,
      logger,
    });
    this.#channels.set(channel.channelId, channel);
    onOpen(channel);
    channel.start();
    return channel;
  }
}

/** The configuration of the last valid configuration transaction, as the state keeps it. */
function configInForce(ledger: Ledger): ChannelConfig {
  const stored = ledger.state.get(CONFIG_NAMESPACE, CONFIG_KEY)?.value ?? NO_BYTES;
  const { config } = decode(common.ConfigEnvelope, stored, "common.ConfigEnvelope");
  if (!config) {
    throw new HansaError("STORE_CORRUPT", `the state of channel ${ledger.channelId} has no configuration`, {
      nextStep: "Delete the channel's state folder; it is made again from the blocks.",
    });
  }
  return ChannelConfig.load(ledger.channelId, config);
}

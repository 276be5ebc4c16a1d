/**
 * The channels of this node: opened from the journal at start, joined and removed while it runs.
 * Source: hyperledger/fabric, orderer/common/multichannel/registrar.go and channelparticipation/validator.go.
 */
import { ChannelConfig, checkChannelId, configOfBlock } from "@hansa/channel-config";
import { GOVERNANCE_STRAND } from "@hansa/governance";
import { channelStrandId, emptyTip, type JournalStore, nextBlock } from "@hansa/journal";
import { type ChainStart, lastConfigNumber } from "@hansa/ordering";
import { equalBytes, HansaError, type Logger, messageOf, type UnixMs } from "@hansa/primitives";
import { blockDataHash, blockHeaderHash, fromTimestamp, readEnvelope, splitBlock } from "@hansa/wire";
import { type ChannelOptions, OrderedChannel } from "./channel.js";

export type ParticipationFault = "INVALID_BLOCK" | "EXISTS" | "NOT_FOUND" | "PENDING_REMOVAL" | "REFUSED";

/** A channel operation that cannot be done; the text is what Fabric's administrators know. */
export class ParticipationError extends HansaError {
  override readonly name = "ParticipationError";
  readonly fault: ParticipationFault;

  constructor(fault: ParticipationFault, message: string, options?: ErrorOptions & { nextStep?: string }) {
    super(`CHANNEL_${fault}`, message, options);
    this.fault = fault;
  }
}

export type RegistrarOptions = {
  readonly store: JournalStore;
  readonly channel: Omit<ChannelOptions, "logger">;
  /** Why this node must not begin to order a channel; undefined when it may. */
  readonly refuses?: ((channel: ChannelConfig) => string | undefined) | undefined;
  readonly onChannel?: ((channel: ChannelConfig) => void) | undefined;
  readonly logger: Logger;
};

export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #channels = new Map<string, OrderedChannel>();
  /** Names that are being joined or removed. */
  readonly #joining = new Set<string>();
  readonly #removing = new Set<string>();

  private constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  /** Opens every strand of the store. @throws JournalError when one is damaged */
  static async open(options: RegistrarOptions): Promise<Registrar> {
    const registrar = new Registrar(options);
    for (const { strandId, name } of await options.store.list()) {
      if (name === GOVERNANCE_STRAND) continue;
      const strand = await options.store.open(strandId);
      if (strand.tip.size === 0) {
        // The first block decides whether a channel was joined.
        options.logger.warn("unfinished join undone", { channel: name });
        await options.store.remove(strandId);
        continue;
      }
      const tip = splitBlock(await strand.content(strand.tip.size - 1));
      const configNumber = lastConfigNumber(tip);
      const config = ChannelConfig.fromBlock(await strand.content(Number(configNumber)));
      const start: ChainStart = {
        config,
        tip: { number: tip.header.number, headerHash: blockHeaderHash(tip.header) },
        lastConfigNumber: configNumber,
      };
      const channel = registrar.#channel(strand, start);
      await channel.resume();
      registrar.#channels.set(name, channel);
      options.onChannel?.(config);
      options.logger.info("channel opened", { channel: name, height: strand.tip.size, sequence: config.sequence });
    }
    return registrar;
  }

  get(channelId: string): OrderedChannel | undefined {
    return this.#channels.get(channelId);
  }

  names(): string[] {
    return [...this.#channels.keys(), ...this.#removing].sort();
  }

  isBeingRemoved(channelId: string): boolean {
    return this.#removing.has(channelId);
  }

  /**
   * Begins to order a channel at its genesis block.
   * @throws ParticipationError
   */
  async join(block: Uint8Array): Promise<OrderedChannel> {
    const { channelId, start } = validateJoinBlock(block);
    if (this.#removing.has(channelId)) throw new ParticipationError("PENDING_REMOVAL", "channel pending removal");
    if (this.#channels.has(channelId) || this.#joining.has(channelId)) {
      throw new ParticipationError("EXISTS", "channel already exists");
    }
    if (start.tip.number !== 0n) {
      throw new ParticipationError(
        "REFUSED",
        `block ${start.tip.number} is not a genesis block, and this node does not pull earlier blocks from others`,
        { nextStep: "join with block 0 of the channel" },
      );
    }
    // Peers of a BFT channel look for the signatures of a quorum, which nobody here gives.
    const { consensusType } = start.config.orderer;
    const unknown = `this node orders channels of consensus type etcdraft, and the channel's is ${consensusType}`;
    const refusal = consensusType === "etcdraft" ? this.#options.refuses?.(start.config) : unknown;
    if (refusal !== undefined) throw new ParticipationError("REFUSED", refusal);
    this.#joining.add(channelId);
    try {
      const strandId = channelStrandId(channelId, start.tip.headerHash);
      return await this.#begin(strandId, channelId, start, block);
    } finally {
      this.#joining.delete(channelId);
    }
  }

  async #begin(strandId: string, channelId: string, start: ChainStart, block: Uint8Array): Promise<OrderedChannel> {
    const { store, logger } = this.#options;
    const strand = await store.create({ strandId, name: channelId });
    try {
      const { envelopes } = splitBlock(block);
      const contents = {
        channelId,
        timestampMs: genesisTimeMs(envelopes),
        headerHash: start.tip.headerHash,
        envelopes,
      };
      await strand.append([{ block: nextBlock(emptyTip(strandId), contents), content: block }]);
    } catch (error) {
      await store.remove(strandId);
      throw error;
    }
    const channel = this.#channel(strand, start);
    await channel.resume();
    this.#channels.set(channelId, channel);
    logger.info("channel joined", { channel: channelId, strand: strandId });
    this.#options.onChannel?.(start.config);
    return channel;
  }

  /** Stops ordering a channel and deletes its blocks. @throws ParticipationError */
  async remove(channelId: string): Promise<void> {
    if (this.#removing.has(channelId)) throw new ParticipationError("PENDING_REMOVAL", "channel pending removal");
    const channel = this.#channels.get(channelId);
    if (channel === undefined) throw new ParticipationError("NOT_FOUND", "channel does not exist");
    this.#removing.add(channelId);
    this.#channels.delete(channelId);
    try {
      await channel.halt("chain is stopped");
      await this.#options.store.remove(channel.strand.info.strandId);
      this.#options.logger.info("channel removed", { channel: channelId });
    } finally {
      this.#removing.delete(channelId);
    }
  }

  /** Writes what was admitted, on every channel. */
  async halt(reason: string): Promise<void> {
    await Promise.all([...this.#channels.values()].map((channel) => channel.halt(reason)));
  }

  #channel(strand: ConstructorParameters<typeof OrderedChannel>[0], start: ChainStart): OrderedChannel {
    const logger = this.#options.logger.child({ channel: start.config.channelId });
    return new OrderedChannel(strand, start, { ...this.#options.channel, logger });
  }
}

/** The time in the genesis block itself, so that the journals of all who join at it begin with the same hash. */
function genesisTimeMs([first]: readonly Uint8Array[]): UnixMs {
  const header = first === undefined ? undefined : readEnvelope(first).channelHeader;
  return Math.max(0, Math.floor(fromTimestamp(header?.timestamp) ?? 0)) as UnixMs;
}

/** @throws ParticipationError INVALID_BLOCK with Fabric's text */
export function validateJoinBlock(block: Uint8Array): { channelId: string; start: ChainStart } {
  const invalid = (reason: string, cause?: unknown) =>
    new ParticipationError("INVALID_BLOCK", `invalid join block: ${reason}`, cause === undefined ? {} : { cause });
  const attempt = <T>(read: () => T, reason: (error: unknown) => string): T => {
    try {
      return read();
    } catch (error) {
      if (error instanceof HansaError) throw invalid(reason(error), error);
      throw error;
    }
  };
  const notConfig = () => "block is not a config block";
  const parts = attempt(() => splitBlock(block), notConfig);
  const { channelId } = attempt(() => configOfBlock(block), notConfig);
  if (parts.metadata.length === 0) throw invalid("invalid block: does not have metadata");
  if (!equalBytes(blockDataHash(parts.envelopes), parts.header.dataHash)) {
    throw invalid("invalid block: Header.DataHash is different from Hash(block.Data)");
  }
  const config = attempt(() => {
    checkChannelId(channelId);
    const loaded = ChannelConfig.fromBlock(block);
    loaded.checkCapabilities();
    return loaded;
  }, messageOf);
  if (!config.hasApplication) throw invalid("invalid config: must contain application config");
  if (!config.hasOrderer) throw invalid("config does not contain orderer config");
  const tip = { number: parts.header.number, headerHash: blockHeaderHash(parts.header) };
  return { channelId, start: { config, tip, lastConfigNumber: parts.header.number } };
}

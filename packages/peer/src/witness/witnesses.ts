/** All that a peer witnesses: a follower of the orderers for each of its channels, and the evidence against them. */
import { join } from "node:path";
import type { SigningIdentity } from "@hansa/msp";
import { type Bytes, type Clock, type Logger, messageOf } from "@hansa/primitives";
import type { PeerChannel } from "../channel.js";
import type { OrdererSource } from "../committer/committer.js";
import type { PeerConfig } from "../config.js";
import { createJournalDialer, type DialerOptions } from "../orderer-dialer.js";
import { type Alarm, Evidence } from "./evidence.js";
import { WitnessFollowing } from "./following.js";

export type WitnessesOptions = {
  readonly config: PeerConfig;
  readonly signer: SigningIdentity;
  readonly dialing: DialerOptions;
  readonly clock: Clock;
  readonly logger: Logger;
};

export class Witnesses {
  readonly #options: WitnessesOptions;
  readonly #evidence: Evidence;
  readonly #connectJournal: ReturnType<typeof createJournalDialer>;
  readonly #channels = new Map<string, { readonly channel: PeerChannel; readonly following: WitnessFollowing }>();

  constructor(options: WitnessesOptions) {
    this.#options = options;
    const { config, clock, logger } = options;
    this.#evidence = new Evidence({
      folder: join(config.dataDirectory, "evidence"),
      by: config.name,
      clock,
      logger,
      onAlarm: (alarm) => config.onAlarm?.(alarm),
    });
    this.#evidence.follow(() => {
      for (const { channel } of this.#channels.values()) channel.recheckSources();
    });
    this.#connectJournal = createJournalDialer(options.dialing);
  }

  get alarms(): readonly Alarm[] {
    return this.#evidence.alarms;
  }

  /** Whether there is no evidence against an orderer's history of the channel. */
  trusts(channelId: string, address: string): boolean {
    return this.#evidence.trusts(channelId, address);
  }

  /** Begins to witness a channel that the peer follows. */
  watch(channel: PeerChannel): void {
    const { config, signer, logger } = this.#options;
    const folder = join(config.dataDirectory, "channels", channel.channelId);
    const following = new WitnessFollowing({
      channel,
      signer,
      file: config.stores === "memory" ? undefined : join(folder, "witness"),
      evidence: this.#evidence,
      connect: (source) => this.#connectJournal(source, channel.config()),
      logger,
    });
    this.#channels.set(channel.channelId, { channel, following });
  }

  /** The newest block of the channel whose digest this peer has signed. */
  signedTip(channelId: string): number | undefined {
    return this.#channels.get(channelId)?.following.signedTip;
  }

  /** An orderer gave a signed block that is not the peer's next one: keeps both blocks. */
  forked(channel: PeerChannel, block: Bytes, source: OrdererSource, reason: string): void {
    const keep = async () => {
      const held = await channel.block(channel.height() - 1);
      const what = `it has signed a block whose ${reason}`;
      await this.#evidence.blocks(channel.channelId, source.address, what, held, block);
    };
    keep().catch((error: unknown) =>
      this.#options.logger.error("evidence of a fork cannot be kept", { reason: messageOf(error) }),
    );
  }

  stop(): void {
    for (const { following } of this.#channels.values()) following.stop();
    this.#evidence.stop();
  }
}

/**
 * Asks the members' peers to sign digests of one channel, and keeps what they sign.
 *
 * A digest is offered when the channel has been quiet for a moment, and under steady load after a longer while; blocks
 * only move a timer, so nothing here is on a transaction's way. Whoever waits for a receipt has a digest offered at once.
 */
import { digestAt, digestBytes } from "@hansa/journal";
import { decodeSerializedIdentity } from "@hansa/msp";
import { type Bytes, type Clock, equalBytes, type Logger, messageOf } from "@hansa/primitives";
import type { hansa } from "@hansa/wire";
import type { OrderedChannel } from "../channel.js";
import { type CoSignature, CoSigned, type KeepRules, type WitnessState } from "./co-signed.js";
import type { DigestFolder } from "./digest-folder.js";

export type WitnessSettings = KeepRules & {
  /** A digest is offered when no block came for so long. */
  readonly quietMs: number;
  /** Under load a digest is offered so long after the last one. */
  readonly busyMs: number;
};

export const WITNESS_DEFAULTS: WitnessSettings = {
  quietMs: 250,
  busyMs: 5_000,
  newest: 32,
  everyBlocks: 1_000,
  stretches: 1_000,
};

export type DeskOptions = {
  readonly channel: OrderedChannel;
  /** Undefined keeps signatures in memory. */
  readonly folder: DigestFolder | undefined;
  readonly settings: WitnessSettings;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Digests that somebody waits for at once; one more is not waited for. */
const MAX_WAITING = 16;

export class WitnessDesk {
  readonly #options: DeskOptions;
  readonly #coSigned: CoSigned;
  readonly #followers = new Set<(tip: number) => void>();
  readonly #changed = new Set<() => void>();
  /** Tips that somebody waits for, and how many do. */
  readonly #wanted = new Map<number, number>();
  readonly #ready: Promise<void>;
  #stopFollowing: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastBlockAt = 0;
  #lastOfferAt = 0;
  #offered = -1;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#coSigned = new CoSigned(options.settings);
    this.#ready = this.#load().catch((error: unknown) => {
      options.logger.error("co-signed digests cannot be read", { reason: messageOf(error) });
    });
  }

  /** What earlier runs kept is there. To be awaited before anything else. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** Calls back with the tip of each digest that is to be signed, the newest offer first. Returns how to end it. */
  follow(onOffer: (tip: number) => void): () => void {
    this.#followers.add(onOffer);
    this.#stopFollowing ??= this.#options.channel.follow(() => this.#onBlock());
    const newest = this.#options.channel.height - 1;
    const tips = new Set(this.#wanted.keys());
    if (newest >= 0) tips.add(newest);
    void Promise.all([...tips].map((tip) => this.#open(tip))).then(() => {
      if (this.#followers.has(onOffer)) for (const tip of tips) onOffer(tip);
    }, this.#warn);
    return () => {
      this.#followers.delete(onOffer);
      if (this.#followers.size > 0) return;
      this.#stopFollowing?.();
      this.#stopFollowing = undefined;
    };
  }

  state(tip: number): WitnessState {
    return this.#coSigned.state(tip, this.#members());
  }

  /** Peers' signatures over exactly these bytes. */
  signatures(tip: number, digest: Bytes): hansa.journal.IDigestSignature[] {
    const known = this.#coSigned.digest(tip);
    if (known === undefined || !equalBytes(known, digest)) return [];
    return this.#coSigned.signatures(tip).map(({ identity, signature }) => ({ identity, signature }));
  }

  /** Tips of signed digests that cover a block, newest first. */
  tips(from: number): number[] {
    return this.#coSigned.tips(from);
  }

  witnessedTip(from: number): number | undefined {
    return this.#coSigned.witnessedTip(from, this.#members());
  }

  /** The bytes that are offered for a tip, as long as signatures are taken for it. */
  digest(tip: number): Bytes | undefined {
    return this.#coSigned.digest(tip);
  }

  /**
   * Keeps a signature that was verified; settles when it is durable.
   * @throws Error of the file system
   */
  async take(tip: number, coSignature: CoSignature): Promise<WitnessState> {
    const { channel, folder } = this.#options;
    if (this.#coSigned.add(tip, coSignature)) {
      await folder?.save(tip, this.#coSigned.message(tip));
      for (const gone of this.#coSigned.prune(channel.height, this.#members(), new Set(this.#wanted.keys()))) {
        folder?.remove(gone);
      }
      for (const wake of [...this.#changed]) wake();
    }
    return this.state(tip);
  }

  /** Offers a digest at once and waits until it is witnessed, the time is up, or nobody wants to know any more. */
  async witness(tip: number, waitMs: number, signal: { readonly aborted: boolean }): Promise<void> {
    await this.#open(tip);
    if (this.state(tip).witnessed || this.#wanted.size >= MAX_WAITING) return;
    this.#wanted.set(tip, (this.#wanted.get(tip) ?? 0) + 1);
    try {
      for (const onOffer of [...this.#followers]) onOffer(tip);
      await new Promise<void>((resolve) => {
        const check = () => {
          if (!signal.aborted && !this.state(tip).witnessed) return;
          end();
        };
        const end = () => {
          clearTimeout(timer);
          this.#changed.delete(check);
          resolve();
        };
        const timer = setTimeout(end, waitMs);
        this.#changed.add(check);
      });
    } finally {
      const others = (this.#wanted.get(tip) ?? 1) - 1;
      if (others > 0) this.#wanted.set(tip, others);
      else this.#wanted.delete(tip);
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopFollowing?.();
    this.#followers.clear();
    await this.#options.folder?.close();
  }

  /** Once for each write: it must stay as cheap as it is. */
  #onBlock(): void {
    const now = this.#options.clock.now();
    this.#lastBlockAt = now;
    this.#timer ??= setTimeout(() => this.#onTimer(), this.#options.settings.quietMs).unref();
  }

  #onTimer(): void {
    const { clock, settings } = this.#options;
    const now = clock.now();
    this.#timer = undefined;
    const isBusy = now - this.#lastBlockAt < settings.quietMs;
    if (isBusy && now - this.#lastOfferAt < settings.busyMs) {
      this.#timer = setTimeout(() => this.#onTimer(), settings.quietMs).unref();
      return;
    }
    this.#offer().catch(this.#warn);
  }

  async #offer(): Promise<void> {
    const { channel, clock } = this.#options;
    const tip = channel.height - 1;
    if (tip <= this.#offered || this.#followers.size === 0) return;
    this.#offered = tip;
    this.#lastOfferAt = clock.now();
    await this.#open(tip);
    for (const onOffer of [...this.#followers]) onOffer(tip);
  }

  async #open(tip: number): Promise<void> {
    await this.#ready;
    if (this.#coSigned.has(tip)) return;
    const { strand } = this.#options.channel;
    const bytes = digestBytes(digestAt(await strand.block(tip), strand), strand.info.name);
    this.#coSigned.open(tip, bytes);
  }

  async #load(): Promise<void> {
    const { channel, folder, logger } = this.#options;
    if (folder === undefined) return;
    for (const [tip, { digest, signatures }] of folder.load()) {
      if (tip >= channel.height) {
        logger.warn("co-signed digest is of blocks that are not here", { tip, height: channel.height });
        continue;
      }
      const { strand } = channel;
      if (!equalBytes(digestBytes(digestAt(await strand.block(tip), strand), strand.info.name), digest)) {
        logger.error("peers signed another history than the one in the journal", { tip });
        continue;
      }
      const known = signatures.map(({ identity, signature }) => ({
        mspId: decodeSerializedIdentity(identity ?? new Uint8Array(0)).mspid,
        identity: identity ?? new Uint8Array(0),
        signature: signature ?? new Uint8Array(0),
      }));
      this.#coSigned.open(tip, digest, known);
    }
  }

  #members(): string[] {
    return this.#options.channel.config.applicationOrgs().map(({ mspId }) => mspId);
  }

  readonly #warn = (error: unknown): void => {
    this.#options.logger.warn("a digest cannot be offered to witnesses", { reason: messageOf(error) });
  };
}

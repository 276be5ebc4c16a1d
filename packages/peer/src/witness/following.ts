/** Keeps the witness of one channel in touch with all orderers that the channel's configuration lists. */
import { channelStrandId } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import { type Logger, messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { blockHeaderHash, splitBlock } from "@hansa/wire";
import type { PeerChannel } from "../channel.js";
import type { OrdererSource } from "../committer/committer.js";
import type { Evidence } from "./evidence.js";
import type { JournalLink } from "./journal-link.js";
import { Witness } from "./witness.js";

export type FollowingOptions = {
  readonly channel: PeerChannel;
  readonly signer: SigningIdentity;
  readonly file: string | undefined;
  readonly evidence: Evidence;
  readonly connect: (source: OrdererSource) => JournalLink;
  readonly logger: Logger;
};

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
/** An orderer without such a service, a real Fabric one, is seldom asked again. */
const UNKNOWN_RETRY_MS = 300_000;
/** Of more orderers the first ones are followed. */
const MAX_ORDERERS = 8;

export class WitnessFollowing {
  readonly #options: FollowingOptions;
  readonly #followed = new Map<string, AbortController>();
  #witness: Witness | undefined;
  #stopListening = () => {};
  #isStopped = false;

  constructor(options: FollowingOptions) {
    this.#options = options;
    const { channel } = options;
    const logger = options.logger.child({ channel: channel.channelId });
    this.#stopListening = channel.onCommit((committed, config) => {
      this.#witness?.onHeight(committed.number + 1);
      this.#adopt(config.ordererEndpoints());
    });
    channel.block(0).then(
      (genesis) => {
        const strandId = channelStrandId(channel.channelId, blockHeaderHash(splitBlock(genesis).header));
        const { signer, file, evidence } = options;
        const witnessed = {
          channelId: channel.channelId,
          strandId,
          height: () => channel.height(),
          config: () => channel.config(),
          block: (number: number) => channel.block(number),
        };
        this.#witness = new Witness({ channel: witnessed, signer, file, evidence, logger });
        this.#adopt(channel.config().ordererEndpoints());
      },
      (error: unknown) =>
        channel.ledger.blocks.basis === undefined
          ? logger.error("digests cannot be witnessed", { reason: messageOf(error) })
          : logger.info("digests are not witnessed: the ledger began with a snapshot"),
    );
  }

  get signedTip(): number | undefined {
    return this.#witness?.signedTip;
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopListening();
    this.#witness?.stop();
    for (const following of this.#followed.values()) following.abort();
    this.#followed.clear();
  }

  #adopt(listed: readonly OrdererSource[]): void {
    if (this.#witness === undefined || this.#isStopped) return;
    const sources = listed.slice(0, MAX_ORDERERS);
    for (const [address, following] of this.#followed) {
      if (sources.some((source) => source.address === address)) continue;
      following.abort();
      this.#followed.delete(address);
    }
    for (const source of sources) {
      if (this.#followed.has(source.address)) continue;
      const following = new AbortController();
      this.#followed.set(source.address, following);
      void this.#follow(source, this.#witness, following.signal);
    }
  }

  async #follow(source: OrdererSource, witness: Witness, signal: AbortSignal): Promise<void> {
    const { connect, logger, channel } = this.#options;
    for (let failures = 0; !signal.aborted; failures++) {
      const link = connect(source);
      let retryMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), LAST_RETRY_MS);
      try {
        for await (const signed of link.digests(signal)) {
          failures = -1;
          witness.offer({ source: source.address, link, signed });
        }
      } catch (error) {
        if (error instanceof RpcStatus && error.code === GrpcStatus.UNIMPLEMENTED) retryMs = UNKNOWN_RETRY_MS;
        if (!signal.aborted) {
          const reason = messageOf(error);
          logger.debug("digests are not followed", { channel: channel.channelId, orderer: source.address, reason });
        }
      } finally {
        link.close();
      }
      await pause(retryMs, signal);
    }
  }
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

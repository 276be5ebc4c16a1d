/**
 * hansa.peer.Explanations: tells a reader of a channel why a transaction is valid or not, and tells the log of each
 * that is not.
 *
 * The rules are in endorsement/explain. Whoever may read the channel's blocks may ask; private keys are shown as far as
 * the one who asks may see them.
 */
import {
  Explainer,
  type Explanation,
  type KnownPeer,
  missingPrivateAt,
  missingPrivateText,
  type Reader,
} from "@hansa/endorsement/explain";
import type { CommittedBlock } from "@hansa/ledger";
import { type Clock, type Logger, messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus, type UnaryHandler } from "@hansa/transport";
import { decode, encode, hansa, TxValidationCode, toNumber } from "@hansa/wire";
import type { PeerChannel } from "../channel.js";
import type { AskedPeer } from "../private-data/asked.js";
import { decoded } from "../private-data/exchange.js";
import { visiblePrivateWrites } from "./private-blocks.js";

const FORMAT = "hansa.peer.explain-request/1";
/** What Fabric's readers of blocks need. */
const RESOURCE = "event/Block";
/** Invalid transactions of one block that the log gives reasons for. */
const MAX_REASONS = 5;
/** Blocks that may wait for their reasons; of others the log gives the count only. */
const MAX_WAITING = 16;

export type ExplanationsOptions = {
  readonly channel: (channelId: string) => PeerChannel | undefined;
  readonly holds: (channel: PeerChannel, namespace: string, collection: string) => boolean;
  /** The other peers of a channel. */
  readonly others: (channel: PeerChannel) => readonly KnownPeer[];
  /** Those that were asked for private data of a block. */
  readonly asked: (channelId: string, blockNumber: number) => readonly AskedPeer[];
  readonly self: () => KnownPeer;
  readonly clock: Clock;
  /** How far a request's time may be from the clock. */
  readonly windowMs: number;
  readonly logger: Logger;
};

/** What an endorser said when it failed. */
export type EndorserFailure = KnownPeer & { readonly message: string };

export class Explanations {
  readonly #options: ExplanationsOptions;
  readonly #explainers = new WeakMap<PeerChannel, Explainer>();

  constructor(options: ExplanationsOptions) {
    this.#options = options;
  }

  /** Handler of hansa.peer.Explanations/Explain. */
  readonly explain: UnaryHandler = async (bytes) => {
    const { request, creator, signature } = decoded(() =>
      decode(hansa.peer.SignedExplainRequest, bytes, "hansa.peer.SignedExplainRequest"),
    );
    const { format, channelId, txId, timestampMs } = decoded(() =>
      decode(hansa.peer.ExplainRequest, request, "hansa.peer.ExplainRequest"),
    );
    if (format !== FORMAT) throw new RpcStatus(GrpcStatus.INVALID_ARGUMENT, `the request is not of format ${FORMAT}`);
    const { clock, windowMs } = this.#options;
    const channel = this.#options.channel(channelId);
    if (channel === undefined) throw new RpcStatus(GrpcStatus.NOT_FOUND, `channel ${channelId} is not joined here`);
    const config = channel.config();
    const verdict = config.checkAcl(RESOURCE, { identity: creator, message: request, signature });
    if (!verdict.ok) throw new RpcStatus(GrpcStatus.PERMISSION_DENIED, verdict.reason);
    if (Math.abs(clock.now() - toNumber(timestampMs)) > windowMs)
      throw new RpcStatus(GrpcStatus.PERMISSION_DENIED, "the request's time is too far from this peer's clock");
    const identity = config.msps.identity(creator);
    const reader: Reader = {
      privateWrites: (number) => visiblePrivateWrites(channel.ledger.state, number, identity),
    };
    const explanation = await this.of(channel).explain(txId, reader);
    if (explanation === undefined && channel.ledger.blocks.hasId(txId))
      throw new RpcStatus(
        GrpcStatus.FAILED_PRECONDITION,
        "the transaction's block is older than the snapshot that this peer began with; a peer with all blocks can explain it",
      );
    if (explanation === undefined)
      throw new RpcStatus(GrpcStatus.NOT_FOUND, `channel ${channelId} has no transaction ${txId.slice(0, 64)}`);
    const told = this.#withAsked(explanation);
    return encode(hansa.peer.ExplainResponse, { explanationJson: JSON.stringify(told) });
  };

  /** With those who were asked for private values that this peer should have and has not. */
  #withAsked(explanation: Explanation): Explanation {
    const { channel, block, sets, notes } = explanation;
    if (!sets.some(({ collections }) => collections.some(({ here }) => here === "missing"))) return explanation;
    const asked = this.#options.asked(channel, block).map(askedText);
    const note = `For the private values that it misses, this peer has asked ${asked.join("; ") || "nobody since it started"}.`;
    return { ...explanation, notes: [...notes, note] };
  }

  /** See RunningPeer.explainFailure. */
  async failure(channelId: string, chaincode: string, failure: EndorserFailure): Promise<string | undefined> {
    const place = missingPrivateAt(failure.message);
    const channel = this.#options.channel(channelId);
    if (place === undefined || channel === undefined) return undefined;
    const origin = await this.of(channel).privateOrigin(place, chaincode);
    if (origin === undefined) return undefined;
    const others = this.#options.others(channel).map(({ mspId, address }) => ({ mspId, address }));
    const self = this.#options.self();
    const asked = failure.address === self.address ? this.#options.asked(channelId, place.block) : [];
    return missingPrivateText(origin, failure, [self, ...others], asked.map(askedText));
  }

  of(channel: PeerChannel): Explainer {
    const { ledger } = channel;
    let explainer = this.#explainers.get(channel);
    if (explainer === undefined) {
      explainer = new Explainer({
        channelId: channel.channelId,
        blocks: ledger.blocks,
        state: ledger.state,
        history: (namespace, key) => ledger.history(namespace, key),
        config: () => channel.config(),
        holds: (namespace, collection) => this.#options.holds(channel, namespace, collection),
      });
      this.#explainers.set(channel, explainer);
    }
    return explainer;
  }

  /** Logs a line for each invalid transaction of a channel, after the block is committed and apart from committing. */
  watch(channel: PeerChannel): void {
    const logger = this.#options.logger.child({ channel: channel.channelId });
    let waiting = 0;
    let work = Promise.resolve();
    channel.onCommit((block) => {
      const invalid = invalidOf(block);
      if (invalid.length === 0) return;
      const reasoned = waiting < MAX_WAITING ? invalid.slice(0, MAX_REASONS) : [];
      const others = invalid.length - reasoned.length;
      if (others > 0) logger.warn("transactions invalid", { block: block.number, count: others });
      if (reasoned.length === 0) return;
      waiting++;
      work = work.then(async () => {
        try {
          for (const explanation of await this.of(channel).explainBlock(block.number, reasoned)) {
            if (explanation !== undefined) logger.warn("transaction invalid", fieldsOf(explanation));
          }
        } catch (error) {
          logger.warn("transactions invalid", {
            block: block.number,
            count: reasoned.length,
            reason: messageOf(error),
          });
        } finally {
          waiting--;
        }
      });
    });
  }
}

function askedText({ address, mspId, outcome }: AskedPeer): string {
  return `${address} (${mspId}), which ${outcome}`;
}

function invalidOf({ codes }: CommittedBlock): number[] {
  const invalid: number[] = [];
  for (let index = 0; index < codes.length; index++) if (codes[index] !== TxValidationCode.VALID) invalid.push(index);
  return invalid;
}

function fieldsOf({ txId, code, block, index, summary }: Explanation) {
  return { txId, code, block, index, reason: summary };
}

/**
 * Signs an orderer's digests of one channel, when they are what this peer computes from its own blocks and extend what
 * it has signed before. It works beside the committer, one offer after the other, and gives way every few blocks.
 *
 * What it refuses to sign for lack of proof is only logged; two statements that contradict each other are a fork.
 */

import type { ChannelConfig } from "@hansa/channel-config";
import { isConsistent, joinLog } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import { type Bytes, equalBytes, HansaError, type Logger, messageOf } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { decode, hansa, toNumber } from "@hansa/wire";
import type { Evidence, Signed } from "./evidence.js";
import type { JournalLink } from "./journal-link.js";
import { type SignedByUs, SignedDigests } from "./signed-digests.js";
import { StrandView } from "./strand-view.js";
import { readWitnessFile, type WitnessMemory, writeWitnessFile } from "./witness-file.js";

const { journal } = hansa;

export type WitnessedChannel = {
  readonly channelId: string;
  /** The strand that an orderer keeps for this channel, as it follows from the genesis block. */
  readonly strandId: string;
  height(): number;
  config(): ChannelConfig;
  /** Bytes of a committed block. */
  block(number: number): Promise<Bytes>;
};

export type WitnessOptions = {
  readonly channel: WitnessedChannel;
  readonly signer: SigningIdentity;
  /** Where the witness remembers what it signed; undefined keeps it in memory. */
  readonly file: string | undefined;
  readonly evidence: Evidence;
  readonly logger: Logger;
};

export type Offer = {
  readonly source: string;
  readonly link: JournalLink;
  readonly signed: hansa.journal.SignedDigest;
};

type ReadOffer = {
  readonly source: string;
  readonly link: JournalLink;
  readonly tip: number;
  readonly digest: Bytes;
  readonly roots: Roots;
  readonly orderer: Signed;
};

type Roots = { readonly size: number; readonly hash: Bytes; readonly logRoot: Bytes };

const BLOCKS_A_TURN = 4;
const TIMES_A_CALL = 2_048;
/** Offers that wait for their turn. Of more, the oldest go. */
const MAX_WAITING = 32;

export class Witness {
  readonly #options: WitnessOptions;
  #memory: WitnessMemory;
  readonly #queue: ReadOffer[] = [];
  /** Offers of blocks that have not come yet, the newest of each orderer. */
  readonly #parked = new Map<string, ReadOffer>();
  #working = false;
  #stopped = false;

  constructor(options: WitnessOptions) {
    this.#options = options;
    const { file, channel } = options;
    const known = file === undefined ? undefined : readWitnessFile(file);
    this.#memory = known ?? { view: StrandView.empty(channel.strandId), signed: new SignedDigests() };
  }

  /** Tip of the newest digest that this peer has signed. */
  get signedTip(): number | undefined {
    return this.#memory.signed.all.at(-1)?.tip;
  }

  offer({ source, link, signed }: Offer): void {
    const read = this.#read(source, link, signed);
    if (read === undefined) return;
    this.#enqueue(read);
  }

  /** To be called after commits; costs nothing unless an offer waits for the block. */
  onHeight(height: number): void {
    for (const [source, offer] of this.#parked) {
      if (offer.tip >= height) continue;
      this.#parked.delete(source);
      this.#enqueue(offer);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
    this.#parked.clear();
  }

  #enqueue(offer: ReadOffer): void {
    this.#queue.push(offer);
    if (this.#queue.length > MAX_WAITING) this.#queue.shift();
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let offer = this.#queue.shift(); offer !== undefined && !this.#stopped; offer = this.#queue.shift()) {
      try {
        await this.#judge(offer);
      } catch (error) {
        // An orderer that is gone comes back and offers another one.
        const isPassing = error instanceof RpcStatus && error.code !== GrpcStatus.INVALID_ARGUMENT;
        this.#refused(offer, messageOf(error), isPassing);
      }
    }
    this.#working = false;
  }

  /** Undefined for what no orderer of this channel has signed. */
  #read(source: string, link: JournalLink, { digest, signatures }: hansa.journal.SignedDigest): ReadOffer | undefined {
    const { channel, logger } = this.#options;
    const reason = (why: string) => logger.warn("digest not looked at", { orderer: source, reason: why });
    try {
      const { tip, channelId, hash, logRoot } = decode(journal.Digest, digest, "hansa.journal.Digest");
      const sequenceNo = toNumber(tip?.sequenceNo);
      if (channelId !== channel.channelId || tip?.strandId !== channel.strandId) {
        reason(`it is of strand ${tip?.strandId} of channel "${channelId}"`);
        return undefined;
      }
      const orderer = { identity: signatures[0]?.identity ?? NONE, signature: signatures[0]?.signature ?? NONE };
      this.#mustBeOrderers(digest, orderer);
      const roots = { size: sequenceNo + 1, hash, logRoot };
      return { source, link, tip: sequenceNo, digest, roots, orderer };
    } catch (error) {
      if (!(error instanceof HansaError)) throw error;
      reason(messageOf(error));
      return undefined;
    }
  }

  async #judge(offer: ReadOffer): Promise<void> {
    const { channel, evidence } = this.#options;
    const { tip, digest, source } = offer;
    if (!evidence.trusts(channel.channelId, source)) return;
    const known = this.#memory.signed.at(tip);
    if (known !== undefined) {
      if (equalBytes(known.digest, digest)) await this.#hand(offer, known.ownSignature);
      else await this.#fork(offer, known);
      return;
    }
    const { signed } = this.#memory;
    const [earlier, later] = [signed.before(tip), signed.after(tip)];
    if (earlier !== undefined && !(await this.#connects(offer, earlier, "extends"))) return;
    if (later !== undefined) {
      // Our own blocks up to there are in the later digest: what it extends is what we would compute.
      if (await this.#connects(offer, later, "precedes")) await this.#sign(offer, this.#memory.view);
      return;
    }
    if (tip >= channel.height()) {
      this.#parked.set(source, offer);
      return;
    }
    const view = await this.#computed(offer);
    if (view !== undefined) await this.#sign(offer, view);
  }

  /** Whether the orderer proves that the offered digest and one that we signed are of one history. */
  async #connects(offer: ReadOffer, known: SignedByUs, how: "extends" | "precedes"): Promise<boolean> {
    const [from, to] = how === "extends" ? [known.tip, offer.tip] : [offer.tip, known.tip];
    let proof: hansa.journal.ConsistencyProof;
    try {
      proof = await offer.link.consistency(from, to);
    } catch (error) {
      // An orderer that lags behind others does not have the later blocks yet.
      if (how === "precedes" && error instanceof RpcStatus && error.code === GrpcStatus.NOT_FOUND) return false;
      throw error;
    }
    const theirs = how === "extends" ? proof.earlier : proof.later;
    const again = how === "extends" ? proof.later : proof.earlier;
    const claimed = theirs?.digest ?? NONE;
    const orderer = {
      identity: theirs?.signatures?.[0]?.identity ?? NONE,
      signature: theirs?.signatures?.[0]?.signature ?? NONE,
    };
    this.#mustBeOrderers(claimed, orderer);
    if (!equalBytes(claimed, known.digest)) {
      await this.#contradiction(offer, known, claimed, orderer);
      return false;
    }
    if (!equalBytes(again?.digest ?? NONE, offer.digest)) {
      this.#refused(offer, "the orderer gave another digest for the same blocks a moment later");
      return false;
    }
    const ours = rootsOf(known.digest);
    const [first, second] = how === "extends" ? [ours, offer.roots] : [offer.roots, ours];
    const at = ({ size, hash }: Roots) => ({ size, root: hash });
    const atLog = ({ size, logRoot }: Roots) => ({ size, root: logRoot });
    const holds =
      isConsistent(at(first), at(second), proof.path) &&
      isConsistent(atLog(first), atLog(second), proof.logPath, joinLog);
    if (!holds) this.#refused(offer, `it does not prove that digest ${to} extends digest ${from}`);
    return holds;
  }

  /** The strand up to the offered tip by our own blocks, when it is what the orderer says. */
  async #computed(offer: ReadOffer): Promise<StrandView | undefined> {
    const { channel } = this.#options;
    const start = this.#memory.view;
    let view = await this.#extended(start, offer);
    if (view !== undefined && !equalBytes(view.digest(channel.channelId), offer.digest) && start.size > 0) {
      // Before an alarm is raised, the file that the view came from is left out of it.
      view = await this.#extended(StrandView.empty(channel.strandId), offer);
    }
    if (view === undefined) return undefined;
    const ours = view.digest(channel.channelId);
    if (equalBytes(ours, offer.digest)) return view;
    const { signer } = this.#options;
    const what = `its digest of blocks 0 to ${offer.tip} is not that of the blocks which this peer has committed`;
    const own = { identity: signer.serialized, signature: signer.sign(ours) };
    await this.#options.evidence.digests(
      channel.channelId,
      offer.source,
      what,
      { digest: ours, signatures: [own] },
      { digest: offer.digest, signatures: [offer.orderer] },
    );
    return undefined;
  }

  async #extended(start: StrandView, offer: ReadOffer): Promise<StrandView | undefined> {
    const { channel } = this.#options;
    const view = start.copy();
    while (view.size <= offer.tip && !this.#stopped) {
      const last = Math.min(offer.tip, view.size + TIMES_A_CALL - 1);
      const times = await offer.link.blockTimes(view.size, last);
      if (times.length === 0 || times.length > last - view.size + 1) {
        this.#refused(offer, `it gave ${times.length} times for blocks ${view.size} to ${last}`);
        return undefined;
      }
      for (const time of times) {
        if (this.#stopped) return undefined;
        if (!view.append(await channel.block(view.size), channel.channelId, time)) {
          this.#refused(offer, `its time of block ${view.size} lies before that of the block before`);
          return undefined;
        }
        if (view.size % BLOCKS_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return this.#stopped ? undefined : view;
  }

  /** Nothing leaves this peer before it is sure to remember it. */
  async #sign(offer: ReadOffer, view: StrandView): Promise<void> {
    const { signer, file } = this.#options;
    const { tip, digest, orderer } = offer;
    const ownSignature = signer.sign(digest);
    const memory = { view, signed: this.#memory.signed.with({ tip, digest, orderer, ownSignature }) };
    if (file !== undefined) await writeWitnessFile(file, memory);
    this.#memory = memory;
    await this.#hand(offer, ownSignature);
  }

  async #hand({ link, digest, tip, source }: ReadOffer, ownSignature: Bytes): Promise<void> {
    await link.coSign(digest, ownSignature);
    this.#options.logger.debug("digest co-signed", { tip, orderer: source });
  }

  #fork(offer: ReadOffer, known: SignedByUs): Promise<void> {
    return this.#contradiction(offer, known, offer.digest, offer.orderer);
  }

  #contradiction({ source }: ReadOffer, known: SignedByUs, digest: Bytes, orderer: Signed): Promise<void> {
    const { evidence, channel, signer } = this.#options;
    const what = `its digest of blocks 0 to ${known.tip} is another one than that which this peer has signed`;
    const own = { identity: signer.serialized, signature: known.ownSignature };
    return evidence.digests(
      channel.channelId,
      source,
      what,
      { digest: known.digest, signatures: [known.orderer, own] },
      { digest, signatures: [orderer] },
    );
  }

  /** @throws HansaError unless an ordering node of the channel has signed the bytes */
  #mustBeOrderers(bytes: Bytes, { identity, signature }: Signed): void {
    const config = this.#options.channel.config();
    const signer = config.msps.identity(identity);
    const isOrderer = config.ordererOrgs().some(({ mspId }) => mspId === signer.mspId);
    if (isOrderer && signer.flaw === undefined && signer.roles.orderer && signer.verify(bytes, signature)) return;
    throw new HansaError("DIGEST_UNSIGNED", "no ordering node of the channel has signed it");
  }

  #refused({ source, tip }: ReadOffer, reason: string, isPassing = false): void {
    const { logger } = this.#options;
    if (isPassing) logger.debug("digest not co-signed", { orderer: source, tip, reason });
    else logger.warn("digest not co-signed", { orderer: source, tip, reason });
  }
}

const NONE: Bytes = new Uint8Array(0);

function rootsOf(bytes: Bytes): Roots {
  const { tip, hash, logRoot } = decode(journal.Digest, bytes, "hansa.journal.Digest");
  return { size: toNumber(tip?.sequenceNo) + 1, hash, logRoot };
}

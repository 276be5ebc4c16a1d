/**
 * Keeps the view of the other peers: asks each of them in turns, answers when they ask, and tells them soon when this
 * peer has something new.
 *
 * Peers that the launcher names, the bootstrap addresses and the anchor peers of the channels are where it begins; those
 * name others, which are then asked themselves. Every pair speaks once an interval, whoever of the two begins.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { MspManager, SigningIdentity } from "@hansa/msp";
import { type Clock, type Logger, LruMap, type MspId, messageOf, type UnixMs } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import type { OtherPeer } from "../other-peer.js";
import type { PeerConnection } from "../peer-connection.js";
import {
  type Named,
  peerOfChannel,
  peerOfRealm,
  type Realm,
  readAnswer,
  readQuestion,
  sharedChannels,
  signAnswer,
  signQuestion,
} from "./exchange.js";
import { isEndpoint } from "./gossip-messages.js";
import { type OwnChannel, OwnStatement } from "./own-statement.js";
import { type Target, Targets, type Wanted } from "./targets.js";
import type { MembershipTimes } from "./times.js";
import { type Member, MembershipView } from "./view.js";

export type MembershipOptions = {
  readonly signer: SigningIdentity;
  /** "host:port" by which others reach this peer. */
  readonly endpoint: () => string;
  readonly localMsp: MspManager;
  readonly channels: () => readonly OwnChannel[];
  /** Peers of a channel that somebody has named and connected to. */
  readonly named: (config: ChannelConfig) => readonly OtherPeer[];
  readonly bootstrap: readonly string[];
  /** Connects to a peer of an organisation, or of one that is not known yet. */
  readonly connect: (address: string, mspId: MspId | undefined) => PeerConnection;
  readonly times: MembershipTimes;
  /** How far a question's time may be from the clock. */
  readonly windowMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
};

const ASK_TIMEOUT_MS = 3_000;
/** On-demand rounds are no further apart than this makes them, whoever demands them. */
const REFRESH_MS = 100;
const REFRESH_TIMEOUT_MS = 1_000;
/** A peer that is none of ours may have become one. */
const FOREIGN_MS = 60_000;
const MAX_QUESTION_BYTES = 1024 * 1024;
const MAX_NAMED = 1_000;
/** Of peers and addresses: an organisation can make up as many as it likes. */
const REMEMBERED = 2_000;

export class Membership {
  readonly #options: MembershipOptions;
  readonly #realm: Realm;
  readonly #own: OwnStatement;
  readonly #view = new MembershipView();
  readonly #targets: Targets;
  /** Peers that others named and that have not spoken yet, by id. */
  readonly #named = new Map<string, Named>();
  /** Addresses that turned out to be this peer, or another address of one that is known by its own. */
  readonly #aliases = new LruMap<string, string>(REMEMBERED);
  /** By member: the time of its last question, so that nobody asks it again in its name. */
  readonly #questions = new LruMap<string, UnixMs>(REMEMBERED);
  readonly #ofChannels = new WeakMap<
    ChannelConfig,
    { readonly version: number; readonly members: readonly Member[] }
  >();
  /** By member: the count of news when it was last told. */
  readonly #told = new LruMap<string, number>(REMEMBERED);
  #lastQuestionAt = 0;
  #news = 0;
  #lastRoundAt = 0;
  #lastRefreshAt = 0;
  #refreshing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = 0;
  #state: "idle" | "running" | "stopped" = "idle";

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#own = new OwnStatement({ ...options, aliveMs: options.times.intervalMs / 2 });
    this.#realm = {
      localMsp: options.localMsp,
      configs: () => options.channels().map(({ config }) => config),
    };
    this.#targets = new Targets(options.connect);
  }

  /** Once this peer can be reached. */
  start(): void {
    if (this.#state !== "idle") return;
    this.#state = "running";
    this.#schedule(0);
  }

  stop(): void {
    this.#state = "stopped";
    clearTimeout(this.#timer);
    this.#targets.close();
  }

  /** Something that others are told of has changed here: a channel, a block, a chaincode. */
  changed(): void {
    this.#news += 1;
    this.#schedule(Math.max(0, this.#lastRoundAt + this.#options.times.newsMs - this.#options.clock.now()));
  }

  /** A channel was joined, or has a new configuration: whom it names for the first time need not wait for a round. */
  configured(): void {
    this.changed();
    if (this.#state !== "running") return;
    this.#askAll(({ wasAsked }) => !wasAsked).catch((error: unknown) =>
      this.#options.logger.error("new peers not asked", { reason: messageOf(error) }),
    );
  }

  /** This peer as it tells others of itself now. */
  self(): Promise<Member> {
    return this.#own.member();
  }

  /** The other peers that are there, of any channel or none; whoever is no member's peer any more is left out. */
  members(): Member[] {
    return this.#view.members().filter(({ identity }) => peerOfRealm(identity, this.#realm, this.#options.clock.now()));
  }

  /** The other peers that have joined a channel and belong to one of its members. */
  membersOf(config: ChannelConfig): readonly Member[] {
    // Asked for each endorsement; the view changes every few seconds.
    const known = this.#ofChannels.get(config);
    if (known?.version === this.#view.version) return known.members;
    const now = this.#options.clock.now();
    const members = this.#view
      .members()
      .filter(({ states, identity }) => states.has(config.channelId) && peerOfChannel(config, identity, now));
    this.#ofChannels.set(config, { version: this.#view.version, members });
    return members;
  }

  /** The peers of a channel, with connections: those that were named, and those that were found. */
  peers(config: ChannelConfig): OtherPeer[] {
    const found = new Map(this.membersOf(config).map((member) => [member.id, member]));
    const told = (member: Member | undefined) =>
      member && { identity: member.identity, ledgerHeight: member.states.get(config.channelId)?.height ?? 0 };
    const named = this.#options.named(config).map((peer) => {
      const id = this.#targets.get(peer.address)?.memberId ?? "";
      const member = found.get(id);
      found.delete(id);
      return { ...peer, ...told(member) };
    });
    const others = [...found.values()].flatMap((member) => {
      const connection = this.#targets.get(member.endpoint)?.connection;
      return connection ? [{ mspId: member.mspId, address: member.endpoint, connection, ...told(member) }] : [];
    });
    return [...named, ...others];
  }

  /**
   * Anchor peers of a channel that are there and are none of ours, as Fabric's: they can be asked to endorse, and say
   * nothing of themselves.
   */
  foreign(config: ChannelConfig): OtherPeer[] {
    return anchorsOf(config).flatMap(({ mspId, address }) => {
      const target = this.#targets.get(address);
      // A named one is among the others already.
      if (!target?.isOwn || target.foreignSince === undefined) return [];
      return [{ mspId, address, connection: target.connection }];
    });
  }

  /** Asks everybody now, so that what is known is not older than this call; gives up on those that are slow. */
  async refresh(): Promise<void> {
    if (this.#state !== "running") return;
    const now = this.#options.clock.now();
    if (this.#refreshing === undefined && now - this.#lastRefreshAt < REFRESH_MS) return;
    this.#refreshing ??= this.#askWhoAnswers().finally(() => {
      this.#refreshing = undefined;
      this.#lastRefreshAt = this.#options.clock.now();
    });
    await this.#refreshing;
  }

  /** Handler of hansa.peer.Membership/Exchange. */
  readonly answer = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const { signer, clock, windowMs } = this.#options;
    if (bytes.length > MAX_QUESTION_BYTES) {
      throw new RpcStatus(GrpcStatus.RESOURCE_EXHAUSTED, `a question has at most ${MAX_QUESTION_BYTES} bytes`);
    }
    const question = readQuestion(bytes, this.#realm, clock.now(), windowMs);
    if ("kind" in question) {
      const code = question.kind === "malformed" ? GrpcStatus.INVALID_ARGUMENT : GrpcStatus.PERMISSION_DENIED;
      throw new RpcStatus(code, question.reason);
    }
    const { from, at } = question;
    if (from.id !== this.#own.id) {
      if (at <= (this.#questions.get(from.id) ?? 0))
        throw new RpcStatus(GrpcStatus.PERMISSION_DENIED, "the question is not newer than one before it");
      this.#questions.set(from.id, at);
      this.#hear(from);
    }
    const statement = await this.#own.for(from.mspId);
    this.#told.set(from.id, this.#news);
    return signAnswer(signer, bytes, statement, this.#visibleTo(from));
  };

  #schedule(delayMs: number): void {
    if (this.#state !== "running") return;
    const at = this.#options.clock.now() + delayMs;
    if (this.#timer !== undefined && this.#timerAt <= at) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const round = () =>
      this.#round().catch((error: unknown) =>
        this.#options.logger.error("other peers not asked", { reason: messageOf(error) }),
      );
    this.#timer = setTimeout(round, delayMs).unref();
  }

  async #round(): Promise<void> {
    const { clock, logger, times } = this.#options;
    this.#timer = undefined;
    this.#lastRoundAt = clock.now();
    this.#schedule(times.intervalMs);
    for (const { endpoint, mspId } of this.#view.expire(clock.now(), times.silenceMs))
      logger.info("peer is silent", { peer: endpoint, mspId, afterMs: times.silenceMs });
    const news = this.#news;
    await this.#askAll(({ memberId: id, foreignSince }) => {
      if (foreignSince !== undefined) return clock.now() - foreignSince > FOREIGN_MS;
      const heardAt = id === undefined ? undefined : this.#view.heardAt(id);
      if (id === undefined || heardAt === undefined) return true;
      return (this.#told.get(id) ?? -1) < news || clock.now() - heardAt > times.intervalMs / 2;
    });
  }

  async #askAll(isDue: (target: Target) => boolean): Promise<void> {
    await Promise.all(
      this.#targets
        .follow(this.#wanted())
        .filter(isDue)
        .map((target) => this.#approach(target)),
    );
  }

  async #askWhoAnswers(): Promise<void> {
    const expected = this.#targets.follow(this.#wanted()).filter(({ isSilent }) => !isSilent);
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      limit = setTimeout(resolve, REFRESH_TIMEOUT_MS);
    });
    await Promise.race([Promise.all(expected.map((target) => this.#approach(target))), late]);
    clearTimeout(limit);
  }

  async #approach(target: Target): Promise<void> {
    const isStranger = target.mspId === undefined && target.memberId === undefined;
    const member = await this.#ask(target);
    // Nobody tells a stranger about a channel: now it is known whose peer this is.
    if (isStranger && member !== undefined && this.#shared(member.mspId).length > 0) await this.#ask(target);
  }

  async #ask(target: Target): Promise<Member | undefined> {
    const { signer, clock, logger } = this.#options;
    const known = target.memberId === undefined ? undefined : this.#view.get(target.memberId);
    const news = this.#news;
    target.wasAsked = true;
    try {
      const statement = await this.#own.for(target.mspId ?? known?.mspId);
      if (this.#state !== "running") return undefined;
      this.#lastQuestionAt = Math.max(clock.now(), this.#lastQuestionAt + 1);
      const question = signQuestion(signer, statement, this.#lastQuestionAt as UnixMs);
      const bytes = await target.connection.exchangeMembership(question, { timeoutMs: ASK_TIMEOUT_MS });
      const read = readAnswer(bytes, question, this.#realm, clock.now());
      if (typeof read === "string") throw new Error(read);
      const { from, others } = read;
      if (target.mspId !== undefined && from.mspId !== target.mspId)
        throw new Error(`${from.mspId} answers in place of ${target.mspId}`);
      target.memberId = from.id;
      target.isSilent = false;
      target.foreignSince = undefined;
      this.#noteAlias(target.address, from);
      if (from.id === this.#own.id) return undefined;
      this.#told.set(from.id, news);
      this.#hear(from);
      for (const other of others) this.#noteNamed(other);
      return from;
    } catch (error) {
      this.#noteSilence(target, error);
      logger.debug("peer not asked", { peer: target.address, reason: messageOf(error) });
      return undefined;
    }
  }

  #hear(member: Member): void {
    const { logger, clock } = this.#options;
    const outcome = this.#view.hear(member, clock.now());
    if (outcome === "refused") return;
    this.#named.delete(member.id);
    if (outcome === "known") return;
    logger.info("peer found", { peer: member.endpoint, mspId: member.mspId });
    // It may know others, and its address becomes one to ask.
    if (this.#targets.get(member.endpoint) === undefined) this.#targets.follow(this.#wanted());
  }

  /** Who cannot be reached is gone; who is only slow has until it is silent for too long. */
  #noteSilence(target: Target, error: unknown): void {
    if (this.#state !== "running") return;
    target.isSilent = true;
    const id = target.memberId;
    const code = error instanceof RpcStatus ? error.code : undefined;
    const isGone = code === GrpcStatus.UNAVAILABLE;
    target.foreignSince = code === GrpcStatus.UNIMPLEMENTED ? this.#options.clock.now() : undefined;
    for (const named of [...this.#named.values()]) if (named.endpoint === target.address) this.#named.delete(named.id);
    const member = id === undefined ? undefined : this.#view.get(id);
    // The next round connects anew, with the roots that hold then.
    if (isGone && target.isOwn) this.#targets.drop(target.address);
    if (!isGone || id === undefined || member?.endpoint !== target.address) return;
    target.memberId = undefined;
    if (!this.#view.remove(id)) return;
    this.#told.delete(id);
    this.#options.logger.info("peer does not answer", { peer: member.endpoint, mspId: member.mspId });
  }

  #noteNamed(named: Named): void {
    const isKnown = named.id === this.#own.id || this.#view.get(named.id) !== undefined || this.#named.has(named.id);
    if (isKnown || this.#named.size >= MAX_NAMED) return;
    this.#named.set(named.id, named);
    this.changed();
  }

  #noteAlias(address: string, from: Member): void {
    if (from.id !== this.#own.id && from.endpoint === address) this.#aliases.delete(address);
    else this.#aliases.set(address, from.id);
  }

  /** Addresses to ask, each with what is known of it beforehand. */
  #wanted(): Map<string, Wanted> {
    const { named, bootstrap } = this.#options;
    const wanted = new Map<string, Wanted>();
    const add = (address: string, by: Wanted) => {
      if (!wanted.has(address)) wanted.set(address, by);
    };
    const configs = this.#realm.configs();
    for (const config of configs)
      for (const { address, mspId, connection } of named(config)) add(address, { mspId, connection });
    for (const { endpoint, mspId } of this.#view.members()) add(endpoint, { mspId });
    for (const address of bootstrap) if (!this.#isAlias(address)) add(address, {});
    for (const { mspId, address } of configs.flatMap(anchorsOf)) if (!this.#isAlias(address)) add(address, { mspId });
    for (const { endpoint, mspId } of this.#named.values()) add(endpoint, { mspId });
    wanted.delete(this.#options.endpoint());
    return wanted;
  }

  /** Whether it is this peer's address, or that of a peer which is asked at another one. */
  #isAlias(address: string): boolean {
    const id = this.#aliases.get(address);
    return id !== undefined && (id === this.#own.id || this.#view.get(id) !== undefined);
  }

  #shared(mspId: MspId): ChannelConfig[] {
    return sharedChannels(this.#realm.configs(), this.#options.signer.mspId, mspId);
  }

  /** Peers of one's own organisation, and those that one shares a channel with. */
  #visibleTo(from: Member): Member[] {
    return this.members().filter(
      ({ id, mspId }) => id !== from.id && (mspId === from.mspId || this.#sharesChannel(mspId, from.mspId)),
    );
  }

  #sharesChannel(one: MspId, other: MspId): boolean {
    return sharedChannels(this.#realm.configs(), one, other).length > 0;
  }
}

type Anchor = { readonly mspId: MspId; readonly address: string };

/** Asked for with each endorsement. */
const anchors = new WeakMap<ChannelConfig, readonly Anchor[]>();

function anchorsOf(config: ChannelConfig): readonly Anchor[] {
  let known = anchors.get(config);
  if (known === undefined) {
    known = config
      .applicationOrgs()
      .flatMap(({ mspId, anchorPeers }) => anchorPeers.map(({ host, port }) => ({ mspId, address: `${host}:${port}` })))
      .filter(({ address }) => isEndpoint(address));
    anchors.set(config, known);
  }
  return known;
}

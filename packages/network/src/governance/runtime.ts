/**
 * A network's governance beside its nodes: founds the network at its first launch, follows the strand, has acts signed
 * and ordered, and carries out what was decided. Runs in whatever process keeps the nodes.
 */

import type { Ordered } from "@hansa/control-plane";
import { type Act, encodeRecord, fold, GovernanceRefusal, type GovernanceState, signedRecord } from "@hansa/governance";
import type { SigningIdentity } from "@hansa/msp";
import { type Bytes, HansaError, type Logger, type MspId, messageOf } from "@hansa/primitives";
import { plainReason } from "@hansa/transport";
import { JournalClient } from "../client/journal-client.js";
import { readIdentity, userFiles } from "../identity/material.js";
import { orderedChannelNames } from "../membership/participation.js";
import type { RunningNetwork } from "../membership/running-network.js";
import { authoritySpec } from "../nodes/specs.js";
import { Authorities } from "./authorities.js";
import { committedAtPeers } from "./committed.js";
import { EnactmentSigner } from "./enactment-signer.js";
import { Enactor } from "./enactor.js";
import { GovernanceFollower } from "./follower.js";
import { foundedAct, networkIdOf, orderingOrganization } from "./founding.js";
import { type CurrentConfig, orderConfigUpdate, readCurrentConfig } from "./ordered-channels.js";
import { Orderers } from "./orderers.js";
import { orderRecord, strandOf } from "./ordering-desk.js";
import { HEALS_WITHIN_MS, isPassing } from "./passing.js";
import { StrandCopy } from "./strand-copy.js";

export type RuntimeOptions = {
  readonly network: RunningNetwork;
  readonly logger: Logger;
  /** Called once when the last member has left. */
  readonly onDeleted: () => void;
};

const FOLLOWED_WITHIN_MS = 10_000;
/** Peers that keep up commit a block within milliseconds. */
const COMMITTED_WITHIN_MS = 2_000;
const RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;

export class GovernanceRuntime {
  readonly network: RunningNetwork;
  readonly follower: GovernanceFollower;
  readonly authorities: Authorities;
  readonly copy: StrandCopy;
  readonly logger: Logger;
  readonly #onDeleted: () => void;
  readonly #enactor: Enactor;
  readonly #signer: EnactmentSigner;
  readonly #stopping = new AbortController();
  readonly #orderers: Orderers;
  #operator: Promise<SigningIdentity> | undefined;
  #founding: Promise<void>;
  #settling: Promise<void> = Promise.resolve();
  #settled: GovernanceState | undefined;

  constructor({ network, logger, onDeleted }: RuntimeOptions) {
    this.network = network;
    this.logger = logger;
    this.#onDeleted = onDeleted;
    this.#orderers = new Orderers(network);
    this.copy = StrandCopy.open(network.layout.governanceStrand);
    this.follower = new GovernanceFollower({
      logger,
      keep: (block) => this.copy.append(block),
      onReplaced: () => this.copy.clear(),
    });
    this.authorities = new Authorities((mspId) => this.#authority(mspId));
    this.#loadCopy();
    this.#signer = new EnactmentSigner(this.authorities, this.copy);
    this.#enactor = new Enactor({
      channels: {
        names: () => orderedChannelNames(network.view),
        read: (channelId) => this.readConfig(channelId),
        order: async (channelId, update, signatures) => {
          const operator = await this.operator();
          return this.#orderers.tell((orderer) => orderConfigUpdate(orderer, operator, channelId, update, signatures));
        },
      },
      state: () => this.follower.state,
      onState: (listener) => this.follower.listen(listener),
      sign: (mspId, request) => this.#signer.sign(mspId, request),
      submit: (act) => this.submit(act),
      committed: (channels) => committedAtPeers(this, channels, COMMITTED_WITHIN_MS),
      logger,
    });
    this.follower.listen(() => this.#settleSoon());
    this.follower.start(strandOf(this.#orderers, () => this.operator()));
    this.#founding = this.#foundUntilDone();
    this.#founding.catch(() => {});
    this.#enactor.start();
    this.#settleSoon();
  }

  /** Resolves when the network is founded and its strand is followed to there. */
  get founded(): Promise<void> {
    return this.#founding;
  }

  /** @throws HansaError NOT_FOUNDED in the moments before a first launch has founded the network */
  get state(): GovernanceState {
    const { state } = this.follower;
    if (state !== undefined) return state;
    throw new HansaError("NOT_FOUNDED", `Network ${this.network.config().name} is just being founded.`, {
      nextStep: "Try again in a moment.",
    });
  }

  get isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** A channel's configuration in force, as any orderer has it. @throws as readCurrentConfig */
  async readConfig(channelId: string): Promise<CurrentConfig> {
    const operator = await this.operator();
    return this.#orderers.ask((orderer) => readCurrentConfig(orderer, operator, channelId));
  }

  /** Who wrote how much to a channel, from a block on. Throws as `JournalClient.written`. */
  async written(channelId: string, strandId: string, firstSequenceNo: number) {
    const operator = await this.operator();
    return this.#orderers.ask((orderer) =>
      new JournalClient(orderer, operator, channelId).written(strandId, firstSequenceNo),
    );
  }

  /** The ordering organisation's administrator: reads and sends, and signs nothing that counts. */
  operator(): Promise<SigningIdentity> {
    const ordering = orderingOrganization(this.network);
    this.#operator ??= readIdentity(ordering.mspId, userFiles(this.network.layout, ordering, "Admin"));
    return this.#operator;
  }

  /**
   * Has whoever acts sign an act, and orders it. Resolves when it is durable and in the state.
   * @throws GovernanceRefusal when the rules do not allow it; HansaError NODE_UNREACHABLE, SIGNATURE_REFUSED
   */
  async submit(act: Act): Promise<Ordered> {
    const { network } = this;
    const { state } = this.follower;
    // What is refused here costs no signature; the orderer has the last word.
    if (state !== undefined) {
      const folded = fold(state, act, this.follower.now());
      if (!folded.ok) throw folded.refusal;
    }
    const networkId = networkIdOf(network.config());
    const record = encodeRecord(networkId, act);
    const signatures = await Promise.all(this.#signersOf(act).map((mspId) => this.#sign(mspId, record)));
    const place = await orderRecord(signedRecord(record, signatures), {
      orderers: this.#orderers,
      reader: () => this.operator(),
      after: this.follower.size,
      signal: this.#stopping.signal,
    }).catch((cause: unknown) => {
      if (cause instanceof HansaError) throw cause;
      throw new HansaError("NODE_UNREACHABLE", `The orderer does not answer: ${plainReason(messageOf(cause))}.`, {
        cause,
        nextStep: "See what the nodes are doing with: hansa status",
      });
    });
    this.follower.hurry();
    await this.follower.reached(place.sequenceNo + 1, FOLLOWED_WITHIN_MS);
    return { networkId, ...place };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    // Whatever is under way fails at once instead of waiting for answers; a later start continues it.
    this.#orderers.close();
    this.authorities.close();
    await Promise.allSettled([this.#enactor.stop(), this.follower.stop(), this.#settling, this.#founding]);
    this.authorities.close();
    this.copy.close();
  }

  #loadCopy(): void {
    try {
      const blocks = Array.from({ length: this.copy.size }, (_, number) => this.copy.block(number));
      this.follower.load(blocks);
    } catch (error) {
      this.logger.warn("copy of the governance strand is damaged, it is made anew", { reason: messageOf(error) });
      this.copy.clear();
    }
  }

  #authority(mspId: MspId) {
    const { layout, view } = this.network;
    const organization = view.plan.organizations.find((each) => each.mspId === mspId);
    return organization === undefined ? undefined : authoritySpec(organization, view.plan, layout, view.state.ports);
  }

  /** MSP ids of those who must sign, in the order of the signatures. */
  #signersOf(act: Act): MspId[] {
    const operator = orderingOrganization(this.network).mspId;
    switch (act.kind) {
      case "proposed":
      case "voted":
      case "left": {
        const member = this.state.members.get(act.memberId);
        if (member !== undefined) return [member.mspId];
        throw new GovernanceRefusal("NOT_FOUND", `there is no member ${act.memberId} in this network`, {
          resource: act.memberId,
        });
      }
      case "invitationAccepted":
        return [act.member.mspId, operator];
      default:
        return [operator];
    }
  }

  async #sign(mspId: MspId, record: Bytes): Promise<{ identity: Bytes; signature: Bytes }> {
    const deadline = performance.now() + HEALS_WITHIN_MS;
    for (;;) {
      try {
        return await this.authorities.ask(mspId, (ca, registrar) => ca.signGovernanceRecord(registrar, record));
      } catch (cause) {
        const isOver = this.isStopped || performance.now() > deadline;
        if (!isPassing(cause) || isOver) throw unsigned(mspId, cause);
      }
      await pause(RETRY_MS, this.#stopping.signal);
    }
  }

  /** Orders the founding unless the strand has it. A process that dies half-way is succeeded by one that asks again. */
  async #foundUntilDone(): Promise<void> {
    const { signal } = this.#stopping;
    for (let pauseMs = RETRY_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_RETRY_MS)) {
      if (this.follower.state !== undefined) return;
      try {
        const startedAt = performance.now();
        await this.submit(await foundedAct(this.network, this.authorities));
        this.logger.info("network founded", { durationMs: Math.round(performance.now() - startedAt) });
        return;
      } catch (error) {
        // An earlier start founded it, and this one has not read the strand yet.
        if (error instanceof GovernanceRefusal && error.reason === "ALREADY_EXISTS")
          return void (await this.follower.reached(1, FOLLOWED_WITHIN_MS));
        if (!signal.aborted) this.logger.warn("network is not founded yet", { reason: messageOf(error), pauseMs });
      }
      await pause(pauseMs, signal);
    }
  }

  #settleSoon(): void {
    this.#settling = this.#settling.then(() => this.#settleUntilDone());
  }

  /** Has the nodes follow the strand: those of members that left stop, newcomers find their channels. */
  async #settleUntilDone(): Promise<void> {
    const { signal } = this.#stopping;
    for (let pauseMs = RETRY_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_RETRY_MS)) {
      const { state } = this.follower;
      if (state === undefined || state === this.#settled) return;
      try {
        await this.#settle(state);
        this.#settled = state;
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.logger.warn("nodes do not follow the members yet", { reason: messageOf(error), pauseMs });
      }
      await pause(pauseMs, signal);
    }
  }

  async #settle(state: GovernanceState): Promise<void> {
    const { network } = this;
    if (state.status === "DELETED") return this.#onDeleted();
    const leaving = new Set(state.enactments.flatMap(({ memberIds }) => memberIds));
    for (const { memberId, mspId } of network.config().members) {
      const status = memberId === undefined ? undefined : state.members.get(memberId)?.status;
      // One that failed to join may still be on channels that took it in; a departure waits then.
      const isOut = status === "left" || (status === "failed" && !leaving.has(memberId!));
      if (!isOut) continue;
      await network.removeMember(mspId, { wipe: true });
      this.authorities.forget(mspId);
      this.logger.info("member's nodes stopped", { member: memberId });
    }
    // Channels that are made from now on get the rule of the policy in force.
    const { policy } = network.config().governance;
    if (Object.entries(state.policy).some(([name, value]) => policy[name as keyof typeof policy] !== value))
      await network.change(({ governance }) => ({ governance: { ...governance, policy: state.policy } }));
    const before = this.#settled;
    const joined = [...state.members.values()].some(
      ({ memberId, status }) =>
        status === "active" && before !== undefined && before.members.get(memberId)?.status !== "active",
    );
    if (joined) await network.followChannels();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}

function unsigned(mspId: MspId, cause: unknown): HansaError {
  if (isPassing(cause))
    return new HansaError("NODE_UNREACHABLE", `The authority of ${mspId} does not answer: ${messageOf(cause)}.`, {
      cause,
      nextStep: "See what the nodes are doing with: hansa status",
    });
  if (cause instanceof HansaError && cause.code === "MISSING_IDENTITY") return cause;
  return new HansaError("SIGNATURE_REFUSED", `The authority of ${mspId} does not sign: ${messageOf(cause)}.`, {
    cause,
  });
}

/**
 * A state under construction: what acts have in common when they change it. Private to the fold, which checks an act
 * before it changes anything; whoever holds a finished state never sees it change.
 */
import type { Bytes, UnixMs } from "@hansa/primitives";
import type { Parties } from "./actors.js";
import type { ChannelChoice, Rules, VotingPolicy } from "./acts.js";
import { expireInvitation, expireProposal } from "./expiry.js";
import { signersOf } from "./signers.js";
import type { Enactment, GovernanceState, Invitation, Member, Proposal } from "./state.js";
import { count, isPresent, outcomeOf } from "./tally.js";

const HOUR_MS = 3_600_000;

/** What is not kept as such but follows from the rest. */
type NewEnactment = Omit<Enactment, "signers" | "policy">;

export class Draft {
  /** Changed through addMember and setMember alone. */
  readonly members: Map<string, Member>;
  readonly proposals: Map<string, Proposal>;
  readonly invitations: Map<string, Invitation>;
  readonly #base: GovernanceState;
  #enactments: readonly Enactment[];
  #policy: VotingPolicy;
  #deletedAt: UnixMs | undefined;
  #time: UnixMs;
  #present: readonly string[] | undefined;
  /** Ids of what can still expire, in the order it was made. */
  readonly #openProposals = new Set<string>();
  readonly #openInvitations = new Set<string>();
  /** Invitations that open proposals would make: their ids are taken. */
  readonly #promised = new Set<string>();
  /** Nothing expires before this. */
  #quietUntil = 0;

  constructor(state: GovernanceState) {
    this.#base = state;
    this.members = new Map(state.members);
    this.proposals = new Map(state.proposals);
    this.invitations = new Map(state.invitations);
    this.#enactments = state.enactments;
    this.#policy = state.policy;
    this.#deletedAt = state.deletedAt;
    this.#time = state.time;
    for (const proposal of state.proposals.values()) if (proposal.status === "IN_PROGRESS") this.#open(proposal);
    for (const [id, { status }] of state.invitations) if (status === "PENDING") this.#openInvitations.add(id);
  }

  finish(): GovernanceState {
    return {
      ...this.#base,
      status: this.#deletedAt === undefined ? "AVAILABLE" : "DELETED",
      ...(this.#deletedAt === undefined ? {} : { deletedAt: this.#deletedAt }),
      policy: this.#policy,
      members: this.members,
      proposals: this.proposals,
      invitations: this.invitations,
      enactments: this.#enactments,
      time: this.#time,
    };
  }

  get time(): UnixMs {
    return this.#time;
  }
  get isDeleted(): boolean {
    return this.#deletedAt !== undefined;
  }
  get rules(): Rules {
    return this.#base.rules;
  }
  get parties(): Parties {
    const { networkId, operatorIdentity, operatorMspConfig } = this.#base;
    return { networkId, operatorIdentity, operatorMspConfig, members: this.members };
  }
  get operatorMspConfig(): Bytes {
    return this.#base.operatorMspConfig;
  }
  get channels(): ChannelChoice {
    return this.#base.channels;
  }
  get policy(): VotingPolicy {
    return this.#policy;
  }
  get enactments(): readonly Enactment[] {
    return this.#enactments;
  }
  get openProposals(): ReadonlySet<string> {
    return this.#openProposals;
  }

  /** Ids of those that count and vote, in the order they joined. */
  get present(): readonly string[] {
    this.#present ??= [...this.members.values()].filter(isPresent).map((member) => member.memberId);
    return this.#present;
  }

  #electorateOf({ electorate }: Proposal): readonly string[] {
    return electorate === undefined ? this.present : electorate.filter((id) => isPresent(this.members.get(id)));
  }

  /** Moves time on, and decides by it what it decides. */
  advance(to: UnixMs): void {
    this.#time = to;
    if (to < this.#quietUntil) return;
    let quietUntil = Number.POSITIVE_INFINITY;
    for (const id of this.#openProposals) {
      const proposal = this.proposals.get(id) as Proposal;
      if (proposal.expiresAt <= to) {
        this.proposals.set(id, expireProposal(proposal, this.#electorateOf(proposal), this.#policy));
        this.#close(proposal);
      } else quietUntil = Math.min(quietUntil, proposal.expiresAt);
    }
    for (const id of this.#openInvitations) {
      const invitation = this.invitations.get(id) as Invitation;
      if (invitation.expiresAt <= to) {
        this.invitations.set(id, expireInvitation(invitation));
        this.#openInvitations.delete(id);
      } else quietUntil = Math.min(quietUntil, invitation.expiresAt);
    }
    this.#quietUntil = quietUntil;
  }

  propose(proposal: Omit<Proposal, "expiresAt" | "electorate">): void {
    const expiresAt = this.#afterPolicy(proposal.createdAt);
    const electorate = this.rules.electorate === "live" ? {} : { electorate: this.present };
    this.proposals.set(proposal.proposalId, { ...proposal, expiresAt, ...electorate });
    this.#open(proposal);
    this.#quietUntil = Math.min(this.#quietUntil, expiresAt);
  }

  #open({ proposalId, invitations }: Pick<Proposal, "proposalId" | "invitations">): void {
    this.#openProposals.add(proposalId);
    for (const { invitationId } of invitations) this.#promised.add(invitationId);
  }

  #close({ proposalId, invitations }: Proposal): void {
    this.#openProposals.delete(proposalId);
    for (const { invitationId } of invitations) this.#promised.delete(invitationId);
  }

  isPromised(invitationId: string): boolean {
    return this.#promised.has(invitationId);
  }

  setMember(id: string, change: Partial<Member>): void {
    this.members.set(id, { ...(this.members.get(id) as Member), ...change });
    this.#present = undefined;
  }

  addMember(member: Member): void {
    this.members.set(member.memberId, member);
    this.#present = undefined;
  }

  setInvitation(invitation: Invitation): void {
    this.invitations.set(invitation.invitationId, invitation);
    if (invitation.status !== "PENDING") {
      this.#openInvitations.delete(invitation.invitationId);
      return;
    }
    this.#openInvitations.add(invitation.invitationId);
    this.#quietUntil = Math.min(this.#quietUntil, invitation.expiresAt);
  }

  /** Notes that an approved proposal could not be carried out; more than one reason is kept. */
  fail(proposalId: string, failure: string): void {
    const proposal = this.proposals.get(proposalId) as Proposal;
    const failures = proposal.failure === undefined ? failure : `${proposal.failure}; ${failure}`;
    this.proposals.set(proposalId, { ...proposal, status: "ACTION_FAILED", failure: failures });
  }

  enqueue(enactment: NewEnactment): void {
    this.#enactments = [...this.#enactments, { ...enactment, policy: this.#policy, signers: [] }];
  }

  dequeue(enactmentId: string): void {
    this.#enactments = this.#enactments.filter((each) => each.enactmentId !== enactmentId);
  }

  setPolicy(policy: VotingPolicy): void {
    this.#policy = policy;
  }

  /** A policy that no channel followed does not apply; nor does it to what waits to be carried out. */
  revertPolicy(to: VotingPolicy): void {
    this.#policy = to;
    this.#enactments = this.#enactments.map((each) => ({ ...each, policy: to }));
  }

  /** Decides an open proposal when its votes do. */
  evaluate(proposalId: string): void {
    const proposal = this.proposals.get(proposalId) as Proposal;
    if (proposal.votes.length === 0) return;
    const electorate = this.#electorateOf(proposal);
    const outcome = outcomeOf(count(proposal, electorate.length, this.#policy), this.rules.rejection);
    if (outcome === undefined) return;
    const decided: Proposal = {
      ...proposal,
      status: outcome,
      decidedAt: this.#time,
      electorate,
      policy: this.#policy,
    };
    this.proposals.set(proposalId, decided);
    this.#close(decided);
    if (outcome === "APPROVED") this.#approve(decided);
  }

  #approve(proposal: Proposal): void {
    const { proposalId } = proposal;
    for (const { invitationId, accountId } of proposal.invitations) {
      const [createdAt, expiresAt] = [this.#time, this.#afterPolicy(this.#time)];
      this.setInvitation({ invitationId, proposalId, accountId, status: "PENDING", createdAt, expiresAt });
    }
    const removed = proposal.removals.filter((id) => isPresent(this.members.get(id)));
    if (removed.length > 0) {
      for (const id of removed) this.setMember(id, { status: "leaving" });
      this.enqueue({
        enactmentId: `removal:${proposalId}`,
        kind: "removal",
        proposalId,
        memberIds: removed,
        admits: [],
        removes: removed.map((id) => (this.members.get(id) as Member).mspId),
        channels: ALL_CHANNELS,
      });
      this.membershipChanged();
    }
    if (proposal.newPolicy !== undefined) {
      this.setPolicy(proposal.newPolicy);
      this.enqueue({
        enactmentId: `policy:${proposalId}`,
        kind: "policy",
        proposalId,
        memberIds: [],
        admits: [],
        removes: [],
        channels: ALL_CHANNELS,
      });
      this.#evaluateOpen();
    }
  }

  /** Somebody came or went: votes lose or regain their weight, and with another base other votes may suffice. */
  membershipChanged(): void {
    if (this.isDeleted) return;
    if (this.present.length === 0) this.#delete();
    else this.#evaluateOpen();
  }

  #evaluateOpen(): void {
    for (const id of this.#openProposals) {
      this.#weighVotes(id);
      this.evaluate(id);
    }
  }

  /** A vote counts while its voter is a member. */
  #weighVotes(proposalId: string): Proposal {
    const proposal = this.proposals.get(proposalId) as Proposal;
    const votes = proposal.votes.map((vote) => {
      const isVoid = !isPresent(this.members.get(vote.memberId));
      return vote.void === isVoid ? vote : { ...vote, void: isVoid };
    });
    if (votes.every((vote, index) => vote === proposal.votes[index])) return proposal;
    const weighed = { ...proposal, votes };
    this.proposals.set(proposalId, weighed);
    return weighed;
  }

  /** The last member is out. Nothing is left to decide, nor anybody to sign it. */
  #delete(): void {
    this.#deletedAt = this.#time;
    for (const [id, { status }] of this.members) {
      if (status === "leaving") this.setMember(id, { status: "left", leftAt: this.#time });
    }
    for (const id of this.#openProposals) {
      const expired = expireProposal(this.#weighVotes(id), [], this.#policy);
      this.proposals.set(id, { ...expired, decidedAt: this.#time });
    }
    this.#openProposals.clear();
    this.#promised.clear();
    for (const id of this.#openInvitations)
      this.invitations.set(id, expireInvitation(this.invitations.get(id) as Invitation));
    this.#openInvitations.clear();
    this.#enactments = [];
  }

  /** Who may sign what waits, as members and decisions stand now. */
  refreshSigners(): void {
    this.#enactments = this.#enactments.map((enactment) => {
      const signers = signersOf(enactment, this);
      const same = signers.length === enactment.signers.length && signers.every((id, i) => id === enactment.signers[i]);
      return same ? enactment : { ...enactment, signers };
    });
  }

  #afterPolicy(time: UnixMs): UnixMs {
    return (time + this.#policy.proposalDurationHours * HOUR_MS) as UnixMs;
  }
}

export const ALL_CHANNELS: ChannelChoice = { kind: "all" };

/**
 * The rules: one act after the other, at the time at which it was ordered. The same acts at the same times give the
 * same state, wherever they are folded and in whatever portions.
 *
 * Everything that time decides is decided before the act. An act that is refused changes nothing.
 * Rules are those of Managed Blockchain; where its documentation is silent, the choice is in
 * docs/reference/governance-rules.md.
 */
import { assert, type Bytes, type UnixMs } from "@hansa/primitives";
import type { Parties } from "./actors.js";
import type {
  Act,
  ClockAdvanced,
  Enacted,
  InvitationAccepted,
  InvitationRejected,
  Left,
  MemberIdentity,
  Proposed,
  Voted,
} from "./acts.js";
import { checkForm, mspIdOf } from "./checks.js";
import { Draft } from "./draft.js";
import { GovernanceRefusal } from "./error.js";
import { carriedOut, departure } from "./outcomes.js";
import type { GovernanceState, Invitation, Member } from "./state.js";
import { isPresent } from "./tally.js";

export type Folded = { readonly ok: true; readonly state: GovernanceState } | Refused;
export type Refused = { readonly ok: false; readonly refusal: GovernanceRefusal };

export type TimedAct = { readonly act: Act; readonly at: UnixMs };

/**
 * What is known after one more act. The state that was given stays as it is.
 * @param state undefined before the network is founded
 * @param at when the act was ordered; a time before the state's counts as the state's
 */
export function fold(state: GovernanceState | undefined, act: Act, at: UnixMs): Folded {
  const folded = foldAll(state, [{ act, at }]);
  if (folded.ok) {
    assert(folded.state !== undefined, "an act that was accepted leaves a state");
    return { ok: true, state: folded.state };
  }
  return { ok: false, refusal: folded.refusal };
}

export type FoldedAll =
  | { readonly ok: true; readonly state: GovernanceState | undefined }
  | {
      readonly ok: false;
      /** Which act was refused, counted from 0. */
      readonly index: number;
      readonly refusal: GovernanceRefusal;
      /** What is known before it. */
      readonly state: GovernanceState | undefined;
    };

/** Many acts at once, several times faster than one by one. Ends at the first that the rules do not allow. */
export function foldAll(state: GovernanceState | undefined, acts: Iterable<TimedAct>): FoldedAll {
  const building = new Building(state);
  let index = 0;
  for (const { act, at } of acts) {
    const refusal = building.add(act, at);
    if (refusal !== undefined) return { ok: false, index, refusal, state: building.finish() };
    index += 1;
  }
  return { ok: true, state: building.finish() };
}

/** A state to which acts are added in place. Single use: what `finish` gave must not change any more. */
export class Building {
  readonly #before: GovernanceState | undefined;
  #draft: Draft | undefined;
  #changed = false;

  constructor(state: GovernanceState | undefined) {
    this.#before = state;
  }

  /** Gives the refusal of an act that is not allowed; nothing has changed then. */
  add(act: Act, at: UnixMs): GovernanceRefusal | undefined {
    try {
      checkForm(act);
      if (this.#draft === undefined && this.#before === undefined) this.#draft = new Draft(found(act, at));
      else {
        this.#draft ??= new Draft(this.#before as GovernanceState);
        apply(this.#draft, act, at);
      }
      this.#changed = true;
      return undefined;
    } catch (error) {
      if (error instanceof GovernanceRefusal) return error;
      throw error;
    }
  }

  /** What one must know to say whose signatures the next act takes; undefined before the network is founded. */
  get parties(): Parties | undefined {
    return this.#draft?.parties ?? this.#before;
  }

  finish(): GovernanceState | undefined {
    return this.#changed ? this.#draft?.finish() : this.#before;
  }
}

function found(act: Act, at: UnixMs): GovernanceState {
  if (act.kind !== "founded") {
    throw new GovernanceRefusal("NOT_FOUND", "the network is not founded yet", {
      nextStep: "The first record of a strand is the one that founds the network.",
    });
  }
  const members = new Map<string, Member>();
  const { members: founders, rules } = act;
  if (rules.memberLimit > 0 && founders.length > rules.memberLimit) {
    throw new GovernanceRefusal(
      "LIMIT_EXCEEDED",
      `${founders.length} members exceed the limit of ${rules.memberLimit}`,
    );
  }
  for (const founder of founders) {
    requireNew(founder, [...members.values()], act.operatorMspConfig, members);
    members.set(founder.memberId, { ...founder, status: "active", joinedAt: at, standsFor: [] });
  }
  const { kind, members: _, ...constitution } = act;
  return {
    ...constitution,
    status: "AVAILABLE",
    foundedAt: at,
    members,
    proposals: new Map(),
    invitations: new Map(),
    enactments: [],
    time: at,
  };
}

function apply(draft: Draft, act: Act, at: UnixMs): void {
  const now = Math.max(at, draft.time, act.kind === "clockAdvanced" ? act.to : 0) as UnixMs;
  const change = judge(draft, act, now, at);
  draft.advance(now);
  change();
  if (draft.enactments.length > 0) draft.refreshSigners();
}

/**
 * Checks an act against the state and gives what it changes. Nothing changes here, so what has expired by now is seen
 * by comparing times.
 */
function judge(draft: Draft, act: Act, now: UnixMs, at: UnixMs): () => void {
  if (act.kind === "founded") {
    throw new GovernanceRefusal("ALREADY_EXISTS", "the network is founded already", { resource: act.networkId });
  }
  if (draft.isDeleted) {
    throw new GovernanceRefusal("ILLEGAL_ACTION", "the network is deleted: its last member has left", {
      nextStep: "Create a new network.",
    });
  }
  switch (act.kind) {
    case "proposed":
      return propose(draft, act, now);
    case "voted":
      return vote(draft, act, now);
    case "invitationAccepted":
      return accept(draft, act, now);
    case "invitationRejected":
      return reject(draft, act, now);
    case "left":
      return leave(draft, act);
    case "enacted":
      return enact(draft, act, now);
    case "clockAdvanced":
      return advanceClock(draft, act, at);
  }
}

function propose(draft: Draft, act: Proposed, now: UnixMs): () => void {
  const proposer = actingMember(draft, act.memberId, "propose");
  if (proposer.status === "joining") throw notReady(proposer, "is still joining and cannot propose yet");
  if (draft.proposals.has(act.proposalId)) throw exists("proposal", act.proposalId);
  for (const { invitationId } of act.invitations) {
    if (draft.invitations.has(invitationId) || draft.isPromised(invitationId)) throw exists("invitation", invitationId);
  }
  for (const id of act.removals) {
    const member = draft.members.get(id);
    if (member?.status === "leaving") throw notReady(member, "is leaving already");
    if (member === undefined || !isPresent(member)) throw notFound("member", id, `there is no member ${id} to remove`);
  }
  const { kind, memberId, ...content } = act;
  return () =>
    draft.propose({
      ...content,
      proposedBy: { memberId, name: proposer.name },
      createdAt: now,
      status: "IN_PROGRESS",
      votes: [],
    });
}

function vote(draft: Draft, act: Voted, now: UnixMs): () => void {
  const proposal = draft.proposals.get(act.proposalId);
  if (proposal === undefined) throw notFound("proposal", act.proposalId);
  const voter = actingMember(draft, act.memberId, "vote");
  const { proposalId, memberId, yes } = act;
  const status = proposal.status === "IN_PROGRESS" && proposal.expiresAt <= now ? "EXPIRED" : proposal.status;
  if (status !== "IN_PROGRESS") {
    throw new GovernanceRefusal("ILLEGAL_ACTION", `proposal ${proposalId} is ${status}: its votes are closed`, {
      nextStep: "Make a new proposal.",
      resource: proposalId,
    });
  }
  if (proposal.votes.some((each) => each.memberId === memberId)) {
    throw new GovernanceRefusal("ALREADY_EXISTS", `${voter.name} has voted on proposal ${proposalId} already`, {
      nextStep: "A vote cannot be changed.",
      resource: proposalId,
    });
  }
  if (proposal.electorate !== undefined && !proposal.electorate.includes(memberId)) {
    throw new GovernanceRefusal(
      "ILLEGAL_ACTION",
      `${voter.name} joined after proposal ${proposalId} was made and has no vote on it`,
      { nextStep: "In this network those vote who were members when the proposal was made.", resource: proposalId },
    );
  }
  return () => {
    const cast = { memberId, memberName: voter.name, yes, at: now, void: false };
    draft.proposals.set(proposalId, { ...proposal, votes: [...proposal.votes, cast] });
    draft.evaluate(proposalId);
  };
}

function accept(draft: Draft, act: InvitationAccepted, now: UnixMs): () => void {
  const invitation = pendingInvitation(draft, act.invitationId, now);
  const { invitationId, proposalId, accountId } = invitation;
  const { member } = act;
  if (member.accountId !== accountId) {
    throw new GovernanceRefusal("ILLEGAL_ACTION", `invitation ${invitationId} is for account ${accountId}`, {
      resource: invitationId,
    });
  }
  const { present } = draft;
  const { memberLimit } = draft.rules;
  if (memberLimit > 0 && present.length >= memberLimit) {
    throw new GovernanceRefusal(
      "LIMIT_EXCEEDED",
      `the network has ${present.length} members, and ${memberLimit} is its limit`,
      {
        nextStep: "The invitation stays open until it expires; a member may leave before.",
      },
    );
  }
  const holders = [...draft.members.values()].filter((each) => isPresent(each) || each.status === "leaving");
  const undone = draft.enactments.flatMap((each) => each.memberIds.map((id) => draft.members.get(id) as Member));
  requireNew(member, [...holders, ...undone], draft.operatorMspConfig, draft.members);
  return () => {
    const open = [...draft.invitations.values()].filter((each) => isOpen(each) && each.invitationId !== invitationId);
    // With a live electorate it may vote on what is open; otherwise it has no say and takes what comes.
    const undecided = draft.rules.electorate === "snapshot" ? [...draft.openProposals] : [];
    const standsFor = [...open.map((each) => each.invitationId), ...undecided];
    draft.setInvitation({ ...invitation, status: "ACCEPTING", memberId: member.memberId });
    draft.addMember({ ...member, status: "joining", joinedAt: now, invitationId, standsFor });
    draft.enqueue({
      enactmentId: `join:${member.memberId}`,
      kind: "join",
      proposalId,
      invitationId,
      memberIds: [member.memberId],
      admits: [{ mspId: member.mspId, mspConfig: member.mspConfig }],
      removes: [],
      channels: draft.proposals.get(proposalId)?.channels ?? draft.channels,
    });
    draft.membershipChanged();
  };
}

function reject(draft: Draft, act: InvitationRejected, now: UnixMs): () => void {
  const invitation = pendingInvitation(draft, act.invitationId, now);
  return () => draft.setInvitation({ ...invitation, status: "REJECTED" });
}

function leave(draft: Draft, act: Left): () => void {
  const member = actingMember(draft, act.memberId, "leave");
  if (member.status === "joining") throw notReady(member, "is still joining and cannot leave yet");
  const { memberId, mspId } = member;
  return () => {
    draft.setMember(memberId, { status: "leaving" });
    draft.enqueue(departure(memberId, mspId));
    draft.membershipChanged();
  };
}

function enact(draft: Draft, act: Enacted, now: UnixMs): () => void {
  const { enactmentId } = act;
  const enactment = draft.enactments.find((each) => each.enactmentId === enactmentId);
  if (enactment === undefined) {
    throw notFound("enactment", enactmentId, `nothing called ${enactmentId} waits to be carried out`);
  }
  return () => carriedOut(draft, enactment, act, now);
}

function advanceClock(draft: Draft, act: ClockAdvanced, at: UnixMs): () => void {
  if (!draft.rules.simulatedClock) {
    throw new GovernanceRefusal("ILLEGAL_ACTION", "this network's clock is the system's and cannot be moved", {
      nextStep: "Found the network with a simulated clock.",
    });
  }
  if (act.to < at || act.to <= draft.time) {
    throw new GovernanceRefusal("INVALID", "a clock only moves forward", {
      nextStep: `Choose a time after ${new Date(Math.max(at, draft.time)).toISOString()}.`,
    });
  }
  return () => undefined;
}

function actingMember(draft: Draft, id: string, verb: string): Member {
  const member = draft.members.get(id);
  if (member === undefined) throw notFound("member", id);
  if (isPresent(member)) return member;
  if (member.status === "leaving") {
    throw new GovernanceRefusal("ILLEGAL_ACTION", `${member.name} is leaving the network and cannot ${verb} any more`, {
      resource: id,
    });
  }
  throw notFound("member", id, `${member.name} (${id}) is no member of the network any more`);
}

function pendingInvitation(draft: Draft, id: string, now: UnixMs): Invitation {
  const invitation = draft.invitations.get(id);
  if (invitation === undefined) throw notFound("invitation", id);
  const status = invitation.status === "PENDING" && invitation.expiresAt <= now ? "EXPIRED" : invitation.status;
  if (status === "PENDING") return invitation;
  const isFinal = status !== "ACCEPTING";
  throw new GovernanceRefusal("ILLEGAL_ACTION", `invitation ${id} is ${status}`, {
    resource: id,
    ...(isFinal ? { nextStep: "Only a new proposal makes a new invitation." } : {}),
  });
}

function isOpen({ status }: Invitation): boolean {
  return status === "PENDING" || status === "ACCEPTING";
}

/** @param holders those that still have their names and MSP ids */
function requireNew(
  member: MemberIdentity,
  holders: readonly Member[],
  operatorMspConfig: Bytes,
  known: ReadonlyMap<string, Member>,
): void {
  const { memberId, name, mspId } = member;
  if (known.has(memberId)) throw exists("member", memberId);
  if (holders.some((each) => each.name === name)) {
    throw new GovernanceRefusal("ALREADY_EXISTS", `the network has a member named ${name} already`, {
      nextStep: "Choose another name.",
      resource: name,
    });
  }
  if (mspId === mspIdOf(operatorMspConfig) || holders.some((each) => each.mspId === mspId)) {
    throw new GovernanceRefusal("ALREADY_EXISTS", `MSP id ${mspId} is taken`, { resource: mspId });
  }
}

function notFound(what: string, id: string, message = `there is no ${what} ${id} in this network`): GovernanceRefusal {
  return new GovernanceRefusal("NOT_FOUND", message, { resource: id });
}

function notReady(member: Member, fact: string): GovernanceRefusal {
  return new GovernanceRefusal("NOT_READY", `member ${member.name} ${fact}`, {
    nextStep: "Try again in a moment.",
    resource: member.memberId,
  });
}

function exists(what: string, id: string): GovernanceRefusal {
  return new GovernanceRefusal("ALREADY_EXISTS", `there is a ${what} ${id} already`, {
    nextStep: "Draw a new id.",
    resource: id,
  });
}

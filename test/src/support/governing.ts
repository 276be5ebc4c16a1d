/** Networks that are made and governed through their operator, as the control plane does. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  invitationId,
  type Member,
  memberId,
  networkId,
  nodeId,
  type Proposal,
  type Proposed,
  proposalId,
  type VotingPolicy,
} from "@hansa/governance";
import type { DataHome, RemoteNetwork } from "@hansa/network";
import { until } from "./until.js";

export type JoiningMember = Parameters<RemoteNetwork["prepareMember"]>[0];

const drawn = (form: (bytes: Uint8Array) => string) => form(randomBytes(16));

export const drawNodeId = () => drawn(nodeId);

/** @param account its last digits */
export function joiningMember(name: string, account: number): JoiningMember {
  return {
    memberId: drawn(memberId),
    name,
    accountId: String(account).padStart(12, "0"),
    adminUsername: "admin",
    adminPassword: "Password123",
  };
}

const MAJORITY: VotingPolicy = { thresholdPercentage: 50, comparator: "GREATER_THAN", proposalDurationHours: 24 };

/** A network that begins with one member. */
export function foundingOf(member: JoiningMember, name = "Trade"): Parameters<DataHome["create"]>[0] {
  return {
    networkId: drawn(networkId),
    name,
    frameworkVersion: "2.5",
    edition: "STANDARD",
    policy: MAJORITY,
    memberLimit: 0,
    simulatedClock: true,
    member,
  };
}

export function createNetwork(home: DataHome, member: JoiningMember): Promise<RemoteNetwork> {
  return home.create(foundingOf(member));
}

/** What members do in a network, and what became of it. */
export class Assembly {
  readonly network: RemoteNetwork;

  constructor(network: RemoteNetwork) {
    this.network = network;
  }

  member({ memberId }: JoiningMember): Member {
    const member = this.network.governance.members.get(memberId);
    assert.ok(member, `there is no member ${memberId}`);
    return member;
  }

  proposal(id: string): Proposal {
    const proposal = this.network.governance.proposals.get(id);
    assert.ok(proposal, `there is no proposal ${id}`);
    return proposal;
  }

  /** Proposes and has these members vote for it. Returns the proposal's id. */
  async decide(voters: readonly JoiningMember[], what: Partial<Proposed>): Promise<string> {
    const id = await this.propose(voters[0]!, what);
    for (const voter of voters) await this.vote(id, voter);
    return id;
  }

  async propose(proposer: JoiningMember, what: Partial<Proposed>): Promise<string> {
    const id = drawn(proposalId);
    await this.network.submit({
      kind: "proposed",
      proposalId: id,
      memberId: proposer.memberId,
      invitations: [],
      removals: [],
      tags: {},
      ...what,
    });
    return id;
  }

  async vote(id: string, { memberId }: JoiningMember, yes = true): Promise<void> {
    await this.network.submit({ kind: "voted", proposalId: id, memberId, yes });
  }

  /** An invitation that these members vote for. Returns its id and the proposal's. */
  async invite(
    voters: readonly JoiningMember[],
    { accountId }: JoiningMember,
    what: Partial<Proposed> = {},
  ): Promise<{ invitation: string; proposal: string }> {
    const invitation = drawn(invitationId);
    const proposal = await this.decide(voters, { ...what, invitations: [{ invitationId: invitation, accountId }] });
    return { invitation, proposal };
  }

  async accept(invitation: string, newcomer: JoiningMember): Promise<void> {
    const member = await this.network.prepareMember(newcomer);
    await this.network.submit({ kind: "invitationAccepted", invitationId: invitation, member });
  }

  /** Invites, accepts, and waits until the newcomer is on its channels. Returns the proposal's id. */
  async admit(voters: readonly JoiningMember[], newcomer: JoiningMember, what?: Partial<Proposed>): Promise<string> {
    const { invitation, proposal } = await this.invite(voters, newcomer, what);
    await this.accept(invitation, newcomer);
    await this.enacted();
    return proposal;
  }

  async leave({ memberId }: JoiningMember): Promise<void> {
    await this.network.submit({ kind: "left", memberId });
    await this.enacted();
  }

  /** Waits until nothing that was decided is still to be carried out. */
  async enacted(): Promise<void> {
    await until("what was decided", async () => this.network.governance.enactments.length === 0 || undefined);
  }
}

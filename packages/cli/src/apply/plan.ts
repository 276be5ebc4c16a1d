/**
 * From what a network file asks for and what a network is to the steps between them. Members and rules change by vote:
 * for those a step proposes, or waits for a proposal that is open already.
 */
import type { VotingPolicy } from "@hansa/governance";
import type { ChannelDefinition, ContractConfig, MemberConfig, NetworkConfig } from "@hansa/network";

export type CurrentMember = {
  readonly name: string;
  readonly memberId: string;
  readonly accountId: string;
  readonly peers: number;
};

export type OpenProposal = {
  readonly proposalId: string;
  /** Account ids. */
  readonly invitations: readonly string[];
  /** Member ids. */
  readonly removals: readonly string[];
  readonly policy: VotingPolicy | undefined;
};

export type Current = {
  readonly members: readonly CurrentMember[];
  readonly channels: readonly string[];
  readonly contracts: readonly { readonly channel: string; readonly name: string; readonly version: string }[];
  readonly policy: VotingPolicy;
  /** Open proposals. */
  readonly proposals: readonly OpenProposal[];
  /** Pending invitations, with the accounts whose keys are at hand. */
  readonly invitations: readonly { readonly invitationId: string; readonly accountId: string }[];
  /** Accounts whose keys are at hand. */
  readonly accounts: readonly string[];
};

export type Step =
  | { readonly kind: "invite"; readonly members: readonly MemberConfig[] }
  | { readonly kind: "remove"; readonly member: CurrentMember }
  | { readonly kind: "policy"; readonly policy: VotingPolicy }
  | { readonly kind: "join"; readonly invitationId: string; readonly member: MemberConfig }
  | { readonly kind: "channel"; readonly channel: ChannelDefinition }
  | { readonly kind: "node"; readonly member: CurrentMember; readonly count: number }
  | { readonly kind: "contract"; readonly contract: ContractConfig; readonly from: string | undefined }
  /** Nothing to do now: others must act first. */
  | { readonly kind: "wait"; readonly text: string }
  /** The file asks for something that no step brings about. */
  | { readonly kind: "cannot"; readonly text: string };

/** The steps in an order in which each can be done; none when the network is what the file says. */
export function planSteps(file: NetworkConfig, current: Current): Step[] {
  const present = new Set(current.members.map(({ name }) => name));
  const wanted = new Set(file.members.map(({ name }) => name));
  return [
    ...policySteps(file.governance.policy, current),
    ...removalSteps(
      current.members.filter(({ name }) => !wanted.has(name)),
      current,
    ),
    ...arrivalSteps(
      file.members.filter(({ name }) => !present.has(name)),
      current,
    ),
    ...nodeSteps(file, current),
    ...channelSteps(file, current, present),
    ...contractSteps(file, current),
  ];
}

function policySteps(policy: VotingPolicy, current: Current): Step[] {
  if (isSame(policy, current.policy)) return [];
  const open = current.proposals.find((proposal) => proposal.policy !== undefined && isSame(proposal.policy, policy));
  if (open === undefined) return [{ kind: "policy", policy }];
  return [{ kind: "wait", text: `the new voting policy is being voted on: ${open.proposalId}` }];
}

function removalSteps(members: readonly CurrentMember[], current: Current): Step[] {
  return members.map((member) => {
    const open = current.proposals.find(({ removals }) => removals.includes(member.memberId));
    if (open === undefined) return { kind: "remove", member };
    return { kind: "wait", text: `the removal of ${member.name} is being voted on: ${open.proposalId}` };
  });
}

function arrivalSteps(members: readonly MemberConfig[], current: Current): Step[] {
  const steps: Step[] = [];
  const uninvited: MemberConfig[] = [];
  // Two members of one account need an invitation each.
  const invitations = [...current.invitations];
  const proposed = current.proposals.flatMap(({ proposalId, invitations: accounts }) =>
    accounts.map((accountId) => ({ proposalId, accountId })),
  );
  const take = <T extends { readonly accountId: string }>(list: T[], accountId: string): T | undefined => {
    const index = list.findIndex((each) => each.accountId === accountId);
    return index === -1 ? undefined : list.splice(index, 1)[0];
  };
  for (const member of members) {
    const invitation = take(invitations, member.account);
    const open = invitation === undefined ? take(proposed, member.account) : undefined;
    if (invitation !== undefined && current.accounts.includes(member.account))
      steps.push({ kind: "join", invitationId: invitation.invitationId, member });
    else if (invitation !== undefined)
      steps.push({ kind: "wait", text: `account ${member.account} must accept its invitation to be ${member.name}` });
    else if (open !== undefined)
      steps.push({ kind: "wait", text: `the invitation of ${member.name} is being voted on: ${open.proposalId}` });
    else uninvited.push(member);
  }
  return uninvited.length === 0 ? steps : [{ kind: "invite", members: uninvited }, ...steps];
}

function nodeSteps(file: NetworkConfig, current: Current): Step[] {
  return file.members.flatMap((member): Step[] => {
    const known = current.members.find(({ name }) => name === member.name);
    if (known === undefined || known.peers === member.peers.length) return [];
    const { name, accountId, peers } = known;
    if (peers > member.peers.length)
      return [
        { kind: "cannot", text: `${name} has ${peers} peers, not ${member.peers.length}: see hansa node delete` },
      ];
    if (!current.accounts.includes(accountId))
      return [{ kind: "wait", text: `account ${accountId} must give ${name} its peers` }];
    return [{ kind: "node", member: known, count: member.peers.length - peers }];
  });
}

function channelSteps(file: NetworkConfig, current: Current, present: ReadonlySet<string>): Step[] {
  return file.channels
    .filter(({ name }) => !current.channels.includes(name))
    .map((channel): Step => {
      const members = channel.members.filter((name) => present.has(name));
      if (members.length > 0) return { kind: "channel", channel: { ...channel, members } };
      return { kind: "wait", text: `channel ${channel.name} waits for a first member` };
    });
}

function contractSteps(file: NetworkConfig, current: Current): Step[] {
  return file.contracts.flatMap((contract): Step[] => {
    const { channel, name, version } = contract;
    const known = current.contracts.find((each) => each.channel === channel && each.name === name);
    return known?.version === version ? [] : [{ kind: "contract", contract, from: known?.version }];
  });
}

function isSame(a: VotingPolicy, b: VotingPolicy): boolean {
  return (
    a.thresholdPercentage === b.thresholdPercentage &&
    a.comparator === b.comparator &&
    a.proposalDurationHours === b.proposalDurationHours
  );
}

/** A step in words: a sign for what it does, and the rest. */
export function stepInWords(step: Step): readonly [sign: string, text: string] {
  switch (step.kind) {
    case "invite":
      return ["?", `propose to invite ${step.members.map(({ name, account }) => `${name} (${account})`).join(", ")}`];
    case "remove":
      return ["?", `propose to remove ${step.member.name}`];
    case "policy": {
      const { thresholdPercentage, comparator, proposalDurationHours } = step.policy;
      const sign = comparator === "GREATER_THAN" ? "more than" : "at least";
      return ["?", `propose to pass with ${sign} ${thresholdPercentage} % within ${proposalDurationHours} h`];
    }
    case "join":
      return ["+", `have ${step.member.name} join by invitation ${step.invitationId}`];
    case "channel":
      return ["+", `make channel ${step.channel.name} of ${step.channel.members.join(", ")}`];
    case "node":
      return ["+", `start ${step.count === 1 ? "a peer" : `${step.count} peers`} of ${step.member.name}`];
    case "contract":
      return step.from === undefined
        ? ["+", `deploy contract ${step.contract.name} ${step.contract.version} on ${step.contract.channel}`]
        : ["~", `deploy contract ${step.contract.name} ${step.contract.version} in place of ${step.from}`];
    case "wait":
      return [".", step.text];
    case "cannot":
      return ["!", step.text];
  }
}

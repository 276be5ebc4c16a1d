/** A network for tests of the rules: members called A, B, C and so on, and a clock that moves when it is told to. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { type Bytes, fromUtf8, sha256, type UnixMs, unixMs } from "@hansa/primitives";
import { encode, msp } from "@hansa/wire";
import type { Act, ChannelChoice, Founded, MemberIdentity, Proposed, Rules, VotingPolicy } from "../acts.js";
import type { GovernanceRefusal } from "../error.js";
import { fold } from "../fold.js";
import type { GovernanceState, Member, Proposal } from "../state.js";
import { isPresent, type Tally, tally } from "../tally.js";

export const START = unixMs(Date.UTC(2026, 0, 1));
export const HOUR_MS = 3_600_000;

export const MAJORITY: VotingPolicy = {
  thresholdPercentage: 50,
  comparator: "GREATER_THAN",
  proposalDurationHours: 24,
};

const RULES: Rules = { electorate: "live", rejection: "unreachable", memberLimit: 0, simulatedClock: false };

export const idOfMember = (name: string) => `m-${name}`;

export function testIdentity(mspId: string): { mspConfig: Bytes; governanceIdentity: Bytes } {
  return {
    mspConfig: encode(msp.MSPConfig, { config: encode(msp.FabricMSPConfig, { name: mspId }) }),
    governanceIdentity: encode(msp.SerializedIdentity, { mspid: mspId, idBytes: fromUtf8(`certificate of ${mspId}`) }),
  };
}

/** Every test member of one letter has an account of its own. */
export function accountOf(name: string): string {
  return String((sha256(fromUtf8(name))[0] as number) + 1_000 * name.charCodeAt(0)).padStart(12, "0");
}

export function testMember(name: string, accountId = accountOf(name)): MemberIdentity {
  return { memberId: idOfMember(name), name, accountId, mspId: `${name}MSP`, ...testIdentity(`${name}MSP`) };
}

export function founding(
  names: string,
  options: { policy?: Partial<VotingPolicy>; rules?: Partial<Rules>; channels?: ChannelChoice } = {},
): Founded {
  const operator = testIdentity("OrdererMSP");
  return {
    kind: "founded",
    networkId: "n-TEST",
    name: "test",
    frameworkVersion: "2.5",
    edition: "STANDARD",
    policy: { ...MAJORITY, ...options.policy },
    rules: { ...RULES, ...options.rules },
    channels: options.channels ?? { kind: "all" },
    operatorIdentity: operator.governanceIdentity,
    operatorMspConfig: operator.mspConfig,
    members: [...names].map((name) => testMember(name)),
  };
}

export class TestNetwork {
  state: GovernanceState;
  now: UnixMs = START;
  #drawn = 0;

  constructor(names: string, options: Parameters<typeof founding>[1] = {}) {
    const founded = fold(undefined, founding(names, options), START);
    assert.ok(founded.ok);
    this.state = founded.state;
  }

  wait(ms: number): this {
    this.now = unixMs(this.now + ms);
    return this;
  }

  do(act: Act): this {
    const folded = fold(this.state, act, this.now);
    assert.ok(folded.ok, folded.ok ? "" : `${act.kind}: ${folded.refusal.message}`);
    this.state = folded.state;
    return this;
  }

  /** The refusal of an act that is not allowed. */
  refused(act: Act): GovernanceRefusal {
    const before = inspect(this.state, { depth: null });
    const folded = fold(this.state, act, this.now);
    assert.ok(!folded.ok, `${act.kind} is allowed`);
    assert.equal(inspect(this.state, { depth: null }), before);
    return folded.refusal;
  }

  proposed(
    by: string,
    what: { invite?: string; remove?: string; policy?: VotingPolicy } & Partial<Proposed>,
  ): Proposed {
    const { invite = "", remove = "", policy, ...rest } = what;
    this.#drawn += 1;
    const drawn = this.#drawn;
    return {
      kind: "proposed",
      proposalId: `p-${drawn}`,
      memberId: idOfMember(by),
      invitations: [...invite].map((name) => ({ invitationId: `in-${drawn}${name}`, accountId: accountOf(name) })),
      removals: [...remove].map(idOfMember),
      ...(policy === undefined ? {} : { newPolicy: policy }),
      tags: {},
      ...rest,
    };
  }

  /** Gives the proposal's id. */
  propose(by: string, what: Parameters<TestNetwork["proposed"]>[1]): string {
    const act = this.proposed(by, what);
    this.do(act);
    return act.proposalId;
  }

  vote(proposalId: string, yes: string, no = ""): this {
    for (const name of yes) this.do(voted(proposalId, name, true));
    for (const name of no) this.do(voted(proposalId, name, false));
    return this;
  }

  accepted(proposalId: string, name: string): Act {
    const invitationId = `in-${proposalId.slice(2)}${name}`;
    return { kind: "invitationAccepted", invitationId, member: testMember(name) };
  }

  accept(proposalId: string, name: string): this {
    return this.do(this.accepted(proposalId, name));
  }

  leave(name: string): this {
    return this.do({ kind: "left", memberId: idOfMember(name) });
  }

  enact(enactmentId: string, failure?: string, channels: readonly string[] = []): this {
    return this.do({
      kind: "enacted",
      enactmentId,
      channels: channels.map((channelId) => ({ channelId, blockNumber: 7 })),
      ...(failure === undefined ? {} : { failure }),
    });
  }

  /** Carries out everything that waits, in its order. */
  settle(): this {
    for (let next = this.state.enactments[0]; next !== undefined; next = this.state.enactments[0]) {
      this.enact(next.enactmentId);
    }
    return this;
  }

  /** From a proposal of the first member to a member on its channels. */
  admit(by: string, name: string): this {
    const proposalId = this.propose(by, { invite: name });
    for (const { memberId } of [...this.state.members.values()].filter(isPresent)) {
      if (this.proposal(proposalId).status !== "IN_PROGRESS") break;
      this.do({ kind: "voted", proposalId, memberId, yes: true });
    }
    return this.accept(proposalId, name).settle();
  }

  proposal(id: string): Proposal {
    const proposal = this.state.proposals.get(id);
    assert.ok(proposal);
    return proposal;
  }

  status(id: string): string {
    return this.proposal(id).status;
  }

  tally(id: string): Tally {
    return tally(this.proposal(id), this.state);
  }

  member(name: string): Member {
    const member = this.state.members.get(idOfMember(name));
    assert.ok(member);
    return member;
  }

  invitation(proposalId: string, name: string) {
    return this.state.invitations.get(`in-${proposalId.slice(2)}${name}`);
  }

  /** Names of those who may sign an enactment that waits, as one word. */
  signers(enactmentId: string): string {
    const enactment = this.state.enactments.find((each) => each.enactmentId === enactmentId);
    assert.ok(enactment, `${enactmentId} does not wait`);
    return enactment.signers.map((id) => id.slice(2)).join("");
  }
}

export function voted(proposalId: string, name: string, yes: boolean): Act {
  return { kind: "voted", proposalId, memberId: idOfMember(name), yes };
}

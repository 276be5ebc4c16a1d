import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unixMs } from "@hansa/primitives";
import fc from "fast-check";
import type { VotingPolicy } from "./acts.js";
import { asOf } from "./expiry.js";
import { fold, foldAll } from "./fold.js";
import type { GovernanceState, Proposal } from "./state.js";
import { electorateOf, isPresent, signaturesNeeded, tally } from "./tally.js";
import { HOUR_MS } from "./testing/network.js";
import { strands } from "./testing/strands.js";

const RUNS = { numRuns: 150 };

/** Successive states of each strand, in pairs. */
function steps(states: readonly GovernanceState[]): [GovernanceState, GovernanceState][] {
  return states.slice(1).map((after, index) => [states[index] as GovernanceState, after]);
}

describe("every strand", () => {
  it("gives the same state in whatever portions it is folded", () => {
    fc.assert(
      fc.property(strands(), fc.array(fc.nat(120)), ({ acts, states }, cuts) => {
        const ends = [...new Set([...cuts.filter((cut) => cut < acts.length), acts.length])].sort((a, b) => a - b);
        let state: GovernanceState | undefined;
        let start = 0;
        for (const end of ends) {
          const folded = foldAll(state, acts.slice(start, end));
          assert.ok(folded.ok);
          [state, start] = [folded.state, end];
        }
        assert.deepEqual(state, states.at(-1));
        const whole = foldAll(undefined, acts);
        assert.deepEqual(whole.state, states.at(-1));
      }),
      RUNS,
    );
  });

  it("keeps a decided proposal as it is, but for what becomes of it", () => {
    fc.assert(
      fc.property(strands(), ({ states }) => {
        for (const [before, after] of steps(states)) {
          for (const [id, proposal] of before.proposals) {
            if (proposal.status === "IN_PROGRESS") continue;
            const now = after.proposals.get(id) as Proposal;
            if (now === proposal) continue;
            assert.ok(proposal.status === "APPROVED" || proposal.status === "ACTION_FAILED");
            assert.equal(now.status, "ACTION_FAILED");
            const { status: _, failure: __, ...rest } = proposal;
            const { status: ___, failure, ...restNow } = now;
            assert.ok(failure);
            assert.deepEqual(restNow, rest);
          }
        }
      }),
      RUNS,
    );
  });

  it("never counts more votes than there are voters, nor one twice", () => {
    fc.assert(
      fc.property(strands(), ({ states }) => {
        for (const state of states) {
          for (const proposal of state.proposals.values()) {
            const { yes, no, outstanding, base } = tally(proposal, state);
            assert.equal(yes + no + outstanding, base);
            assert.ok(outstanding >= 0);
            const electorate = electorateOf(proposal, state);
            assert.equal(new Set(electorate).size, base);
            const voters = proposal.votes.map((vote) => vote.memberId);
            assert.equal(new Set(voters).size, voters.length);
            for (const vote of proposal.votes) assert.ok(vote.void || electorate.includes(vote.memberId));
          }
        }
      }),
      RUNS,
    );
  });

  it("has no act of one that is no member", () => {
    fc.assert(
      fc.property(strands(), ({ acts, states, refused }) => {
        for (const [index, { act }] of acts.entries()) {
          const before = states[index - 1];
          if (before === undefined || !("memberId" in act)) continue;
          assert.ok(isPresent(before.members.get(act.memberId)));
        }
        for (const { act, before, at } of refused) {
          const again = foldAll(before, [{ act, at }]);
          assert.ok(!again.ok);
          assert.equal(again.state, before);
        }
      }),
      RUNS,
    );
  });

  it("gives every founder and no one else a place without an invitation", () => {
    fc.assert(
      fc.property(strands(), ({ acts, states }) => {
        const [founded] = acts;
        assert.ok(founded?.act.kind === "founded");
        const founders = new Set(founded.act.members.map((each) => each.memberId));
        for (const member of (states.at(-1) as GovernanceState).members.values()) {
          const invitation = (states.at(-1) as GovernanceState).invitations.get(member.invitationId ?? "");
          assert.equal(invitation === undefined, founders.has(member.memberId));
          if (invitation === undefined) continue;
          const proposal = states.at(-1)?.proposals.get(invitation.proposalId);
          assert.ok(proposal?.status === "APPROVED" || proposal?.status === "ACTION_FAILED");
          assert.equal(invitation.accountId, member.accountId);
        }
      }),
      RUNS,
    );
  });

  it("only ever expires more as time goes on, and folds on the same from wherever it was read", () => {
    const hours = fc.nat(400).map((n) => n * HOUR_MS);
    fc.assert(
      fc.property(strands(), hours, hours, fc.nat(200), ({ acts, states }, first, more, pickAt) => {
        const index = pickAt % states.length;
        const state = states[index] as GovernanceState;
        const [early, late] = [unixMs(state.time + first), unixMs(state.time + first + more)];
        assert.deepEqual(asOf(asOf(state, early), late), asOf(state, late));
        assert.deepEqual(asOf(asOf(state, late), early), asOf(state, late));
        for (const [id, { status }] of asOf(state, early).proposals) {
          if (status === "EXPIRED") assert.equal(asOf(state, late).proposals.get(id)?.status, "EXPIRED");
        }
        const next = acts[index + 1];
        if (next === undefined) return;
        const between = unixMs(state.time + Math.floor((next.at - state.time) / 2));
        assert.deepEqual(fold(asOf(state, between), next.act, next.at), { ok: true, state: states[index + 1] });
      }),
      RUNS,
    );
  });

  it("never has a network without members, nor one over its limit", () => {
    fc.assert(
      fc.property(strands({ failures: false }), ({ states }) => {
        for (const state of states) {
          const present = [...state.members.values()].filter(isPresent).length;
          assert.equal(state.status === "DELETED", present === 0);
          const { memberLimit } = state.rules;
          if (memberLimit > 0) assert.ok(present <= memberLimit);
        }
      }),
      RUNS,
    );
  });

  it("lets those sign a removal, a policy or a departure whose signatures suffice for it", () => {
    let judged = 0;
    fc.assert(
      fc.property(strands({ failures: false }), ({ acts, states }) => {
        const channel = new Set((states[0] as GovernanceState).members.keys());
        let policy: VotingPolicy = (states[0] as GovernanceState).policy;
        for (const [index, { act }] of acts.entries()) {
          if (act.kind !== "enacted") continue;
          const before = states[index - 1] as GovernanceState;
          const enactment = before.enactments[0];
          assert.ok(enactment);
          const { kind, proposalId = "" } = enactment;
          const yes = before.proposals.get(proposalId)?.votes.some((vote) => vote.yes && !vote.void) ?? false;
          if (kind === "leave" || ((kind === "removal" || kind === "policy") && yes)) {
            const signatures = enactment.signers.filter((id) => channel.has(id)).length;
            assert.ok(signatures >= signaturesNeeded(policy, channel.size));
            judged += 1;
          }
          if (kind === "join") for (const id of enactment.memberIds) channel.add(id);
          else for (const id of enactment.memberIds) channel.delete(id);
          policy = enactment.policy;
        }
      }),
      RUNS,
    );
    assert.ok(judged > 50, `${judged} enactments were judged`);
  });
});

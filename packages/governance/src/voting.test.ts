import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Comparator } from "./acts.js";
import { signaturesNeeded, votesNeeded } from "./tally.js";
import { HOUR_MS, TestNetwork, voted } from "./testing/network.js";

const policy = (thresholdPercentage: number, comparator: Comparator) => ({ thresholdPercentage, comparator });
const MORE = "GREATER_THAN";
const AT_LEAST = "GREATER_THAN_OR_EQUAL_TO";

describe("votes needed", () => {
  const rows: [base: number, percentage: number, comparator: Comparator, votes: number, signatures: number][] = [
    [10, 50, MORE, 6, 6],
    [10, 50, AT_LEAST, 5, 5],
    [1, 50, MORE, 1, 1],
    [2, 50, MORE, 2, 2],
    [2, 50, AT_LEAST, 1, 1],
    [3, 50, MORE, 2, 2],
    [3, 33, MORE, 1, 1],
    [3, 34, MORE, 2, 2],
    [3, 33, AT_LEAST, 1, 1],
    [3, 34, AT_LEAST, 2, 2],
    [3, 66, MORE, 2, 2],
    [3, 67, MORE, 3, 3],
    [7, 100, AT_LEAST, 7, 7],
    [7, 100, MORE, 8, 7],
    [7, 0, AT_LEAST, 0, 1],
    [7, 0, MORE, 1, 1],
    [14, 29, AT_LEAST, 5, 5],
    [14, 50, MORE, 8, 8],
  ];
  for (const [base, percentage, comparator, votes, signatures] of rows) {
    it(`${comparator} ${percentage} % of ${base} takes ${votes} votes, ${signatures} signatures`, () => {
      assert.equal(votesNeeded({ ...policy(percentage, comparator), proposalDurationHours: 1 }, base), votes);
      assert.equal(signaturesNeeded({ ...policy(percentage, comparator), proposalDurationHours: 1 }, base), signatures);
    });
  }

  it("agrees with the comparator on every count of votes, for every percentage", () => {
    for (let base = 1; base <= 20; base++) {
      for (let percentage = 0; percentage <= 100; percentage++) {
        for (let yes = 0; yes <= base; yes++) {
          const more = { ...policy(percentage, MORE), proposalDurationHours: 1 };
          const atLeast = { ...policy(percentage, AT_LEAST), proposalDurationHours: 1 };
          assert.equal(yes >= votesNeeded(more, base), yes * 100 > percentage * base);
          assert.equal(yes >= votesNeeded(atLeast, base), yes * 100 >= percentage * base);
        }
      }
    }
  });
});

describe("a proposal", () => {
  const rows: {
    of: string;
    policy?: ReturnType<typeof policy>;
    rejection?: "unreachable" | "no-share";
    /** In their order: "A+B-" is YES by A, then NO by B. */
    votes: string;
    status: string;
    why: string;
  }[] = [
    { of: "ABC", votes: "A+", status: "IN_PROGRESS", why: "one of three is no majority" },
    { of: "ABC", votes: "A+B+", status: "APPROVED", why: "two of three are, and C need not vote" },
    { of: "ABC", votes: "A+B-C-", status: "REJECTED", why: "with two against, two for are out of reach" },
    { of: "ABC", votes: "A-B-", status: "REJECTED", why: "the same before the last has voted" },
    { of: "ABC", votes: "A-", status: "IN_PROGRESS", why: "the other two may still approve it" },
    { of: "ABCDEF", votes: "A+B+C+D-E-F-", status: "REJECTED", why: "a tie is no majority" },
    { of: "ABCDEF", votes: "A+B+D-E-F-", status: "REJECTED", why: "at best it becomes a tie" },
    { of: "A", votes: "A+", status: "APPROVED", why: "the first member decides alone" },
    { of: "AB", votes: "A-", status: "REJECTED", why: "both are needed" },
    {
      of: "AB",
      votes: "A-",
      rejection: "no-share",
      status: "IN_PROGRESS",
      why: "one of two against is no majority of NO",
    },
    { of: "AB", votes: "B+A-", rejection: "no-share", status: "REJECTED", why: "all have voted" },
    { of: "AB", votes: "A-", policy: policy(50, AT_LEAST), status: "IN_PROGRESS", why: "a YES of B still passes it" },
    { of: "AB", votes: "A-B+", policy: policy(50, AT_LEAST), status: "APPROVED", why: "half suffices" },
    {
      of: "AB",
      votes: "A-",
      policy: policy(50, AT_LEAST),
      rejection: "no-share",
      status: "REJECTED",
      why: "the share of NO satisfies the comparator",
    },
    { of: "ABC", votes: "A+B+", policy: policy(100, AT_LEAST), status: "IN_PROGRESS", why: "all are needed" },
    { of: "ABC", votes: "A+B+C+", policy: policy(100, AT_LEAST), status: "APPROVED", why: "all agree" },
    { of: "ABC", votes: "C-", policy: policy(100, AT_LEAST), status: "REJECTED", why: "one against ends it" },
    {
      of: "ABC",
      votes: "A+",
      policy: policy(100, MORE),
      status: "REJECTED",
      why: "more than all can never be reached",
    },
    {
      of: "AB",
      votes: "A+B+",
      policy: policy(100, MORE),
      rejection: "no-share",
      status: "REJECTED",
      why: "all have voted and it is not enough",
    },
    {
      of: "ABC",
      votes: "",
      policy: policy(0, AT_LEAST),
      status: "IN_PROGRESS",
      why: "nothing passes without any vote",
    },
    { of: "ABC", votes: "A-", policy: policy(0, AT_LEAST), status: "APPROVED", why: "any vote passes it, even a NO" },
    { of: "ABC", votes: "A-", policy: policy(0, MORE), status: "IN_PROGRESS", why: "one YES is needed" },
    { of: "ABC", votes: "A-B+", policy: policy(0, MORE), status: "APPROVED", why: "one YES suffices" },
  ];
  for (const { of, votes, why, status, rejection = "unreachable", ...row } of rows) {
    const rule = row.policy === undefined ? "> 50 %" : `${row.policy.comparator} ${row.policy.thresholdPercentage} %`;
    it(`of ${of} under ${rule} (${rejection}) with ${votes || "no vote"} is ${status}: ${why}`, () => {
      const network = new TestNetwork(of, { ...(row.policy ? { policy: row.policy } : {}), rules: { rejection } });
      const id = network.propose("A", { invite: "Z" });
      for (const [, name, sign] of votes.matchAll(/(\w)([+-])/g)) network.do(voted(id, name as string, sign === "+"));
      assert.equal(network.status(id), status);
      assert.equal(network.state.invitations.size, status === "APPROVED" ? 1 : 0);
      const count = (sign: string) => votes.split(sign).length - 1;
      const { needed: _, ...counted } = network.tally(id);
      const [yes, no] = [count("+"), count("-")];
      assert.deepEqual(counted, { yes, no, outstanding: of.length - yes - no, base: of.length });
    });
  }

  it("is no vote of its proposer", () => {
    const network = new TestNetwork("ABC");
    assert.deepEqual(network.tally(network.propose("A", { invite: "Z" })), {
      yes: 0,
      no: 0,
      outstanding: 3,
      base: 3,
      needed: 2,
    });
  });

  it("takes one vote of each, and none once it is decided", () => {
    const network = new TestNetwork("ABC");
    const id = network.propose("A", { invite: "Z" });
    network.vote(id, "A");
    const again = network.refused(voted(id, "A", false));
    assert.equal(again.reason, "ALREADY_EXISTS");
    assert.equal(again.message, "A has voted on proposal p-1 already");
    network.vote(id, "B");
    const late = network.refused(voted(id, "C", true));
    assert.equal(late.reason, "ILLEGAL_ACTION");
    assert.equal(late.message, "proposal p-1 is APPROVED: its votes are closed");
    assert.equal(network.refused(voted("p-9", "C", true)).reason, "NOT_FOUND");
    assert.equal(network.refused(voted(id, "X", true)).resource, "m-X");
  });

  it("expires at its time to the millisecond, and then takes no vote", () => {
    const network = new TestNetwork("ABC");
    const id = network.propose("A", { invite: "Z" });
    network.wait(24 * HOUR_MS - 1).vote(id, "A");
    network.wait(1);
    const refusal = network.refused(voted(id, "B", true));
    assert.equal(refusal.message, "proposal p-1 is EXPIRED: its votes are closed");
    assert.equal(network.status(id), "IN_PROGRESS", "nothing was ordered since");
    network.propose("B", { invite: "Y" });
    assert.equal(network.status(id), "EXPIRED");
    assert.equal(network.proposal(id).decidedAt, network.proposal(id).expiresAt);
    assert.equal(network.state.invitations.size, 0);
  });

  it("is decided by the members of that moment, and so it stays on record", () => {
    const network = new TestNetwork("ABC");
    const id = network.propose("A", { remove: "C" });
    network.vote(id, "AB").settle();
    const decided = network.proposal(id);
    assert.deepEqual(decided.electorate, ["m-A", "m-B", "m-C"]);
    assert.equal(network.tally(id).base, 3);
    network.leave("B").settle();
    assert.equal(network.proposal(id), decided);
    assert.equal(network.tally(id).yes, 2);
  });

  it("may do several things at once, but a new voting policy stands alone", () => {
    const network = new TestNetwork("ABC");
    const id = network.propose("A", { invite: "YZ", remove: "C" });
    network.vote(id, "AB");
    assert.deepEqual([...network.state.invitations.keys()], ["in-1Y", "in-1Z"]);
    assert.equal(network.member("C").status, "leaving");
    const mixed = network.proposed("A", {
      invite: "X",
      policy: { ...policy(60, MORE), proposalDurationHours: 1 },
    });
    assert.match(network.refused(mixed).message, /cannot be proposed together/);
    assert.match(network.refused(network.proposed("A", {})).message, /proposes nothing/);
  });
});

describe("a new voting policy", () => {
  const strict = { ...policy(100, AT_LEAST), proposalDurationHours: 1 };

  it("applies from its approval on, to open proposals as well", () => {
    const network = new TestNetwork("ABC");
    const open = network.propose("A", { invite: "Z" });
    const change = network.propose("A", { policy: strict });
    network.vote(change, "AB");
    assert.deepEqual(network.state.policy, strict);
    network.vote(open, "AB");
    assert.equal(network.status(open), "IN_PROGRESS");
    assert.equal(network.proposal(open).expiresAt - network.proposal(open).createdAt, 24 * HOUR_MS);
    assert.equal(network.signers(`policy:${change}`), "AB");
    network.settle();
    assert.equal(network.status(change), "APPROVED");
    assert.equal(network.tally(change).needed, 2, "it was decided under the old policy");
  });

  it("decides open proposals that satisfy it", () => {
    const network = new TestNetwork("ABC", { policy: strict });
    const open = network.propose("A", { invite: "Z" });
    network.vote(open, "AB");
    network.vote(network.propose("A", { policy: { ...policy(50, MORE), proposalDurationHours: 1 } }), "ABC");
    assert.equal(network.status(open), "APPROVED");
  });

  it("goes back when no channel could follow, and stays when one did or another was voted since", () => {
    for (const [channels, expected] of [
      [[], 50],
      [["trade"], 100],
    ] as const) {
      const network = new TestNetwork("ABC");
      const id = network.propose("A", { policy: strict });
      network.vote(id, "AB").enact(`policy:${id}`, "trade refused it", channels);
      assert.equal(network.status(id), "ACTION_FAILED");
      assert.equal(network.proposal(id).failure, "trade refused it");
      assert.equal(network.state.policy.thresholdPercentage, expected);
    }
    const network = new TestNetwork("ABC");
    const first = network.propose("A", { policy: strict });
    network.vote(first, "AB");
    const second = network.propose("A", { policy: { ...strict, thresholdPercentage: 90 } });
    network.vote(second, "ABC");
    network.enact(`policy:${first}`, "refused");
    assert.equal(network.state.policy.thresholdPercentage, 90);
  });
});

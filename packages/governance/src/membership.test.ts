import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unixMs } from "@hansa/primitives";
import { asOf, nextExpiry } from "./expiry.js";
import { fold } from "./fold.js";
import { accountOf, founding, HOUR_MS, idOfMember, START, TestNetwork, testMember, voted } from "./testing/network.js";

describe("an invitation", () => {
  const invited = () => {
    const network = new TestNetwork("ABC");
    const id = network.propose("A", { invite: "YZ" });
    return { network: network.wait(HOUR_MS).vote(id, "AB"), id };
  };

  it("is made for each principal on approval and lives as long as a proposal", () => {
    const { network, id } = invited();
    for (const name of "YZ") {
      const invitation = network.invitation(id, name);
      assert.equal(invitation?.status, "PENDING");
      assert.equal(invitation.accountId, accountOf(name));
      assert.equal(invitation.createdAt, network.now);
      assert.equal(invitation.expiresAt, network.now + 24 * HOUR_MS);
    }
  });

  it("makes a member in two steps: accepted, and admitted to the channels", () => {
    const { network, id } = invited();
    network.wait(1).accept(id, "Z");
    assert.equal(network.invitation(id, "Z")?.status, "ACCEPTING");
    assert.equal(network.member("Z").status, "joining");
    const [join] = network.state.enactments;
    assert.deepEqual(join, {
      enactmentId: "join:m-Z",
      kind: "join",
      proposalId: id,
      invitationId: `in-1Z`,
      memberIds: ["m-Z"],
      admits: [{ mspId: "ZMSP", mspConfig: testMember("Z").mspConfig }],
      removes: [],
      policy: network.state.policy,
      channels: { kind: "all" },
      signers: ["m-A", "m-B"],
    });
    network.enact("join:m-Z");
    assert.equal(network.invitation(id, "Z")?.status, "ACCEPTED");
    assert.equal(network.member("Z").status, "active");
    assert.equal(network.member("Z").joinedAt, network.now);
    assert.deepEqual(network.state.enactments, []);
  });

  it("leads to the channels that the proposal chose", () => {
    const network = new TestNetwork("A", { channels: { kind: "none" } });
    const id = network.propose("A", { invite: "Z", channels: { kind: "listed", names: ["trade"] } });
    network.vote(id, "A").accept(id, "Z");
    assert.deepEqual(network.state.enactments[0]?.channels, { kind: "listed", names: ["trade"] });
  });

  it("ends when rejected, accepted or expired", () => {
    const { network, id } = invited();
    const reject = { kind: "invitationRejected", invitationId: "in-1Y" } as const;
    network.do(reject);
    assert.equal(network.refused(reject).message, "invitation in-1Y is REJECTED");
    assert.equal(network.refused(network.accepted(id, "Y")).reason, "ILLEGAL_ACTION");
    network.wait(24 * HOUR_MS);
    assert.equal(network.refused(network.accepted(id, "Z")).message, "invitation in-1Z is EXPIRED");
    assert.equal(network.refused({ kind: "invitationRejected", invitationId: "in-9Z" }).reason, "NOT_FOUND");
  });

  it("is for its account alone, and for a new id, name and MSP id", () => {
    const { network } = invited();
    const accept = (change: object) =>
      network.refused({ kind: "invitationAccepted", invitationId: "in-1Z", member: { ...testMember("Z"), ...change } });
    assert.equal(accept({ accountId: accountOf("Q") }).reason, "ILLEGAL_ACTION");
    assert.equal(accept({ memberId: "m-A" }).reason, "ALREADY_EXISTS");
    assert.equal(accept({ name: "B" }).message, "the network has a member named B already");
    const { mspConfig, governanceIdentity } = testMember("B");
    assert.equal(accept({ mspId: "BMSP", mspConfig, governanceIdentity }).message, "MSP id BMSP is taken");
    assert.equal(accept({ mspId: "OtherMSP" }).reason, "INVALID");
    assert.equal(accept({ name: "1Z" }).reason, "INVALID");
  });

  it("waits when the network is full, for the limit holds at joining", () => {
    const network = new TestNetwork("AB", { rules: { memberLimit: 2 } });
    const id = network.propose("A", { invite: "Z" });
    network.vote(id, "AB");
    assert.equal(network.refused(network.accepted(id, "Z")).reason, "LIMIT_EXCEEDED");
    network.leave("B").accept(id, "Z");
  });

  it("may go to an account that has a member, and again to one whose member left", () => {
    const network = new TestNetwork("A");
    const again = (letter: string, accountId: string) => {
      const proposed = network.proposed("A", { invite: letter });
      network.do({ ...proposed, invitations: [{ invitationId: `in-${letter}`, accountId }] });
      network.do(voted(proposed.proposalId, "A", true));
      const member = testMember(letter, accountId);
      network.do({ kind: "invitationAccepted", invitationId: `in-${letter}`, member }).settle();
    };
    again("B", accountOf("A"));
    assert.equal(network.member("B").accountId, network.member("A").accountId);
    network.leave("B").settle();
    again("C", accountOf("A"));
    const taken = { ...testMember("C"), memberId: "m-B" };
    network.vote(network.propose("A", { invite: "C" }), "AC");
    assert.match(
      network.refused({ kind: "invitationAccepted", invitationId: "in-3C", member: taken }).message,
      /there is a member m-B already/,
    );
  });

  it("goes back to PENDING when the member could not be admitted, and expires when it is too late", () => {
    const { network, id } = invited();
    network.accept(id, "Z").enact("join:m-Z", "channel trade refused it");
    assert.equal(network.status(id), "ACTION_FAILED");
    assert.equal(network.member("Z").status, "failed");
    assert.equal(network.member("Z").failure, "channel trade refused it");
    assert.equal(network.invitation(id, "Z")?.status, "PENDING");
    assert.equal(network.invitation(id, "Z")?.memberId, undefined);
    const second = { ...testMember("Z"), memberId: "m-Z2" };
    network.do({ kind: "invitationAccepted", invitationId: "in-1Z", member: second }).settle();
    assert.equal(network.state.members.get("m-Z2")?.status, "active");
    assert.equal(network.status(id), "ACTION_FAILED", "a failure stays on record");

    network.accept(id, "Y").wait(25 * HOUR_MS);
    network.enact("join:m-Y", "refused");
    assert.equal(network.invitation(id, "Y")?.status, "EXPIRED");
    assert.equal(network.proposal(id).failure, "channel trade refused it; refused");
  });

  it("takes a member off the channels again that had admitted it before another refused", () => {
    const { network, id } = invited();
    network.accept(id, "Z").enact("join:m-Z", "goods refused it", ["trade"]);
    assert.deepEqual(network.state.enactments[0]?.removes, ["ZMSP"]);
    assert.equal(network.signers("leave:m-Z"), "ABC");
    const next = { ...testMember("Z"), memberId: "m-Z2" };
    assert.equal(
      network.refused({ kind: "invitationAccepted", invitationId: "in-1Z", member: next }).reason,
      "ALREADY_EXISTS",
      "while it is still there",
    );
    network.settle().do({ kind: "invitationAccepted", invitationId: "in-1Z", member: next });
    assert.equal(network.member("Z").status, "failed");
  });
});

describe("a member that joins while a proposal is open", () => {
  it("counts and votes at once, with a live electorate", () => {
    const network = new TestNetwork("AB");
    const open = network.propose("A", { invite: "X" });
    const id = network.propose("A", { invite: "Z" });
    network.vote(id, "AB").accept(id, "Z");
    assert.equal(network.member("Z").status, "joining");
    assert.equal(network.tally(open).base, 3);
    network.vote(open, "AZ");
    assert.equal(network.status(open), "APPROVED");
    const early = network.refused(network.proposed("Z", { remove: "A" }));
    assert.equal(early.reason, "NOT_READY");
    assert.equal(network.refused({ kind: "left", memberId: idOfMember("Z") }).reason, "NOT_READY");
  });

  it("has no vote with a snapshot electorate, and stands for what the others decide", () => {
    const network = new TestNetwork("AB", { rules: { electorate: "snapshot" } });
    const open = network.propose("A", { invite: "X" });
    network.admit("A", "Z");
    assert.equal(network.tally(open).base, 2);
    assert.match(network.refused(voted(open, "Z", true)).message, /^Z joined after proposal p-1 was made/);
    network.vote(open, "AB").accept(open, "X");
    assert.equal(network.signers("join:m-X"), "ABZ");
  });

  it("stands for invitations that were open when it joined, and not for later ones", () => {
    const network = new TestNetwork("AB");
    const open = network.propose("A", { invite: "X" });
    network.vote(open, "AB");
    network.admit("A", "Z");
    assert.deepEqual(network.member("Z").standsFor, ["in-1X"]);
    const later = network.propose("A", { invite: "Y" });
    network.vote(later, "AB").accept(later, "Y");
    assert.equal(network.signers("join:m-Y"), "AB");
    network.accept(open, "X");
    assert.equal(network.signers("join:m-X"), "ABYZ");
  });
});

describe("a member that leaves", () => {
  it("needs no vote: the others and itself sign", () => {
    const network = new TestNetwork("ABC", { channels: { kind: "none" } });
    network.leave("A");
    assert.equal(network.member("A").status, "leaving");
    assert.deepEqual(network.state.enactments[0]?.channels, { kind: "all" }, "wherever it is");
    assert.equal(network.signers("leave:m-A"), "ABC");
    network.wait(5).settle();
    assert.equal(network.member("A").status, "left");
    assert.equal(network.member("A").leftAt, network.now);
    for (const act of [network.proposed("A", { remove: "B" }), { kind: "left", memberId: "m-A" } as const]) {
      assert.equal(network.refused(act).reason, "NOT_FOUND");
    }
  });

  it("can do nothing more while it is leaving, nor be removed", () => {
    const network = new TestNetwork("ABC");
    const open = network.propose("B", { invite: "Z" });
    network.leave("A");
    assert.equal(network.refused(voted(open, "A", true)).reason, "ILLEGAL_ACTION");
    assert.equal(network.refused({ kind: "left", memberId: "m-A" }).reason, "ILLEGAL_ACTION");
    assert.equal(network.refused(network.proposed("B", { remove: "A" })).reason, "NOT_READY");
    assert.equal(network.refused(network.proposed("B", { remove: "Q" })).reason, "NOT_FOUND");
  });

  it("takes its vote along, and the rest is counted again", () => {
    const network = new TestNetwork("ABCDE");
    const open = network.propose("E", { invite: "Z" });
    network.vote(open, "AB").leave("A");
    assert.deepEqual(
      network.proposal(open).votes.map((vote) => vote.void),
      [true, false],
    );
    assert.deepEqual(network.tally(open), { yes: 1, no: 0, outstanding: 3, base: 4, needed: 3 });
    assert.equal(network.status(open), "IN_PROGRESS");
    network.leave("C").leave("D");
    assert.deepEqual(network.tally(open), { yes: 1, no: 0, outstanding: 1, base: 2, needed: 2 });
    network.leave("E");
    assert.equal(network.status(open), "APPROVED", "B is alone and had voted YES");
    assert.equal(network.proposal(open).proposedBy.name, "E", "the proposer's name stays");
    assert.deepEqual(network.proposal(open).electorate, ["m-B"]);
  });

  it("can decide a proposal against its own vote's sense", () => {
    const network = new TestNetwork("ABC");
    const open = network.propose("A", { invite: "Z" });
    network.vote(open, "A", "B").leave("B");
    assert.equal(network.status(open), "IN_PROGRESS");
    network.leave("C");
    assert.equal(network.status(open), "APPROVED");
    const other = new TestNetwork("ABCD");
    const id = other.propose("A", { invite: "Z" });
    other.vote(id, "", "A").leave("B");
    assert.equal(other.status(id), "IN_PROGRESS");
    other.leave("C");
    assert.equal(other.status(id), "REJECTED", "D alone no longer makes a majority");
  });

  it("counts no more with a snapshot electorate either", () => {
    const network = new TestNetwork("ABCD", { rules: { electorate: "snapshot" } });
    const open = network.propose("A", { invite: "Z" });
    network.vote(open, "AB").leave("D");
    assert.equal(network.status(open), "APPROVED");
    assert.deepEqual(network.proposal(open).electorate, ["m-A", "m-B", "m-C"]);
  });

  it("is out even when a channel refuses to let it go", () => {
    const network = new TestNetwork("AB");
    network.leave("A").enact("leave:m-A", "trade refused");
    assert.equal(network.member("A").status, "left");
    assert.equal(network.member("A").failure, "trade refused");
  });

  it("deletes the network when it is the last one", () => {
    const network = new TestNetwork("AB");
    const open = network.propose("A", { invite: "Y" });
    const id = network.propose("A", { invite: "Z" });
    network.vote(id, "AB").leave("A").settle().wait(9).leave("B");
    assert.equal(network.state.status, "DELETED");
    assert.equal(network.state.deletedAt, network.now);
    assert.equal(network.member("B").status, "left");
    assert.deepEqual(network.state.enactments, []);
    assert.equal(network.status(open), "EXPIRED");
    assert.equal(network.invitation(id, "Z")?.status, "EXPIRED");
    const late = network.refused(network.accepted(id, "Z"));
    assert.equal(late.message, "the network is deleted: its last member has left");
  });

  it("does not delete it while somebody is joining", () => {
    const network = new TestNetwork("A");
    const id = network.propose("A", { invite: "Z" });
    network.vote(id, "A").accept(id, "Z").leave("A");
    assert.equal(network.state.status, "AVAILABLE");
    assert.equal(network.signers("join:m-Z"), "A", "A signs its last word");
    network.enact("join:m-Z", "refused");
    assert.equal(network.state.status, "DELETED");
    assert.equal(network.member("A").status, "left");
  });
});

describe("a removal", () => {
  it("takes the votes of those who sign it, and the founder is nobody special", () => {
    const network = new TestNetwork("ABC");
    const id = network.propose("B", { remove: "A" });
    network.vote(id, "BC");
    assert.deepEqual(network.state.enactments[0], {
      enactmentId: `removal:${id}`,
      kind: "removal",
      proposalId: id,
      memberIds: ["m-A"],
      admits: [],
      removes: ["AMSP"],
      policy: network.state.policy,
      channels: { kind: "all" },
      signers: ["m-B", "m-C"],
    });
    network.settle();
    assert.equal(network.member("A").status, "left");
    network.admit("B", "D");
    assert.equal(network.member("D").status, "active");
  });

  it("of several members is one change, so that all who voted for it sign it", () => {
    const network = new TestNetwork("ABCDE");
    const id = network.propose("A", { remove: "AB" });
    network.vote(id, "ABC");
    assert.equal(network.state.enactments.length, 1);
    assert.equal(network.signers(`removal:${id}`), "ABC");
    network.settle();
    assert.equal(network.member("A").status, "left");
    assert.equal(network.member("B").status, "left");
  });

  it("may be of the proposer itself, and of everybody, which deletes the network", () => {
    const network = new TestNetwork("ABC");
    const id = network.propose("A", { remove: "ABC" });
    network.vote(id, "AC");
    assert.equal(network.status(id), "APPROVED");
    assert.equal(network.state.status, "DELETED");
    assert.deepEqual(
      [..."ABC"].map((name) => network.member(name).status),
      ["left", "left", "left"],
    );
  });

  it("of one that is gone by then has nothing to do", () => {
    const network = new TestNetwork("ABCDE");
    const id = network.propose("A", { remove: "E" });
    network.leave("E").settle().vote(id, "ABC");
    assert.equal(network.status(id), "APPROVED");
    assert.deepEqual(network.state.enactments, []);
  });

  it("can decide other proposals, and those others again", () => {
    const network = new TestNetwork("ABCDE");
    const [first, second, third] = [
      network.propose("A", { remove: "E" }),
      network.propose("A", { remove: "D" }),
      network.propose("A", { invite: "Z" }),
    ];
    network.vote(third, "AB", "DE").vote(second, "AB", "E");
    network.vote(first, "ABC");
    assert.equal(network.status(second), "IN_PROGRESS", "2 of 4");
    network.leave("C");
    assert.equal(network.status(second), "APPROVED", "2 of 3");
    assert.equal(network.status(third), "APPROVED", "2 of 2");
    assert.deepEqual(
      network.state.enactments.map((each) => each.enactmentId),
      [`removal:${first}`, "leave:m-C", `removal:${second}`],
    );
    assert.equal(network.signers(`removal:${first}`), "ABC", "C voted YES and has its key until it is out");
  });

  it("that cannot be carried out leaves the member in, with its votes, so that one can try again", () => {
    const network = new TestNetwork("ABCD");
    const open = network.propose("A", { invite: "Z" });
    network.vote(open, "D");
    const id = network.propose("A", { remove: "D" });
    network.vote(id, "ABC");
    assert.equal(network.tally(open).yes, 0);
    network.enact(`removal:${id}`, "trade refused it", ["goods"]);
    assert.equal(network.status(id), "ACTION_FAILED");
    assert.equal(network.member("D").status, "active");
    assert.equal(network.tally(open).yes, 1);
    const again = network.propose("A", { remove: "D" });
    network.vote(again, "ABC").settle();
    assert.equal(network.member("D").status, "left");
  });

  it("of one that is still joining follows the joining", () => {
    const network = new TestNetwork("AB");
    const id = network.propose("A", { invite: "Z" });
    network.vote(id, "AB").accept(id, "Z");
    const removal = network.propose("A", { remove: "Z" });
    network.vote(removal, "AB");
    assert.equal(network.member("Z").status, "leaving");
    network.enact("join:m-Z");
    assert.equal(network.member("Z").status, "leaving");
    assert.equal(network.invitation(id, "Z")?.status, "ACCEPTED");
    network.settle();
    assert.equal(network.member("Z").status, "left");
  });
});

describe("an enactment", () => {
  it("is reported once, and only if it waits", () => {
    const network = new TestNetwork("AB");
    network.leave("A").settle();
    const again = { kind: "enacted", enactmentId: "leave:m-A", channels: [] } as const;
    assert.equal(network.refused(again).reason, "NOT_FOUND");
  });

  it("loses the signature of a YES voter that is out by then", () => {
    const network = new TestNetwork("ABCD");
    const id = network.propose("A", { invite: "Z" });
    network.vote(id, "ABC").leave("C").settle().accept(id, "Z");
    assert.equal(network.signers("join:m-Z"), "AB");
  });
});

describe("founding", () => {
  const refusal = (founded: ReturnType<typeof founding>) => {
    const folded = fold(undefined, founded, START);
    assert.ok(!folded.ok);
    return folded.refusal;
  };

  it("comes first and happens once", () => {
    const network = new TestNetwork("A");
    assert.equal(network.refused(founding("B")).reason, "ALREADY_EXISTS");
    const early = fold(undefined, { kind: "left", memberId: "m-A" }, START);
    assert.ok(!early.ok);
    assert.equal(early.refusal.message, "the network is not founded yet");
  });

  it("makes every founder a member at once", () => {
    const network = new TestNetwork("ABC");
    assert.deepEqual(
      [...network.state.members.values()].map(({ memberId, status, joinedAt }) => [memberId, status, joinedAt]),
      [..."ABC"].map((name) => [`m-${name}`, "active", START]),
    );
  });

  it("is refused when founders cannot be told apart, are none, or too many", () => {
    assert.equal(refusal(founding("AA")).reason, "ALREADY_EXISTS");
    assert.equal(refusal(founding("")).reason, "INVALID");
    assert.equal(refusal(founding("ABC", { rules: { memberLimit: 2 } })).reason, "LIMIT_EXCEEDED");
    const [first] = founding("A").members;
    const sameMsp = { ...testMember("A"), memberId: "m-B", name: "B" };
    assert.equal(refusal({ ...founding("A"), members: [first!, sameMsp] }).message, "MSP id AMSP is taken");
    assert.equal(refusal({ ...founding("A"), members: [testMember("Orderer")] }).reason, "ALREADY_EXISTS");
  });
});

describe("time", () => {
  it("moves forward only, and only where it is simulated", () => {
    const to = (ms: number) => ({ kind: "clockAdvanced", to: unixMs(ms) }) as const;
    const real = new TestNetwork("A");
    assert.equal(real.refused(to(real.now + 1)).reason, "ILLEGAL_ACTION");
    const network = new TestNetwork("AB", { rules: { simulatedClock: true } });
    const id = network.propose("A", { invite: "Z" });
    assert.equal(network.refused(to(network.now)).reason, "INVALID");
    assert.equal(network.refused(to(network.now - 1)).reason, "INVALID");
    network.do(to(network.now + 24 * HOUR_MS));
    assert.equal(network.status(id), "EXPIRED");
    assert.equal(network.state.time, network.now + 24 * HOUR_MS);
    assert.match(network.refused(voted(id, "A", true)).message, /EXPIRED/, "an older clock does not turn it back");
  });

  it("expires what it expires without a record", () => {
    const network = new TestNetwork("A");
    assert.equal(nextExpiry(network.state), undefined);
    const first = network.propose("A", { invite: "Z" });
    network.wait(HOUR_MS);
    const second = network.propose("A", { invite: "Y" });
    network.vote(second, "A");
    assert.equal(nextExpiry(network.state), network.now + 23 * HOUR_MS);
    const before = asOf(network.state, unixMs(network.now + 23 * HOUR_MS - 1));
    assert.equal(before, network.state);
    const between = asOf(network.state, unixMs(network.now + 23 * HOUR_MS));
    assert.equal(between.proposals.get(first)?.status, "EXPIRED");
    assert.equal(between.invitations.get("in-2Y")?.status, "PENDING");
    assert.equal(nextExpiry(between), network.now + 24 * HOUR_MS);
    const after = asOf(between, unixMs(network.now + 24 * HOUR_MS));
    assert.equal(after.invitations.get("in-2Y")?.status, "EXPIRED");
    assert.equal(nextExpiry(after), undefined);
    assert.equal(network.status(first), "IN_PROGRESS", "the state that was asked stays as it is");
  });
});

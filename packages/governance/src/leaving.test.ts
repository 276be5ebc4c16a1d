import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TestNetwork, voted } from "./testing/network.js";

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

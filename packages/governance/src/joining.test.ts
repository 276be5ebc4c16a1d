import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fold } from "./fold.js";
import { accountOf, founding, HOUR_MS, idOfMember, START, TestNetwork, testMember, voted } from "./testing/network.js";

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

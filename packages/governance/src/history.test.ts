import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeAct, explainMember, history } from "./history.js";
import { accountOf, founding, HOUR_MS, TestNetwork, voted } from "./testing/network.js";

describe("why somebody is a member", () => {
  it("is its founding", () => {
    const text = explainMember(new TestNetwork("AB").state, "m-A");
    assert.equal(
      text,
      `A (m-A, account ${accountOf("A")}) is a founder: the record that founded the network at 2026-01-01T00:00:00.000Z names it. It is a member.`,
    );
  });

  it("is a proposal, votes and an acceptance", () => {
    const network = new TestNetwork("ABC");
    const other = network.propose("A", { invite: "Y" });
    network.vote(other, "AB");
    const id = network.propose("B", { invite: "Z" });
    network.vote(id, "A", "C").wait(HOUR_MS).vote(id, "B").wait(HOUR_MS).accept(id, "Z").settle();
    assert.equal(
      explainMember(network.state, "m-Z"),
      `Z (m-Z, account ${accountOf("Z")}) was invited by proposal p-2 of B, approved at 2026-01-01T01:00:00.000Z with YES by A and B and NO by C, and accepted invitation in-2Z at 2026-01-01T02:00:00.000Z. It is a member. By joining it accepted what stood open: in-1Y.`,
    );
  });

  it("says how it ended", () => {
    const network = new TestNetwork("ABCD");
    const id = network.propose("B", { remove: "A" });
    network.vote(id, "BCD");
    const told = (name: string) => explainMember(network.state, `m-${name}`);
    assert.match(told("A"), /It is being removed by proposal p-1 of B, with YES by B, C and D\.$/);
    network.settle();
    assert.match(told("A"), /It was removed by proposal p-1 of B, .*, and was out at 2026/);
    network.leave("B");
    assert.match(told("B"), /It is leaving by its own act\.$/);
    network.settle();
    assert.match(told("B"), /It left by its own act, and was out at/);
    assert.equal(told("Q"), "There is no member m-Q in network n-TEST, nor was there one.");
  });

  it("says what failed", () => {
    const network = new TestNetwork("ABC");
    const id = network.propose("A", { invite: "Z" });
    network.vote(id, "AB").accept(id, "Z");
    assert.match(explainMember(network.state, "m-Z"), /Channels are still taking it in\.$/);
    network.enact("join:m-Z", "trade refused");
    assert.match(explainMember(network.state, "m-Z"), /It is no member: it could not be admitted \(trade refused\)\.$/);
    const removal = network.propose("A", { remove: "C" });
    network.vote(removal, "AB").enact(`removal:${removal}`, "goods refused");
    assert.match(
      explainMember(network.state, "m-C"),
      /still a member, though it was voted out by .*\(goods refused\)\.$/,
    );
  });
});

describe("history", () => {
  it("tells everything in order, or what concerns one", () => {
    const network = new TestNetwork("ABC");
    const id = network.propose("A", { invite: "Z" });
    network.wait(1).vote(id, "A").wait(1).vote(id, "B").wait(1).accept(id, "Z").settle();
    const open = network.wait(1).propose("A", { remove: "C" });
    network.vote(open, "C").leave("C").settle();
    assert.deepEqual(
      history(network.state).map((line) => line.text),
      [
        "Network test was founded by A, B and C.",
        `A proposed to invite account ${accountOf("Z")}.`,
        "A voted YES on p-1.",
        "B voted YES on p-1.",
        "Proposal p-1 was APPROVED: 2 YES and 0 NO of 3, 2 needed.",
        "Z accepted invitation in-1Z and joined.",
        "A proposed to remove C.",
        "C voted YES on p-2. The vote is void: the voter is no member any more.",
        "C was out of the network.",
      ],
    );
    assert.deepEqual(
      history(network.state, "m-Z").map((line) => line.text),
      ["Z accepted invitation in-1Z and joined."],
    );
    assert.equal(history(network.state, "in-1Z").length, 3);
  });
});

describe("one act in words", () => {
  const network = new TestNetwork("AB");
  const rows: [Parameters<typeof describeAct>[1], string][] = [
    [founding("AB"), "network test (n-TEST) founded by A and B; more than 50 % of the members within 24 h"],
    [voted("p-1", "A", false), "A votes NO on p-1"],
    [{ kind: "left", memberId: "m-B" }, "B leaves"],
    [{ kind: "invitationRejected", invitationId: "in-1" }, "in-1 is rejected"],
    [{ kind: "clockAdvanced", to: network.now }, "the clock moves to 2026-01-01T00:00:00.000Z"],
    [{ kind: "enacted", enactmentId: "leave:m-A", channels: [] }, "leave:m-A is carried out: no channel had to change"],
    [
      { kind: "enacted", enactmentId: "leave:m-A", channels: [{ channelId: "trade", blockNumber: 3 }], failure: "no" },
      "leave:m-A fails: no (done: trade block 3)",
    ],
    [
      network.proposed("A", { invite: "Z", remove: "B", channels: { kind: "listed", names: ["trade", "goods"] } }),
      `A proposes to invite account ${accountOf("Z")} and to remove B on channels trade and goods (p-1)`,
    ],
    [network.accepted("p-1", "Z"), `Z (m-Z) of account ${accountOf("Z")} accepts in-1Z`],
  ];
  for (const [act, text] of rows) {
    it(`is "${text}"`, () => assert.equal(describeAct(network.state, act), text));
  }
});

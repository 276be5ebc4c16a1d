import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dryRun } from "./dry-run.js";
import { accountOf, TestNetwork } from "./testing/network.js";

const STRICT = { thresholdPercentage: 100, comparator: "GREATER_THAN", proposalDurationHours: 1 } as const;

function tried(network: TestNetwork, by: string, what: Parameters<TestNetwork["proposed"]>[1], votes = "") {
  const assumed = [...votes.matchAll(/(\w)([+-])/g)].map(([, name, vote]) => ({
    memberId: `m-${name}`,
    yes: vote === "+",
  }));
  const result = dryRun(network.state, network.proposed(by, what), assumed);
  assert.ok(result.ok, result.ok ? "" : result.refusal.message);
  return result;
}

describe("a dry run", () => {
  it("says who votes, what passes and what rejects, and changes nothing", () => {
    const network = new TestNetwork("ABCDE");
    const { voters, yesToPass, noToReject, outcome, tally } = tried(network, "A", { remove: "E" });
    assert.deepEqual(
      voters.map((voter) => voter.name),
      [..."ABCDE"],
    );
    assert.deepEqual(tally, { yes: 0, no: 0, outstanding: 5, base: 5, needed: 3 });
    assert.equal(yesToPass, 3);
    assert.equal(noToReject, 3);
    assert.equal(outcome, "IN_PROGRESS");
    assert.equal(network.state.proposals.size, 0);
  });

  it("tries votes", () => {
    const network = new TestNetwork("ABCDE");
    assert.equal(tried(network, "A", { remove: "E" }, "A+B+").outcome, "IN_PROGRESS");
    assert.equal(tried(network, "A", { remove: "E" }, "A+B-C+D+E-").outcome, "APPROVED");
    assert.equal(tried(network, "A", { remove: "E" }, "A-B-C-").outcome, "REJECTED");
    const twice = dryRun(network.state, network.proposed("A", { remove: "E" }), [
      { memberId: "m-A", yes: true },
      { memberId: "m-A", yes: true },
    ]);
    assert.ok(!twice.ok && twice.refusal.reason === "ALREADY_EXISTS");
  });

  it("says what follows if it passed", () => {
    const network = new TestNetwork("ABC");
    const channels = { kind: "listed", names: ["trade"] } as const;
    const { enactments, invitations, remaining } = tried(network, "A", { invite: "X", remove: "C", channels });
    assert.deepEqual(
      enactments.map(({ kind, removes, memberIds }) => ({ kind, removes, memberIds })),
      [{ kind: "removal", removes: ["CMSP"], memberIds: ["m-C"] }],
    );
    assert.deepEqual(invitations, [{ accountId: accountOf("X"), channels }]);
    assert.deepEqual(remaining, ["m-A", "m-B"]);
    assert.deepEqual(tried(network, "A", { policy: STRICT }).policy, STRICT);
  });

  it("leaves out what waits already", () => {
    const network = new TestNetwork("ABC").leave("C");
    const { enactments } = tried(network, "A", { remove: "B" });
    assert.deepEqual(
      enactments.map((each) => each.kind),
      ["removal"],
    );
  });

  it("refuses what would be refused", () => {
    const network = new TestNetwork("ABC");
    const refused = dryRun(network.state, network.proposed("A", { remove: "Q" }));
    assert.ok(!refused.ok);
    assert.equal(refused.refusal.message, "there is no member m-Q to remove");
  });

  it("warns", () => {
    const warned = (network: TestNetwork, what: Parameters<TestNetwork["proposed"]>[1]) =>
      tried(network, "A", what).warnings.join(" ");
    const never = new TestNetwork("ABC", { policy: STRICT });
    assert.match(warned(never, { remove: "C" }), /can never pass: more than 100 % asks for more votes than/);
    assert.equal(tried(never, "A", { remove: "C" }).yesToPass, undefined);
    assert.equal(tried(never, "A", { remove: "C" }).noToReject, 1);
    assert.deepEqual(tried(never, "A", { invite: "X" }).invitations, []);
    const always = new TestNetwork("ABC", {
      policy: { thresholdPercentage: 0, comparator: "GREATER_THAN_OR_EQUAL_TO" },
    });
    assert.match(warned(always, { remove: "C" }), /passes on any vote, even a NO/);
    assert.equal(tried(always, "A", { remove: "C" }).noToReject, undefined);
    assert.equal(tried(always, "A", { remove: "C" }).yesToPass, 1);
    const usual = new TestNetwork("ABC", { rules: { memberLimit: 3 } });
    assert.match(warned(usual, { remove: "ABC" }), /the network would be deleted/);
    assert.match(warned(usual, { remove: "A" }), /removes the member that proposes it/);
    assert.match(warned(usual, { invite: "X" }), /limit is 3 members/);
    assert.match(warned(usual, { policy: STRICT }), /no proposal can ever pass/);
    const open = { ...STRICT, thresholdPercentage: 0, comparator: "GREATER_THAN_OR_EQUAL_TO" } as const;
    assert.match(warned(usual, { policy: open }), /passes on its first vote/);
    assert.equal(warned(usual, { invite: "X", remove: "C" }), "");
  });
});

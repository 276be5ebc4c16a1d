import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type NetworkFile, parseNetworkObject } from "@hansa/network";
import { type Current, planSteps, stepInWords } from "./plan.js";

const policy = { thresholdPercentage: 50, comparator: "GREATER_THAN", proposalDurationHours: 24 } as const;

const current: Current = {
  members: [
    { name: "Farm", memberId: "m-FARM", accountId: "000000000001", peers: 1 },
    { name: "Mill", memberId: "m-MILL", accountId: "000000000002", peers: 1 },
  ],
  channels: ["beans"],
  contracts: [],
  policy,
  proposals: [],
  invitations: [],
  accounts: ["000000000001", "000000000002"],
};

const same: NetworkFile = {
  network: "coffee",
  members: [{ name: "Farm" }, { name: "Mill" }],
  channels: [{ name: "beans" }],
};

function words(file: NetworkFile, now: Current = current): string[] {
  return planSteps(parseNetworkObject(file), now).map((step) => stepInWords(step).join(" "));
}

describe("plan of an apply", () => {
  it("has no step where the network is what the file says", () => {
    assert.deepEqual(words(same), []);
  });

  const third = { name: "Shop", account: "000000000003" };
  const grown: NetworkFile = { ...same, members: [...same.members, third] };

  it("proposes, waits for the vote, and lets the account join", () => {
    assert.deepEqual(words(grown), ["? propose to invite Shop (000000000003)"]);
    const proposal = { proposalId: "p-1", invitations: ["000000000003"], removals: [], policy: undefined };
    assert.deepEqual(words(grown, { ...current, proposals: [proposal] }), [
      ". the invitation of Shop is being voted on: p-1",
    ]);
    const invitations = [{ invitationId: "in-1", accountId: "000000000003" }];
    assert.deepEqual(words(grown, { ...current, invitations }), [
      ". account 000000000003 must accept its invitation to be Shop",
    ]);
    const accounts = [...current.accounts, "000000000003"];
    assert.deepEqual(words(grown, { ...current, invitations, accounts }), ["+ have Shop join by invitation in-1"]);
  });

  it("asks for an invitation for each member of one account", () => {
    const two: NetworkFile = {
      ...same,
      members: [...same.members, third, { name: "Stall", account: "000000000003" }],
    };
    const accounts = [...current.accounts, "000000000003"];
    const invitations = [{ invitationId: "in-1", accountId: "000000000003" }];
    assert.deepEqual(words(two, { ...current, accounts, invitations }), [
      "? propose to invite Stall (000000000003)",
      "+ have Shop join by invitation in-1",
    ]);
  });

  it("proposes removals once", () => {
    const shrunk: NetworkFile = { ...same, members: [{ name: "Farm" }] };
    assert.deepEqual(words(shrunk), ["? propose to remove Mill"]);
    const proposal = { proposalId: "p-2", invitations: [], removals: ["m-MILL"], policy: undefined };
    assert.deepEqual(words(shrunk, { ...current, proposals: [proposal] }), [
      ". the removal of Mill is being voted on: p-2",
    ]);
  });

  it("gives members the peers that are missing and takes none away", () => {
    const more: NetworkFile = { ...same, members: [{ name: "Farm", peers: [{}, {}, {}] }, { name: "Mill" }] };
    assert.deepEqual(words(more), ["+ start 2 peers of Farm"]);
    const fewer = current.members.map((member) => ({ ...member, peers: 2 }));
    assert.deepEqual(words(same, { ...current, members: fewer }), [
      "! Farm has 2 peers, not 1: see hansa node delete",
      "! Mill has 2 peers, not 1: see hansa node delete",
    ]);
    assert.deepEqual(words(more, { ...current, accounts: [] }), [". account 000000000001 must give Farm its peers"]);
  });

  it("makes channels of those who are there, and deploys what is new or has another version", () => {
    const file: NetworkFile = {
      ...grown,
      channels: [{ name: "beans" }, { name: "roasts" }],
      contracts: [{ name: "trade", channel: "beans", path: "contracts/trade", version: "2.0" }],
    };
    assert.deepEqual(words(file), [
      "? propose to invite Shop (000000000003)",
      "+ make channel roasts of Farm, Mill",
      "+ deploy contract trade 2.0 on beans",
    ]);
    const contracts = [{ channel: "beans", name: "trade", version: "1.0" }];
    assert.equal(words(file, { ...current, contracts }).at(-1), "~ deploy contract trade 2.0 in place of 1.0");
  });
});

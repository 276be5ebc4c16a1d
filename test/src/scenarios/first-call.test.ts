/** Contracts that ask for a first call, and definitions that change: what a user of a channel notices. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import type { GatewayError } from "@hyperledger/fabric-gateway";
import { repositoryRoot } from "../support/paths.js";

const source = path.join(repositoryRoot, "test/contracts/bench");

describe("a contract's definition", () => {
  let network: Network;
  before(async () => {
    network = await startNetwork({
      network: "definitions",
      mode: "inline",
      members: [{ name: "Left" }, { name: "Right" }],
      channels: [{ name: "both" }],
    });
  });
  after(() => network?.stop());

  const contractAs = (member: string, name: string) =>
    network.member(member).gateway().getNetwork("both").getContract(name);
  const deploy = (name: string, more: object = {}) => network.deploy({ name, channel: "both", path: source, ...more });
  const refusal = async (work: Promise<unknown>): Promise<string> => {
    const error = (await work.then(
      () => assert.fail("it was not refused"),
      (error: unknown) => error,
    )) as GatewayError;
    return JSON.stringify([error.message, error.details]);
  };

  it("may ask for a first call, which happens once", async () => {
    await deploy("first", { initRequired: true });
    const create = () => contractAs("Left", "first").submitTransaction("create", "key", "value");
    assert.match(await refusal(create()), /chaincode 'first' has not been initialized for this version, must call as/);
    const first = { name: "first", channel: "both", transaction: "create", arguments: ["begun", "yes"] };
    assert.ok((await network.initialize({ ...first, member: "Right" })).blockNumber > 0);
    await create();
    await assert.rejects(network.initialize(first), {
      code: "ENDORSEMENT_REFUSED",
      message: /chaincode 'first' is already initialized but called as init/,
    });
  });

  it("counts for the transaction that follows its commit", async () => {
    const { sequence } = await deploy("rules", { endorsement: "any" });
    assert.equal(sequence, 1);
    await contractAs("Right", "rules").submitTransaction("create", "key", "1");
    assert.equal((await deploy("rules", { endorsement: "any" })).changed, false);
    assert.equal((await deploy("rules", { endorsement: "all" })).sequence, 2);
    await contractAs("Left", "rules").submitTransaction("create", "key", "2");
    const proposal = contractAs("Left", "rules").newProposal("create", {
      arguments: ["key", "3"],
      endorsingOrganizations: ["LeftMSP"],
    });
    const status = await (await (await proposal.endorse()).submit()).getStatus();
    assert.equal(status.code, 10, "one endorsement is too few for the new definition");
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CommitError, EndorseError, StatusCode } from "@hyperledger/fabric-gateway";
import { gateway, msp } from "@hyperledger/fabric-protos";
import { BOTH, CHANNEL, EITHER, type Fixture, failureOf, json, text } from "./fixture.js";

export function transactions(fixture: () => Fixture): void {
  describe("transactions", () => {
    it("are submitted with what the contract answered, and are there once committed", async () => {
      const contract = fixture().contract(BOTH);
      const key = fixture().key();
      assert.equal(text(await contract.submitTransaction("put", key, "first")), "first");
      assert.equal(text(await contract.evaluateTransaction("get", key)), "first");
      assert.equal(text(await contract.submit("put", { arguments: [key, Buffer.from("sécond")] })), "sécond");
      assert.equal(text(await contract.evaluate("get", { arguments: [key] })), "sécond");
    });

    it("leave nothing behind when only evaluated", async () => {
      const contract = fixture().contract(BOTH);
      const key = fixture().key();
      assert.equal(text(await contract.evaluateTransaction("put", key, "value")), "value");
      assert.equal(text(await contract.evaluateTransaction("get", key)), "");
    });

    it("do not see their own writes", async () => {
      const contract = fixture().contract(BOTH);
      const key = fixture().key();
      assert.equal(text(await contract.submitTransaction("putThenGet", key, "new")), "");
      assert.equal(text(await contract.submitTransaction("putThenGet", key, "newer")), "new");
    });

    it("give their result before they are committed, and their status after", async () => {
      const commit = await fixture()
        .contract(BOTH)
        .submitAsync("put", { arguments: [fixture().key(), "value"] });
      assert.equal(text(commit.getResult()), "value");
      assert.match(commit.getTransactionId(), /^[0-9a-f]{64}$/);
      const status = await commit.getStatus();
      assert.deepEqual(
        { ...status, blockNumber: typeof status.blockNumber },
        {
          blockNumber: "bigint",
          code: StatusCode.VALID,
          successful: true,
          transactionId: commit.getTransactionId(),
        },
      );
      assert.deepEqual(await commit.getStatus(), status, "asked again");
    });

    it("reach a named contract of a chaincode", async () => {
      const network = fixture().channel();
      const greeter = network.getContract(BOTH, "greeter");
      assert.equal(greeter.getContractName(), "greeter");
      assert.equal(text(await greeter.evaluateTransaction("greet", "Lübeck")), "Moin Lübeck");
      assert.equal(text(await network.getContract(BOTH).evaluateTransaction("greeter:greet", "Wismar")), "Moin Wismar");
    });

    it("tell the contract who asks, where and when", async () => {
      const contract = fixture().contract(BOTH, "Org2");
      assert.deepEqual(
        (await json<{ mspId: string; id: string }>(contract.evaluateTransaction("whoAmI"))).mspId,
        "Org2MSP",
      );
      const proposal = contract.newProposal("about", { arguments: ["one", "two"] });
      const about = await json<Record<string, unknown>>(proposal.evaluate());
      assert.equal(about.channel, CHANNEL);
      assert.equal(about.transaction, proposal.getTransactionId());
      assert.deepEqual(about.args, ["about", "one", "two"]);
      assert.match(String(about.binding), /^[0-9a-f]{64}$/);
      assert.ok(Math.abs(Number(about.seconds) - Date.now() / 1000) < 60);
    });

    it("pass transient data to the contract and keep it out of the ledger", async () => {
      const contract = fixture().contract(EITHER);
      const secret = "kept between us";
      const transientData = { a: secret, b: Buffer.from("bytes") };
      assert.deepEqual(await json(contract.evaluate("echoTransient", { transientData })), { a: secret, b: "bytes" });
      const proposal = contract.newProposal("put", { arguments: [fixture().key(), "value"], transientData });
      assert.ok(text(proposal.getBytes()).includes(secret), "it travels in the proposal");
      assert.ok(!text((await proposal.endorse()).getBytes()).includes(secret), "it is not ordered");
    });

    it("may be endorsed by members that the client names", async () => {
      for (const endorsingOrganizations of [["Org2MSP"], ["Org1MSP"], ["Org1MSP", "Org2MSP"]]) {
        const commit = await fixture()
          .contract(EITHER)
          .submitAsync("put", { arguments: [fixture().key(), "value"], endorsingOrganizations });
        assert.equal((await commit.getStatus()).code, StatusCode.VALID, endorsingOrganizations.join());
      }
    });

    it("may be evaluated at a member that the client names", async () => {
      const contract = fixture().contract(EITHER);
      assert.equal(text(await contract.evaluateTransaction("whereAmI")), "Org1MSP");
      for (const member of ["Org1MSP", "Org2MSP"])
        assert.equal(text(await contract.evaluate("whereAmI", { endorsingOrganizations: [member] })), member);
    });

    it("are invalid when too few members endorsed", async () => {
      const proposal = fixture()
        .contract(BOTH)
        .newProposal("put", { arguments: [fixture().key(), "value"], endorsingOrganizations: ["Org1MSP"] });
      const commit = await (await proposal.endorse()).submit();
      const status = await commit.getStatus();
      assert.equal(status.code, StatusCode.ENDORSEMENT_POLICY_FAILURE);
      assert.equal(status.successful, false);
      assert.ok(status.blockNumber > 0n);
    });

    it("are invalid when what they read has changed meanwhile", async () => {
      const contract = fixture().contract(BOTH);
      const key = fixture().key();
      const [first, second] = await Promise.all(
        [1, 2].map(() => contract.newProposal("increment", { arguments: [key] }).endorse()),
      );
      const [one, two] = [await first!.submit(), await second!.submit()];
      assert.equal((await one.getStatus()).code, StatusCode.VALID);
      assert.equal((await two.getStatus()).code, StatusCode.MVCC_READ_CONFLICT);
      assert.equal(text(await contract.evaluateTransaction("get", key)), "1");
    });

    it("throw a CommitError from submit when they turn out invalid", async () => {
      const contract = fixture().contract(BOTH);
      const error = await contract
        .submit("put", { arguments: [fixture().key(), "value"], endorsingOrganizations: ["Org2MSP"] })
        .then(
          () => assert.fail("it did not fail"),
          (thrown: unknown) => thrown,
        );
      assert.ok(error instanceof CommitError);
      assert.equal(error.code, StatusCode.ENDORSEMENT_POLICY_FAILURE);
      assert.equal(
        error.message,
        `Transaction ${error.transactionId} failed to commit with status code 10 (ENDORSEMENT_POLICY_FAILURE)`,
      );
    });

    it("are invalid when a range they counted has changed meanwhile", async () => {
      const contract = fixture().contract(BOTH);
      const prefix = fixture().key();
      await contract.submitTransaction("put", `${prefix}-1`, "a");
      const counted = await contract
        .newProposal("countRange", { arguments: [`${prefix}-`, `${prefix}-~`, fixture().key()] })
        .endorse();
      await contract.submitTransaction("put", `${prefix}-2`, "b");
      const status = await (await counted.submit()).getStatus();
      assert.equal(status.code, StatusCode.PHANTOM_READ_CONFLICT);
    });

    it("are invalid the second time", async () => {
      const transaction = await fixture()
        .contract(BOTH)
        .newProposal("put", { arguments: [fixture().key(), "value"] })
        .endorse();
      assert.equal((await (await transaction.submit()).getStatus()).code, StatusCode.VALID);
      const again = await (await transaction.submit()).getStatus();
      assert.equal(again.code, StatusCode.VALID, "a status is asked by id, and the first one of that id counts");
    });

    it("are answered about by any peer, also long after", async () => {
      const commit = await fixture()
        .contract(BOTH)
        .submitAsync("put", { arguments: [fixture().key(), "value"] });
      const status = await commit.getStatus();
      const other = fixture().network.member("Org2").gateway();
      const theirs = await other.newCommit(statusRequest(fixture(), commit.getTransactionId())).getStatus();
      assert.deepEqual(theirs, status);
    });

    it("cannot be endorsed by a member that the channel does not have", async () => {
      const error = await failureOf(
        fixture()
          .contract(EITHER)
          .submit("put", { arguments: ["k", "v"], endorsingOrganizations: ["Org9MSP"] }),
        EndorseError,
      );
      assert.equal(error.code, 14);
      assert.equal(error.cause.details, "failed to find any endorsing peers for org(s): Org9MSP");
    });
  });
}

/** A request for a transaction's status that nobody has signed yet. */
function statusRequest(fixture: Fixture, transactionId: string): Uint8Array {
  const identity = fixture.network.member("Org2").gateway().getIdentity();
  const creator = new msp.SerializedIdentity();
  creator.setMspid(identity.mspId);
  creator.setIdBytes(identity.credentials);
  const request = new gateway.CommitStatusRequest();
  request.setChannelId(CHANNEL);
  request.setTransactionId(transactionId);
  request.setIdentity(creator.serializeBinary());
  const signed = new gateway.SignedCommitStatusRequest();
  signed.setRequest(request.serializeBinary());
  return signed.serializeBinary();
}

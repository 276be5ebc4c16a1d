import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import {
  CommitStatusError,
  connect,
  EndorseError,
  GatewayError,
  hash,
  type Identity,
  signers,
} from "@hyperledger/fabric-gateway";
import { gateway as messages } from "@hyperledger/fabric-protos";
import { BOTH, CHANNEL, details, type Fixture, failureOf, GUARDED, saying, text } from "./fixture.js";

/** Source: grpc/grpc, doc/statuscodes.md. */
const CODE = {
  UNKNOWN: 2,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNAVAILABLE: 14,
} as const;

const SEE_DETAILS = "failed to endorse transaction, see attached details for more info";
const TOO_FEW = "failed to collect enough transaction endorsements, see attached details for more info";

/** Texts and codes are those of hyperledger/fabric, internal/pkg/gateway and core/endorser. */
export function errors(fixture: () => Fixture): void {
  describe("errors", () => {
    const detail = (member: "Org1" | "Org2", message: string) => ({
      address: fixture().address(member),
      mspId: `${member}MSP`,
      message,
    });

    describe("of the contract", () => {
      it("come with its words, from a query", async () => {
        const error = await failureOf(
          fixture().contract(BOTH).evaluateTransaction("fail", "no beer left"),
          GatewayError,
        );
        assert.equal(error.code, CODE.UNKNOWN);
        assert.equal(saying(error), "evaluate call to endorser returned error: chaincode response 500, no beer left");
        assert.deepEqual(details(error), [detail("Org1", "chaincode response 500, no beer left")]);
      });

      it("come with its words, from a transaction", async () => {
        const error = await failureOf(fixture().contract(BOTH).submitTransaction("fail", "no beer left"), EndorseError);
        assert.equal(error.code, CODE.ABORTED);
        assert.equal(saying(error), SEE_DETAILS);
        assert.match(error.transactionId, /^[0-9a-f]{64}$/);
        assert.deepEqual(details(error), [detail("Org1", "chaincode response 500, no beer left")]);
      });

      it("name the function that it does not have", async () => {
        const message = "chaincode response 500, You've asked to invoke a function that does not exist: nosuch";
        const submitted = await failureOf(fixture().contract(BOTH).submitTransaction("nosuch"), EndorseError);
        assert.equal(submitted.code, CODE.ABORTED);
        assert.deepEqual(details(submitted), [detail("Org1", message)]);
        const asked = await failureOf(fixture().contract(BOTH).evaluateTransaction("nosuch"), GatewayError);
        assert.equal(asked.code, CODE.UNKNOWN);
        assert.equal(saying(asked), `evaluate call to endorser returned error: ${message}`);
      });

      it("count the arguments", async () => {
        const error = await failureOf(fixture().contract(BOTH).evaluateTransaction("get"), GatewayError);
        assert.equal(
          saying(error),
          "evaluate call to endorser returned error: chaincode response 500, Expected 1 parameters, but 0 have been supplied",
        );
      });

      it("name the member whose peer refused, when another one did not", async () => {
        const error = await failureOf(
          fixture().contract(BOTH).submitTransaction("failAt", "Org2MSP", "not at our place"),
          EndorseError,
        );
        assert.equal(error.code, CODE.ABORTED);
        assert.equal(saying(error), TOO_FEW);
        assert.deepEqual(details(error), [detail("Org2", "chaincode response 500, not at our place")]);
      });

      it("tell of results that differ", async () => {
        const error = await failureOf(fixture().contract(BOTH).submitTransaction("random"), EndorseError);
        assert.equal(error.code, CODE.ABORTED);
        assert.equal(saying(error), TOO_FEW);
        const [endorser, gateway, ...more] = error.details;
        assert.match(endorser!.message, /^ProposalResponsePayloads do not match/);
        assert.match(gateway!.message, /^Explanation: .*computed different results/);
        assert.match(gateway!.message, /write of key "random" in both: "[0-9a-f-]{36}" \/ "[0-9a-f-]{36}"/);
        assert.match(gateway!.message, /Likely cause, randomness/);
        assert.deepEqual(more, []);
      });

      it("tell of a contract that died, which then comes back", async () => {
        const contract = fixture().contract(BOTH);
        const asked = await failureOf(contract.evaluateTransaction("crash"), GatewayError);
        assert.equal(asked.code, CODE.ABORTED);
        assert.equal(saying(asked), "failed to evaluate transaction, see attached details for more info");
        assert.deepEqual(
          details(asked).map(({ mspId }) => mspId),
          ["Org1MSP", "Org2MSP"],
        );
        for (const { message } of asked.details)
          assert.match(
            message,
            /^error in simulation: failed to execute transaction [0-9a-f]{64}: error sending: chaincode stream terminated$/,
          );
        const submitted = await failureOf(contract.submitTransaction("crash"), EndorseError);
        assert.equal(submitted.code, CODE.ABORTED);
        assert.equal(saying(submitted), SEE_DETAILS);
        assert.match(submitted.details[0]!.message, /chaincode stream terminated$/);
        const key = fixture().key();
        await contract.submitTransaction("put", key, "back again");
        assert.equal(text(await contract.evaluateTransaction("get", key)), "back again");
      });

      it("tell that Init is missing", async () => {
        const error = await failureOf(fixture().contract(GUARDED).submitTransaction("get", "k"), EndorseError);
        assert.equal(error.code, CODE.ABORTED);
        for (const { message } of error.details)
          assert.match(
            message,
            /^error in simulation: failed to execute transaction [0-9a-f]{64}: invalid invocation: chaincode 'guarded' has not been initialized for this version, must call as init first$/,
          );
      });
    });

    describe("of the address", () => {
      it("tell of an unknown channel", async () => {
        const network = fixture().network.member("Org1").gateway().getNetwork("elsewhere");
        const submitted = await failureOf(network.getContract(BOTH).submitTransaction("get", "k"), EndorseError);
        assert.equal(submitted.code, CODE.FAILED_PRECONDITION);
        assert.equal(
          saying(submitted),
          `no combination of peers can be derived which satisfy the endorsement policy: No metadata was found for chaincode ${BOTH} in channel elsewhere`,
        );
        const asked = await failureOf(network.getContract(BOTH).evaluateTransaction("get", "k"), GatewayError);
        assert.equal(asked.code, CODE.UNAVAILABLE);
        assert.equal(
          saying(asked),
          "failed to get config for channel [elsewhere]: could not get last config for channel elsewhere",
        );
      });

      it("tell of an unknown chaincode", async () => {
        const contract = fixture().contract("nosuch");
        const submitted = await failureOf(contract.submitTransaction("get", "k"), EndorseError);
        assert.equal(submitted.code, CODE.FAILED_PRECONDITION);
        assert.equal(
          saying(submitted),
          `no combination of peers can be derived which satisfy the endorsement policy: No metadata was found for chaincode nosuch in channel ${CHANNEL}`,
        );
        const asked = await failureOf(contract.evaluateTransaction("get", "k"), GatewayError);
        assert.equal(asked.code, CODE.FAILED_PRECONDITION);
        assert.equal(saying(asked), `no peers available to evaluate chaincode nosuch in channel ${CHANNEL}`);
      });

      it("tell of an unknown contract of the chaincode", async () => {
        const contract = fixture().channel().getContract(BOTH, "nosuch");
        const error = await failureOf(contract.evaluateTransaction("get", "k"), GatewayError);
        assert.match(saying(error), /Contract name is not known: nosuch/);
      });

      it("tell when nobody is there", async () => {
        const client = new Client("127.0.0.1:9", credentials.createInsecure());
        const gateway = connect({ client, ...identityOf(fixture(), "Org1") });
        const error = await failureOf(
          gateway.getNetwork(CHANNEL).getContract(BOTH).submitTransaction("get", "k"),
          EndorseError,
        );
        assert.equal(error.code, CODE.UNAVAILABLE);
        client.close();
      });
    });

    describe("of who asks", () => {
      it("tell of a member's name under another's certificate", async () => {
        const { signer, identity } = identityOf(fixture(), "Org2");
        await refused({ ...identity, mspId: "Org1MSP" }, signer, "creator org unknown, creator is malformed");
      });

      it("tell of a member that the channel does not have", async () => {
        const { signer, identity } = identityOf(fixture(), "Org1");
        await refused({ ...identity, mspId: "Org9MSP" }, signer, "creator org unknown, creator is malformed");
      });

      it("tell of a signature with another key", async () => {
        const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
        await refused(
          identityOf(fixture(), "Org1").identity,
          signers.newPrivateKeySigner(privateKey),
          "creator org [Org1MSP]",
        );
      });

      it("tell of a signature that is none", async () => {
        await refused(
          identityOf(fixture(), "Org1").identity,
          async () => Buffer.from("not a signature"),
          "creator org [Org1MSP]",
        );
      });

      const refused = async (
        identity: Identity,
        signer: (digest: Uint8Array) => Promise<Uint8Array>,
        reason: string,
      ) => {
        const message = `error validating proposal: access denied: channel [${CHANNEL}] ${reason}`;
        const gateway = fixture().network.member("Org1").gateway({ identity, signer, hash: hash.sha256 });
        const contract = gateway.getNetwork(CHANNEL).getContract(BOTH);
        const asked = await failureOf(contract.evaluateTransaction("get", "k"), GatewayError);
        assert.equal(asked.code, CODE.FAILED_PRECONDITION);
        assert.equal(saying(asked), `evaluate call to endorser returned error: ${message}`);
        assert.deepEqual(details(asked), [detail("Org1", message)]);
        const submitted = await failureOf(contract.submitTransaction("put", "k", "v"), EndorseError);
        assert.equal(submitted.code, CODE.ABORTED);
        assert.equal(saying(submitted), SEE_DETAILS);
        assert.deepEqual(details(submitted), [detail("Org1", message)]);
      };

      it("deny the status of a transaction", async () => {
        const gateway = fixture().network.member("Org1").gateway();
        const commit = await gateway
          .getNetwork(CHANNEL)
          .getContract(BOTH)
          .submitAsync("put", { arguments: [fixture().key(), "v"] });
        const stranger = { ...identityOf(fixture(), "Org2").identity, mspId: "Org1MSP" };
        const theirs = fixture()
          .network.member("Org1")
          .gateway({ identity: stranger, signer: identityOf(fixture(), "Org2").signer, hash: hash.sha256 });
        const error = await failureOf(
          theirs.newSignedCommit(commit.getBytes(), Buffer.from("not a signature")).getStatus(),
          CommitStatusError,
        );
        assert.equal(error.code, CODE.PERMISSION_DENIED);
        assert.equal(error.transactionId, commit.getTransactionId());
        await commit.getStatus();
      });

      it("deny events", async () => {
        const { signer, identity } = identityOf(fixture(), "Org2");
        const network = fixture()
          .network.member("Org1")
          .gateway({ identity: { ...identity, mspId: "Org1MSP" }, signer, hash: hash.sha256 })
          .getNetwork(CHANNEL);
        const chaincode = await failureOf(first(await network.getChaincodeEvents(BOTH)), GatewayError);
        assert.equal(chaincode.code, CODE.PERMISSION_DENIED);
        await assert.rejects(first(await network.getBlockEvents()), /^Error: Unexpected status response: 403$/);
        await assert.rejects(first(await network.getFilteredBlockEvents()), /^Error: Unexpected status response: 403$/);
      });
    });

    describe("of time", () => {
      const soon = () => ({ deadline: Date.now() + 150 });

      it("end an endorsement at the client's deadline", async () => {
        const proposal = fixture()
          .contract(BOTH)
          .newProposal("wait", { arguments: ["600"] });
        const error = await failureOf(proposal.endorse(soon()), EndorseError);
        assert.equal(error.code, CODE.DEADLINE_EXCEEDED);
        assert.equal(error.transactionId, proposal.getTransactionId());
      });

      it("end a query at the client's deadline", async () => {
        const proposal = fixture()
          .contract(BOTH)
          .newProposal("wait", { arguments: ["600"] });
        const error = await failureOf(proposal.evaluate(soon()), GatewayError);
        assert.equal(error.code, CODE.DEADLINE_EXCEEDED);
      });

      it("end the wait for a transaction that never comes", async () => {
        const transaction = await fixture()
          .contract(BOTH)
          .newProposal("put", { arguments: [fixture().key(), "v"], endorsingOrganizations: ["Org1MSP", "Org2MSP"] })
          .endorse();
        const gateway = fixture().network.member("Org1").gateway();
        const commit = await transaction.submit();
        await commit.getStatus();
        const error = await failureOf(
          gateway.newCommit(withTransaction(commit.getBytes(), "0".repeat(64))).getStatus(soon()),
          CommitStatusError,
        );
        assert.equal(error.code, CODE.DEADLINE_EXCEEDED);
        assert.equal(error.transactionId, "0".repeat(64));
      });

      it("take a gateway's deadlines when a call names none", async () => {
        const gateway = fixture().network.member("Org1").gateway({ endorseOptions: soon, evaluateOptions: soon });
        const contract = gateway.getNetwork(CHANNEL).getContract(BOTH);
        await failureOf(contract.submitTransaction("wait", "600"), EndorseError);
        const error = await failureOf(contract.evaluateTransaction("wait", "600"), GatewayError);
        assert.equal(error.code, CODE.DEADLINE_EXCEEDED);
      });
    });
  });
}

function identityOf(fixture: Fixture, member: string) {
  const folder = fixture.network.member(member).mspFolder("User1");
  const fileIn = (name: string) => {
    const inside = path.join(folder, name);
    return readFileSync(path.join(inside, readdirSync(inside)[0]!));
  };
  return {
    identity: { mspId: `${member}MSP`, credentials: new Uint8Array(fileIn("signcerts")) },
    signer: signers.newPrivateKeySigner(createPrivateKey(fileIn("keystore"))),
  };
}

async function first<T>(events: AsyncIterable<T> & { close(): void }): Promise<T> {
  try {
    for await (const event of events) return event;
    throw new Error("the stream ended without an event");
  } finally {
    events.close();
  }
}

/** A request for a status, about another transaction. */
function withTransaction(request: Uint8Array, transactionId: string): Uint8Array {
  const signed = messages.SignedCommitStatusRequest.deserializeBinary(request);
  const inner = messages.CommitStatusRequest.deserializeBinary(signed.getRequest_asU8());
  inner.setTransactionId(transactionId);
  signed.setRequest(inner.serializeBinary());
  signed.setSignature("");
  return signed.serializeBinary();
}

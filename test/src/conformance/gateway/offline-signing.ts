/** Applications that never see the private key: every message is signed by somebody else. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import {
  connect,
  EndorseError,
  type Gateway,
  hash,
  type Signable,
  type Signer,
  StatusCode,
  signers,
} from "@hyperledger/fabric-gateway";
import { BOTH, CHANNEL, type Fixture, failureOf, saying, take, text } from "./fixture.js";

/** A gateway that cannot sign, and somebody else who signs digests. */
function unsigned(fixture: Fixture): { gateway: Gateway; signer: Signer; close: () => void } {
  const member = fixture.network.member("Org1");
  const peer = member.peers[0]!;
  const client = new Client(peer.address, credentials.createSsl(readFileSync(member.tlsRootFile)), {
    "grpc.ssl_target_name_override": peer.host,
  });
  const folder = (name: string) => path.join(member.mspFolder("User1"), name);
  const fileIn = (name: string) => readFileSync(path.join(folder(name), readdirSync(folder(name))[0]!));
  const gateway = connect({
    client,
    identity: { mspId: member.mspId, credentials: fileIn("signcerts") },
    hash: hash.sha256,
  });
  const close = () => {
    gateway.close();
    client.close();
  };
  return { gateway, signer: signers.newPrivateKeySigner(createPrivateKey(fileIn("keystore"))), close };
}

export function offlineSigning(fixture: () => Fixture): void {
  describe("messages signed elsewhere", () => {
    type Sign = (what: Signable) => Promise<Uint8Array>;
    const within = async (work: (gateway: Gateway, signed: Sign) => Promise<void>) => {
      const { gateway, signer, close } = unsigned(fixture());
      try {
        await work(gateway, (what) => signer(what.getDigest()));
      } finally {
        close();
      }
    };

    it("carry a transaction all the way", () =>
      within(async (gateway, signed) => {
        const contract = gateway.getNetwork(CHANNEL).getContract(BOTH);
        const unsignedProposal = contract.newProposal("put", { arguments: [fixture().key(), "signed elsewhere"] });
        const proposal = gateway.newSignedProposal(unsignedProposal.getBytes(), await signed(unsignedProposal));
        assert.equal(proposal.getTransactionId(), unsignedProposal.getTransactionId());
        assert.equal(text(await proposal.evaluate()), "signed elsewhere");

        const unsignedTransaction = await proposal.endorse();
        assert.equal(text(unsignedTransaction.getResult()), "signed elsewhere");
        const transaction = gateway.newSignedTransaction(
          unsignedTransaction.getBytes(),
          await signed(unsignedTransaction),
        );
        const unsignedCommit = await transaction.submit();
        const commit = gateway.newSignedCommit(unsignedCommit.getBytes(), await signed(unsignedCommit));
        const status = await commit.getStatus();
        assert.equal(status.code, StatusCode.VALID);
        assert.equal(status.transactionId, proposal.getTransactionId());
      }));

    it("are refused without a signature by the client library itself", () =>
      within(async (gateway) => {
        await assert.rejects(
          gateway.getNetwork(CHANNEL).getContract(BOTH).evaluateTransaction("get", "k"),
          /No signing implementation/,
        );
      }));

    it("are refused with another's signature", () =>
      within(async (gateway, signed) => {
        const contract = gateway.getNetwork(CHANNEL).getContract(BOTH);
        const one = contract.newProposal("put", { arguments: ["k", "v"] });
        const other = contract.newProposal("put", { arguments: ["k", "w"] });
        const error = await failureOf(
          gateway.newSignedProposal(one.getBytes(), await signed(other)).endorse(),
          EndorseError,
        );
        assert.equal(error.code, 10);
        assert.equal(saying(error), "failed to endorse transaction, see attached details for more info");
        assert.deepEqual(
          error.details.map(({ message }) => message),
          [`error validating proposal: access denied: channel [${CHANNEL}] creator org [Org1MSP]`],
        );
      }));

    it("ask for events of every kind", () =>
      within(async (gateway, signed) => {
        const network = gateway.getNetwork(CHANNEL);
        await fixture().contract(BOTH).submitTransaction("announce", "offline", "payload");

        const chaincode = network.newChaincodeEventsRequest(BOTH, { startBlock: 0n });
        const events = await gateway
          .newSignedChaincodeEventsRequest(chaincode.getBytes(), await signed(chaincode))
          .getEvents();
        assert.equal((await take(events, 1))[0]!.chaincodeName, BOTH);

        const blocks = network.newBlockEventsRequest({ startBlock: 0n });
        const [genesis] = await take(
          await gateway.newSignedBlockEventsRequest(blocks.getBytes(), await signed(blocks)).getEvents(),
          1,
        );
        assert.equal(genesis!.getHeader()!.getNumber(), 0);

        const filtered = network.newFilteredBlockEventsRequest({ startBlock: 0n });
        const [first] = await take(
          await gateway.newSignedFilteredBlockEventsRequest(filtered.getBytes(), await signed(filtered)).getEvents(),
          1,
        );
        assert.equal(first!.getChannelId(), CHANNEL);

        const complete = network.newBlockAndPrivateDataEventsRequest({ startBlock: 1n });
        const [block] = await take(
          await gateway
            .newSignedBlockAndPrivateDataEventsRequest(complete.getBytes(), await signed(complete))
            .getEvents(),
          1,
        );
        assert.equal(block!.getBlock()!.getHeader()!.getNumber(), 1);
      }));
  });
}

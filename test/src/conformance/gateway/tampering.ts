import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type EndorseError, GatewayError, StatusCode } from "@hyperledger/fabric-gateway";
import { BOTH, CHANNEL, EITHER, type Fixture, failureOf, saying, text } from "./fixture.js";

/** Source: grpc/grpc, doc/statuscodes.md. */
const CODE = { FAILED_PRECONDITION: 9, ABORTED: 10 } as const;

/** What happens to transactions that somebody changed on their way. Texts and codes are Fabric's. */
export function tampering(fixture: () => Fixture): void {
  describe("errors of ordering", () => {
    /** A transaction with the endorsements that it needs, not signed yet. */
    const endorsed = (contract: string, key: string, value: string) =>
      fixture()
        .network.member("Org1")
        .gateway()
        .getNetwork(CHANNEL)
        .getContract(contract)
        .newProposal("put", { arguments: [key, value] })
        .endorse();

    it("refuse a transaction that changed after it was signed", async () => {
      const gateway = fixture().network.member("Org1").gateway();
      const transaction = await endorsed(BOTH, fixture().key(), "honest");
      const signed = gateway.newSignedTransaction(transaction.getBytes(), Buffer.from("not a signature"));
      const error = await failureOf(signed.submit(), GatewayError);
      assert.equal(error.name, "SubmitError");
      assert.equal(error.code, CODE.ABORTED);
      assert.equal((error as EndorseError).transactionId, transaction.getTransactionId());
      assert.match(
        saying(error),
        /^received unsuccessful response from orderer: status=FORBIDDEN, info=.*implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the 'Writers' sub-policies to be satisfied/,
      );
    });

    it("mark a transaction whose result changed after it was endorsed", async () => {
      const gateway = fixture().network.member("Org1").gateway();
      const key = fixture().key();
      const transaction = await endorsed(BOTH, key, "honest");
      const statusOf = async (count: number) => {
        const changed = gateway.newTransaction(replaced(transaction.getBytes(), "honest", "crafty", count));
        return (await (await changed.submit()).getStatus()).code;
      };
      assert.equal(await statusOf(2), StatusCode.ENDORSEMENT_POLICY_FAILURE, "in what the peers signed");
      assert.equal(text(await fixture().contract(BOTH).evaluateTransaction("get", key)), "");
    });

    it("mark a transaction that no longer carries the proposal that was endorsed", async () => {
      const gateway = fixture().network.member("Org1").gateway();
      const transaction = await endorsed(BOTH, fixture().key(), "honest");
      const changed = gateway.newTransaction(replaced(transaction.getBytes(), "honest", "crafty", 3));
      const { code } = await (await changed.submit()).getStatus();
      assert.equal(code, StatusCode.INVALID_ENDORSER_TRANSACTION);
    });

    it("refuse an envelope for another channel", async () => {
      const gateway = fixture().network.member("Org1").gateway();
      const transaction = await endorsed(EITHER, fixture().key(), "v");
      const moved = gateway.newTransaction(replaced(transaction.getBytes(), CHANNEL, "trada", 9));
      const error = await failureOf(moved.submit(), GatewayError);
      assert.equal(error.name, "SubmitError");
      assert.equal(error.code, CODE.FAILED_PRECONDITION);
      assert.match(saying(error), /^failed to get config for channel \[trada\]/);
    });
  });
}

/** Overwrites the last occurrences of a text by another one of the same length. */
function replaced(bytes: Uint8Array, from: string, to: string, count: number): Uint8Array {
  const copy = Buffer.from(bytes);
  let before = copy.length;
  for (let done = 0; done < count; done++) {
    const found = copy.lastIndexOf(from, before);
    if (found < 0) break;
    copy.write(to, found);
    before = found - 1;
  }
  return copy;
}

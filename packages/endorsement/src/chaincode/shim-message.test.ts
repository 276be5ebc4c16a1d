import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encode, protos } from "@hansa/wire";
import fc from "fast-check";
import { ChaincodeError } from "./error.js";
import {
  invocationMessage,
  nestedMessage,
  readShimMessage,
  ShimType,
  shimMessage,
  transactionTail,
} from "./shim-message.js";

const bytes = () => fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
const text = () => fc.string({ unit: "binary", maxLength: 200 });
const type = () => fc.constantFrom(...Object.values(ShimType));

describe("messages between peer and chaincode", () => {
  it("are read as protobufjs reads them", () => {
    const messages = fc.record({ type: type(), payload: bytes(), txid: text(), channelId: text(), seconds: fc.nat() });
    fc.assert(
      fc.property(messages, fc.option(bytes()), ({ seconds, ...fields }, eventPayload) => {
        const chaincodeEvent = eventPayload === null ? undefined : { payload: eventPayload };
        const timestamp = { seconds, nanos: 5 };
        const encoded = encode(protos.ChaincodeMessage, { ...fields, timestamp, chaincodeEvent });
        const found = readShimMessage(encoded);
        assert.deepEqual(
          [found.type, Buffer.from(found.payload), found.txId, found.channelId],
          [fields.type, fields.payload, fields.txid, fields.channelId],
        );
        assert.equal(found.event === undefined, chaincodeEvent === undefined);
        if (found.event) assert.deepEqual(Buffer.from(protos.ChaincodeEvent.decode(found.event).payload), eventPayload);
      }),
    );
  });

  it("are written so that protobufjs reads them", () => {
    const fields = fc.record({ type: type(), payload: bytes(), txId: text(), channelId: text(), proposal: bytes() });
    fc.assert(
      fc.property(fields, ({ type, payload, txId, channelId, proposal }) => {
        const tail = transactionTail(txId, channelId);
        const answer = protos.ChaincodeMessage.decode(shimMessage(type, payload, tail));
        const signed = encode(protos.SignedProposal, { proposalBytes: proposal });
        const call = protos.ChaincodeMessage.decode(invocationMessage(type, payload, txId, channelId, signed));
        const event = encode(protos.ChaincodeEvent, { eventName: "e" });
        const nested = protos.ChaincodeMessage.decode(nestedMessage(type, payload, event, tail));
        for (const each of [answer, call, nested]) {
          assert.deepEqual(
            [each.type, Buffer.from(each.payload), each.txid, each.channelId],
            [type, payload, txId, channelId],
          );
        }
        assert.deepEqual(Buffer.from(call.proposal?.proposalBytes ?? []), proposal);
        assert.equal(nested.chaincodeEvent?.eventName, "e");
      }),
    );
  });

  it("are refused or read, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (anything) => {
        try {
          readShimMessage(anything);
        } catch (error) {
          assert(error instanceof ChaincodeError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("may carry fields of the future", () => {
    const known = encode(protos.ChaincodeMessage, { type: ShimType.GET_STATE, txid: "tx" });
    const unknown = Buffer.from([0x98, 0x06, 0x80, 0x01, 0xa2, 0x06, 0x01, 0x07, 0x09, 1, 2, 3, 4, 5, 6, 7, 8]);
    const found = readShimMessage(Buffer.concat([unknown, known]));
    assert.deepEqual([found.type, found.txId], [ShimType.GET_STATE, "tx"]);
  });
});

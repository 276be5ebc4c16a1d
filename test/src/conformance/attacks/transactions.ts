/** Transactions that differ in one thing from what was endorsed. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { common, decode, encode, kvrwset, protos, readEnvelope, rwset } from "@hansa/wire";
import { highS, identityOf } from "../../faults/forge.js";
import { forgedIdentity } from "../../faults/strangers.js";
import { endorsedBy, endorsementOf, envelopeOf, type Parts, withAction } from "./transaction.js";
import { basic, blocks, broadcast, codeOf, fateOf, node, nodeIdentity, proposal, twoPeers, world } from "./world.js";

export function attackTransactions(): void {
  const endorsed = (peers = twoPeers(), ...args: string[]) =>
    endorsedBy(peers, proposal(...(args.length > 0 ? args : ["put", "attacked", "as endorsed"])));

  describe("a transaction", () => {
    it("that two members endorsed is valid: the attacks below differ from it in one thing each", async () => {
      assert.equal(await fateOf(await endorsed()), "VALID");
    });

    const attacks: readonly [what: string, attack: () => Promise<Parts>, code: string][] = [
      ["endorsed by one member only", () => endorsed([node("peer0.org1")]), "ENDORSEMENT_POLICY_FAILURE"],
      [
        "endorsed by two peers of one member",
        () => endorsed([node("peer0.org1"), node("peer1.org1")]),
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "with one endorsement twice",
        async () => {
          const parts = await endorsed([node("peer0.org1")]);
          return { ...parts, endorsements: [...parts.endorsements, ...parts.endorsements] };
        },
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "endorsed by a client in place of a peer",
        async () => {
          const parts = await endorsed([node("peer0.org1")]);
          const client = identityOf(world.network.member("Org2"), "User1");
          return { ...parts, endorsements: [...parts.endorsements, endorsementOf(parts, client)] };
        },
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "endorsed by a member that is not on the channel",
        async () => {
          const parts = await endorsed([node("peer0.org1")]);
          const outsider = nodeIdentity("peer0.org3.example.com", "Org3");
          return { ...parts, endorsements: [...parts.endorsements, endorsementOf(parts, outsider)] };
        },
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "endorsed by somebody who says he is the other member",
        async () => {
          const parts = await endorsed([node("peer0.org1")]);
          return { ...parts, endorsements: [...parts.endorsements, endorsementOf(parts, forgedIdentity("Org2MSP"))] };
        },
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "with a signature of an endorser in its other form, high S",
        async () => {
          const parts = await endorsed();
          const [first, second] = parts.endorsements;
          return { ...parts, endorsements: [first!, { ...second!, signature: highS(second!.signature) }] };
        },
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "with other writes than were endorsed",
        async () =>
          withAction(await endorsed(), (action) => {
            const results = decode(rwset.TxReadWriteSet, action.results, "TxReadWriteSet");
            const of = results.nsRwset.find(({ namespace }) => namespace === "basic")!;
            const writes = [{ key: "attacked", isDelete: false, value: Buffer.from("as the attacker wants") }];
            of.rwset = encode(kvrwset.KVRWSet, { writes });
            action.results = encode(rwset.TxReadWriteSet, results);
          }),
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "with other writes, endorsed anew by one colluding peer",
        async () => {
          const altered = withAction(await endorsed(), (action) => {
            const results = decode(rwset.TxReadWriteSet, action.results, "TxReadWriteSet");
            results.nsRwset = results.nsRwset.filter(({ namespace }) => namespace === "basic");
            action.results = encode(rwset.TxReadWriteSet, results);
          });
          const colluding = nodeIdentity("peer0.org1.example.com", "Org1");
          return { ...altered, endorsements: [endorsementOf(altered, colluding), altered.endorsements[1]!] };
        },
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "with another answer than was endorsed",
        async () =>
          withAction(await endorsed(), (action) => {
            action.response = { ...action.response!, payload: Buffer.from("paid") } as protos.Response;
          }),
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "with an event that no contract set",
        async () => {
          const parts = await endorsed();
          return withAction(parts, (action) => {
            const event = { chaincodeId: "basic", txId: parts.txId, eventName: "paid", payload: Buffer.from("1") };
            action.events = encode(protos.ChaincodeEvent, event);
          });
        },
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "with another event than was endorsed",
        async () =>
          withAction(await endorsed(twoPeers(), "announce", "paid", "nothing"), (action) => {
            const event = decode(protos.ChaincodeEvent, action.events, "ChaincodeEvent");
            action.events = encode(protos.ChaincodeEvent, { ...event, payload: Buffer.from("everything") });
          }),
        "ENDORSEMENT_POLICY_FAILURE",
      ],
      [
        "that asks for something else than was endorsed",
        async () => {
          const [one, other] = [await endorsed(), await endorsed(twoPeers(), "put", "attacked", "otherwise")];
          return { ...one, proposalPayload: other.proposalPayload };
        },
        "INVALID_ENDORSER_TRANSACTION",
      ],
      [
        "with the endorsements of another one",
        async () => {
          const [one, other] = [await endorsed(), await endorsed()];
          return { ...one, responsePayload: other.responsePayload, endorsements: other.endorsements };
        },
        "INVALID_ENDORSER_TRANSACTION",
      ],
      [
        "whose action somebody else proposed",
        async () => {
          const parts = await endorsed();
          const header = decode(common.SignatureHeader, parts.signatureHeader, "SignatureHeader");
          const other = identityOf(world.network.member("Org2"), "User1").serialized;
          return { ...parts, actionHeader: encode(common.SignatureHeader, { ...header, creator: other }) };
        },
        "INVALID_ENDORSER_TRANSACTION",
      ],
    ];
    for (const [what, attack, code] of attacks)
      it(`${what} is invalid`, async () => {
        assert.equal(await fateOf(await attack()), code);
      });

    it("that was sent before counts once", async () => {
      const parts = await endorsed();
      const bytes = envelopeOf(parts, world.user);
      assert.equal(await broadcast(bytes), "SUCCESS");
      assert.equal(await codeOf(parts.txId), "VALID");
      assert.equal(await broadcast(bytes), "SUCCESS");
      await basic().submitTransaction("put", "after", "the copy");
      const codes = (await blocks()).flatMap(({ envelopes, codes }) =>
        envelopes.flatMap((each, at) => (readEnvelope(each).channelHeader.txId === parts.txId ? [codes[at]!] : [])),
      );
      assert.deepEqual(codes, ["VALID", "DUPLICATE_TXID"]);
    });

    it("that somebody else sends under the name of its creator is refused by the orderer", async () => {
      const parts = await endorsed();
      const thief = identityOf(world.network.member("Org2"), "User1");
      assert.match(await broadcast(envelopeOf(parts, thief)), /^(FORBIDDEN|BAD_REQUEST)/);
    });

    it("that somebody takes over under his own name has a wrong id", async () => {
      const parts = await endorsed();
      const thief = identityOf(world.network.member("Org2"), "User1");
      const { nonce } = decode(common.SignatureHeader, parts.signatureHeader, "SignatureHeader");
      const signatureHeader = encode(common.SignatureHeader, { creator: thief.serialized, nonce });
      const stolen = { ...parts, signatureHeader, actionHeader: signatureHeader };
      assert.equal(await broadcast(envelopeOf(stolen, thief)), "SUCCESS");
      await basic().submitTransaction("put", "after", "the theft");
      const codes = (await blocks()).flatMap(({ envelopes, codes }) =>
        envelopes.flatMap((each, at) => (readEnvelope(each).channelHeader.txId === parts.txId ? [codes[at]!] : [])),
      );
      assert.deepEqual(codes, ["BAD_PROPOSAL_TXID"]);
    });
  });
}

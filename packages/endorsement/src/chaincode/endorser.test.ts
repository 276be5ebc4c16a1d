import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Certificate } from "@hansa/crypto";
import { type Bytes, fromUtf8, type UnixMs } from "@hansa/primitives";
import { common, encode, HeaderType, kvrwset, msp, protos, toTimestamp } from "@hansa/wire";
import { ProposalRejected } from "./proposal.js";
import { NOW, newProposal, type ProposalFields } from "./testing/proposals.js";
import { identity, skipVectors, vectorFile } from "./testing/vector-channel.js";
import { endorsedBytes, vectorPeer } from "./testing/vector-peer.js";

describe("endorser", { skip: skipVectors }, () => {
  let peer: ReturnType<typeof vectorPeer>;
  let client: ReturnType<typeof identity>;

  before(async () => {
    peer = vectorPeer("Org1MSP");
    client = identity("Org1MSP", "User1");
    while (peer.channel.height < 146) await peer.channel.commitNext();
  });

  const propose = (fields: Partial<ProposalFields>) =>
    newProposal({ client, chaincode: "vectors", args: ["put", "k", "v"], ...fields });
  const process = (fields: Partial<ProposalFields>) => peer.endorser.process(propose(fields));
  const message = async (fields: Partial<ProposalFields>) => (await process(fields)).response?.message;
  const rejects = (signed: Bytes, expected: RegExp | string) =>
    assert.rejects(peer.endorser.process(signed), (error) => {
      assert(error instanceof ProposalRejected);
      if (typeof expected === "string") assert.equal(error.message, expected);
      else assert.match(error.message, expected);
      return true;
    });

  describe("a good proposal", () => {
    it("is endorsed by the peer's identity", async () => {
      const response = await process({});
      assert.deepEqual([response.response?.status, response.version], [200, 1]);
      assert.deepEqual(response.endorsement?.endorser, identity("Org1MSP", "peer").serialized);
      const endorser = peer.channel.config.msps.identity(response.endorsement!.endorser!);
      assert(endorser.verify(endorsedBytes(response), response.endorsement!.signature!));
      assert.deepEqual(response.interest, { chaincodes: [{ name: "vectors" }] });
    });

    it("names what its endorsers depend on", async () => {
      const transient = { value: fromUtf8("secret") };
      const written = await process({ args: ["putPrivate", "keep", "fresh"], transient });
      assert.deepEqual(written.interest?.chaincodes, [
        { name: "vectors", collectionNames: ["keep"], noPrivateReads: true },
      ]);
      assert.deepEqual(
        [...peer.channel.persisted.at(-1)!.collections].map(([name, all]) => [name, all.map((each) => each.name)]),
        [["vectors", ["keep"]]],
      );
      const called = await process({ args: ["putAndCall", "k", "v", "vecinit", JSON.stringify(["get", "k"])] });
      assert.equal(called.response?.message, "");
      assert.deepEqual(called.interest?.chaincodes?.map(({ name }) => name).sort(), ["vecinit", "vectors"]);
    });

    it("shows key-level policies in place of the chaincode's", async () => {
      const state = peer.channel.state;
      const policy = encode(common.SignaturePolicyEnvelope, { rule: { signedBy: 0 }, identities: [] });
      const metadata = encode(kvrwset.KVMetadataWrite, { entries: [{ name: "VALIDATION_PARAMETER", value: policy }] });
      state.set("vectors", "guarded", { value: fromUtf8("1"), version: { blockNumber: 1, txIndex: 0 }, metadata });
      const { interest } = await process({ args: ["put", "guarded", "2"] });
      assert.equal(interest?.chaincodes?.length, 1);
      const [call] = interest!.chaincodes!;
      assert.deepEqual([call!.name, call!.disregardNamespacePolicy, call!.keyPolicies?.length], ["vectors", true, 1]);
      const both = await process({ args: ["putMany", "guarde", "1", "x"] });
      assert.deepEqual(both.interest?.chaincodes, [{ name: "vectors" }]);
    });
  });

  describe("a proposal that is not served", () => {
    it("is no proposal", async () => {
      await rejects(Buffer.from("nonsense"), /^error unmarshalling SignedProposal: proto: cannot parse/);
      const junk = Buffer.from([255, 255]);
      const proposal = (fields: protos.Proposal.$Properties) =>
        encode(protos.SignedProposal, { proposalBytes: encode(protos.Proposal, fields) });
      const header = (fields: common.Header.$Properties) => proposal({ header: encode(common.Header, fields) });
      const unread = (what: string) => `${what}: proto: cannot parse invalid wire-format data`;
      await rejects(
        encode(protos.SignedProposal, { proposalBytes: junk }),
        unread("failed parsing proposal: error unmarshalling Proposal"),
      );
      await rejects(proposal({ header: junk }), unread("failed parsing header: error unmarshalling Header"));
      await rejects(
        header({ signatureHeader: junk }),
        unread("failed parsing signature header: error unmarshalling SignatureHeader"),
      );
      await rejects(header({ channelHeader: junk }), unread("error unmarshalling ChannelHeader"));
      await rejects(propose({ header: { extension: junk } }), unread("error unmarshalling ChaincodeHeaderExtension"));
      await rejects(new Uint8Array(), /ChaincodeHeaderExtension.ChaincodeId is nil/);
      await rejects(propose({ chaincode: "" }), "ChaincodeHeaderExtension.ChaincodeId.Name is empty");
      await rejects(
        propose({ header: { extension: new Uint8Array() } }),
        "ChaincodeHeaderExtension.ChaincodeId is nil",
      );
    });

    it("has a wrong header", async () => {
      await rejects(
        propose({ header: { type: HeaderType.MESSAGE } }),
        "error validating proposal: invalid header type MESSAGE",
      );
      await rejects(propose({ header: { epoch: 1 } }), "error validating proposal: epoch is non-zero");
      await rejects(propose({ nonce: new Uint8Array() }), "error validating proposal: nonce is empty");
      await rejects(propose({ creator: new Uint8Array() }), "error validating proposal: creator is empty");
      await rejects(
        propose({ header: { txId: "abc" } }),
        /^error validating proposal: incorrectly computed txid 'abc' -- expected '[0-9a-f]{64}'$/,
      );
    });

    it("comes from nobody the channel trusts", async () => {
      const stranger = {
        ...client,
        serialized: encode(msp.SerializedIdentity, { mspid: "NoMSP", idBytes: fromUtf8("x") }),
      };
      await rejects(
        propose({ client: stranger }),
        "error validating proposal: access denied: channel [mychannel] creator org unknown, creator is malformed",
      );
      // Org3 has left the channel by now.
      await rejects(
        propose({ client: identity("Org3MSP", "User1") }),
        "error validating proposal: access denied: channel [mychannel] creator org unknown, creator is malformed",
      );
      const forged = { ...client, sign: (bytes: Bytes) => identity("Org1MSP", "Admin").sign(bytes) };
      await rejects(
        propose({ client: forged }),
        "error validating proposal: access denied: channel [mychannel] creator org [Org1MSP]",
      );
      const unsigned = { ...client, sign: () => new Uint8Array() };
      await rejects(propose({ client: unsigned }), "error validating proposal: empty signature bytes");
    });

    it("may not propose", () =>
      rejects(
        propose({ client: identity("OrdererMSP", "Admin") }),
        "Failed evaluating policy on signed data during check policy on channel [mychannel] with policy [/Channel/Application/Writers]: [implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of the 'Writers' sub-policies to be satisfied]",
      ));

    it("comes at the wrong time", async () => {
      await rejects(
        propose({ header: { timestamp: toTimestamp(NOW - 16 * 60_000) } }),
        "request unauthorized due to incorrect timestamp 2026-11-30T23:44:00Z, peer time 2026-12-01T00:00:00Z, peer.authentication.timewindow 15m0s",
      );
      const expiry = Certificate.parse(vectorFile("identities", "Org1MSP", "User1.TEST-ONLY.cert.pem").toString());
      const late = vectorPeer("Org1MSP", (expiry.notAfterMs + 1000) as UnixMs);
      await assert.rejects(late.endorser.process(propose({})), /^ProposalRejected: proposal client identity expired$/);
    });

    it("comes from an expired certificate of whomever", async () => {
      const pem = vectorFile("identities", "Org1MSP", "User1.TEST-ONLY.cert.pem");
      const late = vectorPeer("Org1MSP", (Certificate.parse(pem.toString()).notAfterMs + 1000) as UnixMs);
      const creator = encode(msp.SerializedIdentity, { mspid: "ElsewhereMSP", idBytes: pem });
      await assert.rejects(
        late.endorser.process(propose({ creator })),
        /^ProposalRejected: proposal client identity expired$/,
      );
    });
  });

  describe("a proposal that fails", () => {
    it("names an unknown channel or chaincode", async () => {
      assert.equal(await message({ channelId: "nowhere" }), "channel 'nowhere' not found");
      assert.equal(
        await message({ chaincode: "nothing" }),
        "make sure the chaincode nothing has been successfully defined on channel mychannel and try again: chaincode nothing not found",
      );
    });

    it("is refused by the contract: payload, but no endorsement", async () => {
      const response = await process({ args: ["fail", "no barley"] });
      assert.deepEqual([response.response?.status, response.response?.message], [500, "no barley"]);
      assert.equal(response.endorsement, undefined);
      assert((response.payload?.length ?? 0) > 0);
    });

    it("keeps Fabric's texts", async () => {
      const args = ["put", "x", "y"];
      assert.match(
        (await message({ chaincode: "vecinit", args: ["initialise", "x"], isInit: true })) ?? "",
        /^error in simulation: failed to execute transaction [0-9a-f]{64}: invalid invocation: chaincode 'vecinit' is already initialized but called as init$/,
      );
      assert.match(
        (await message({ args, isInit: true })) ?? "",
        /invalid invocation: chaincode 'vectors' does not require initialization but called as init$/,
      );
      assert.match(
        (await message({ args: ["pagePut", "row-", "row-9", "2", "", "out"] })) ?? "",
        /^PUT_STATE failed: transaction ID: ([0-9a-f]{64}): txid \[\1\]: unsuppored transaction\. Transaction has already performed a paginated query\. Writes are not allowed$/,
      );
      assert.match(
        (await message({ args: ["call", "nothing", "[]"] })) ?? "",
        /^INVOKE_CHAINCODE failed: transaction ID: [0-9a-f]{64}: execute failed: invalid invocation: \[channel mychannel\] failed to get chaincode container info for nothing: chaincode nothing not found$/,
      );
      assert.match(
        (await message({ args: ["putPrivate", "nowhere", "k"], transient: { value: fromUtf8("v") } })) ?? "",
        /^PUT_STATE failed: transaction ID: [0-9a-f]{64}: collection mychannel\/vectors\/nowhere could not be found$/,
      );
      assert.match(
        (await message({ args: ["call", "vectors", JSON.stringify(args)] })) ?? "",
        /^INVOKE_CHAINCODE failed: transaction ID: ([0-9a-f]{64}): execute failed: error sending: txid: \1\(mychannel\) exists$/,
      );
    });
  });
});

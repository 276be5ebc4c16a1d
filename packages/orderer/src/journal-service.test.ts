import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { verifySignature } from "@hansa/crypto";
import { isConsistent, verifyBlock, verifyPath } from "@hansa/journal";
import { type Bytes, sha256, unixMs } from "@hansa/primitives";
import { GrpcStatus, type MethodDefinition, RpcClient, RpcStatus } from "@hansa/transport";
import { blockHeaderHash, encode, HeaderType, hansa, services, splitBlock, toNumber } from "@hansa/wire";
import { startOrderer } from "./orderer.js";
import { TestClient, testClock, testNetwork } from "./testing.js";

const { journal } = hansa;
const { orgs, ordererIdentity, genesis } = testNetwork();
const member = orgs[0]!.identity("client");

describe("the journal of an ordering node", () => {
  it("proves every envelope against a signed digest, and each digest to extend the one before", async () => {
    const orderer = await startOrderer({
      identity: ordererIdentity,
      clock: testClock,
      listen: { address: "127.0.0.1:0" },
    });
    await orderer.join(genesis);
    const channelId = "trade";
    const client = new TestClient(orderer.address);
    const rpc = new RpcClient(orderer.address);
    const ask = (method: MethodDefinition, bytes: Bytes, extras = {}, on = channelId, by = member) =>
      rpc.unary(method, client.envelope(by, on, { type: HeaderType.MESSAGE, ...extras }, bytes));
    const { GetDigest, GetInclusionProof, GetConsistencyProof, GetBlockInfo, GetWritten } = services.Journal.methods;
    const read = (signed: hansa.journal.ISignedDigest | null | undefined) => {
      const bytes = signed?.digest as Bytes;
      const signature = signed?.signatures?.[0]?.signature as Bytes;
      assert.ok(verifySignature(ordererIdentity.certificate.publicKey, bytes, signature));
      return journal.Digest.decode(bytes);
    };
    const first = read(journal.SignedDigest.decode(await ask(GetDigest, encode(journal.GetDigestRequest, {}))));
    assert.equal(first.channelId, "trade");
    assert.equal(first.format, "hansa.journal.digest/1");

    for (let i = 0; i < 5; i++) {
      await client.broadcast([client.envelope(member, channelId), client.envelope(member, channelId)]);
    }
    const { blocks } = await client.deliver(member, channelId, { oldest: {} }, { newest: {} });
    for (const [sequenceNo, bytes] of blocks.entries()) {
      const { header, envelopes } = splitBlock(bytes);
      const infoRequest = encode(journal.GetBlockInfoRequest, { sequenceNo });
      const info = journal.JournalBlock.decode(await ask(GetBlockInfo, infoRequest));
      const binding = journal.BlockBinding.decode(info.binding);
      assert.deepEqual(Buffer.from(binding.headerHash), Buffer.from(blockHeaderHash(header)));
      verifyBlock({
        binding: info.binding,
        entryHashes: info.entryHashes,
        entriesHash: info.entriesHash,
        previousBlockHash: info.previousBlockHash,
        blockHash: info.blockHash,
        address: { strandId: info.address?.strandId ?? "", sequenceNo: toNumber(info.address?.sequenceNo) },
        timestampMs: unixMs(toNumber(info.timestampMs)),
      });
      for (const [i, envelope] of envelopes.entries()) {
        const request = encode(journal.GetInclusionProofRequest, { sequenceNo, entryIndex: i + 1 });
        const proof = journal.InclusionProof.decode(await ask(GetInclusionProof, request));
        assert.deepEqual(Buffer.from(proof.leaf), Buffer.from(sha256(envelope)));
        assert.ok(verifyPath(sha256(envelope), proof.path, read(proof.digest).hash));
      }
      const whole = encode(journal.GetInclusionProofRequest, { sequenceNo });
      const proof = journal.InclusionProof.decode(await ask(GetInclusionProof, whole));
      assert.ok(verifyPath(info.blockHash, proof.path, read(proof.digest).hash));

      const consistency = encode(journal.GetConsistencyProofRequest, { earlierTipSequenceNo: sequenceNo });
      const link = journal.ConsistencyProof.decode(await ask(GetConsistencyProof, consistency));
      const [earlier, later] = [read(link.earlier), read(link.later)];
      const size = (digest: hansa.journal.IDigest) => toNumber(digest.tip?.sequenceNo) + 1;
      assert.ok(
        isConsistent({ size: size(earlier), root: earlier.hash }, { size: size(later), root: later.hash }, link.path),
      );
      if (sequenceNo === 0) assert.deepEqual(Buffer.from(earlier.hash), Buffer.from(first.hash));
    }

    const written = async (strandId: string, firstSequenceNo: number) => {
      const request = encode(journal.GetWrittenRequest, { strandId, firstSequenceNo });
      return journal.WrittenBlocks.decode(await ask(GetWritten, request));
    };
    const all = await written("", 7);
    assert.equal(all.strandId, first.tip?.strandId);
    assert.deepEqual(
      all.blocks.slice(1).map((block) => (block.written ?? []).map(({ mspId, bytes }) => [mspId, toNumber(bytes)])),
      blocks
        .slice(1)
        .map((bytes) => [[member.mspId, splitBlock(bytes).envelopes.reduce((sum, { length }) => sum + length, 0)]]),
    );
    assert.equal(all.blocks.length, blocks.length, "from the first on, as that is no number of this strand");
    const rest = await written(all.strandId, blocks.length - 1);
    assert.deepEqual([toNumber(rest.firstSequenceNo), rest.blocks.length], [blocks.length - 1, 1]);
    assert.deepEqual((await written(all.strandId, blocks.length)).blocks, []);

    const fails = (code: number, method: MethodDefinition, bytes: Bytes) =>
      assert.rejects(ask(method, bytes), (error) => error instanceof RpcStatus && error.code === code);
    const newest = encode(journal.GetDigestRequest, {});
    const refuses = (code: number, ...asked: Parameters<typeof ask>) =>
      assert.rejects(ask(...asked), (error) => error instanceof RpcStatus && error.code === code);
    await refuses(GrpcStatus.NOT_FOUND, GetDigest, newest, {}, "nowhere");
    await refuses(GrpcStatus.PERMISSION_DENIED, GetDigest, newest, { spoil: true });
    await refuses(
      GrpcStatus.PERMISSION_DENIED,
      GetDigest,
      newest,
      {},
      channelId,
      testNetwork().orgs[0]!.identity("client"),
    );
    await refuses(GrpcStatus.INVALID_ARGUMENT, GetDigest, newest, { timestampMs: testClock.now() - 3_600_000 });
    await refuses(GrpcStatus.INVALID_ARGUMENT, GetDigest, newest, { type: HeaderType.ENDORSER_TRANSACTION });
    await assert.rejects(rpc.unary(GetDigest, newest), (error) => error instanceof RpcStatus);
    await fails(GrpcStatus.NOT_FOUND, GetBlockInfo, encode(journal.GetBlockInfoRequest, { sequenceNo: 99 }));
    await fails(GrpcStatus.INVALID_ARGUMENT, GetDigest, Buffer.from([255]));
    const old = encode(journal.GetInclusionProofRequest, { sequenceNo: 3, tipSequenceNo: 2 });
    await fails(GrpcStatus.INVALID_ARGUMENT, GetInclusionProof, old);
    rpc.close();
    client.close();
    await orderer.stop();
  });
});

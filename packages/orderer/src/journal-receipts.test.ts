import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { openExport, receiptFile, signatureParts, verifyExport, writeExport } from "@hansa/journal";
import { readDigest, verifyReceipt } from "@hansa/journal/verify";
import { type Bytes, NO_BYTES, unixMs } from "@hansa/primitives";
import { exportTarget, importStrand } from "@hansa/storage";
import { GrpcStatus, type MethodDefinition, RpcClient, RpcStatus } from "@hansa/transport";
import { encode, HeaderType, hansa, Status, services, signedEnvelope, toNumber, transactionId } from "@hansa/wire";
import { startOrderer } from "./orderer.js";
import { TestClient, testClock, testNetwork } from "./testing.js";

const { journal } = hansa;
const { GetDigest, GetReceipt, GetInclusionProof, GetConsistencyProof, StreamBlocks } = services.Journal.methods;
const { orgs, ordererOrg, ordererIdentity, genesis } = testNetwork();
const member = orgs[0]!.identity("client");
const channelId = "trade";
const roots = [ordererOrg.caPem, ...orgs.map(({ caPem }) => caPem)];
const root = mkdtempSync(path.join(tmpdir(), "hansa-receipts-"));
after(() => rmSync(root, { recursive: true, force: true }));

function transaction(data: Bytes): Bytes {
  const nonce = randomBytes(24);
  return signedEnvelope({
    type: HeaderType.ENDORSER_TRANSACTION,
    channelId,
    txId: transactionId(nonce, member.serialized),
    creator: member.serialized,
    nonce,
    timestampMs: testClock.now(),
    data,
    sign: (payload) => member.sign(payload),
  });
}

async function started(dataFolder: string) {
  const listen = { address: "127.0.0.1:0" };
  const orderer = await startOrderer({ identity: ordererIdentity, clock: testClock, listen, dataFolder });
  const client = new TestClient(orderer.address);
  const rpc = new RpcClient(orderer.address);
  const asked = (bytes: Bytes) => client.envelope(member, channelId, { type: HeaderType.MESSAGE }, bytes);
  const ask = (method: MethodDefinition, bytes: Bytes) => rpc.unary(method, asked(bytes));
  return {
    orderer,
    client,
    ask,
    stream: (bytes: Bytes) => rpc.serverStream(StreamBlocks, asked(bytes)),
    receipt: async (sequenceNo: number, entryIndex: number, tipSequenceNo?: number) => {
      const request = encode(journal.GetReceiptRequest, {
        sequenceNo,
        entryIndex,
        ...(tipSequenceNo && { tipSequenceNo }),
      });
      return receiptFile(journal.Receipt.decode(await ask(GetReceipt, request)));
    },
    stop: async () => {
      rpc.close();
      client.close();
      await orderer.stop();
    },
  };
}

async function* records(node: Awaited<ReturnType<typeof started>>, last: number) {
  const { incoming } = node.stream(encode(journal.StreamBlocksRequest, { lastSequenceNo: last }));
  for await (const bytes of incoming) {
    const { block, content } = journal.JournalRecord.decode(bytes);
    const { address, timestampMs, ...rest } = journal.JournalBlock.decode(encode(journal.JournalBlock, block ?? {}));
    const { binding, entryHashes, entriesHash, previousBlockHash, blockHash } = rest;
    const hashes = { binding, entryHashes, entriesHash, previousBlockHash: previousBlockHash ?? NO_BYTES, blockHash };
    const place = { strandId: address?.strandId ?? "", sequenceNo: toNumber(address?.sequenceNo) };
    yield { block: { address: place, timestampMs: unixMs(toNumber(timestampMs)), ...hashes }, content };
  }
}

describe("receipts and exports of an ordering node", () => {
  it("verify offline, and after the journal went through an export into a fresh node", async () => {
    const first = await started(path.join(root, "first"));
    await first.orderer.join(genesis);
    for (let i = 0; i < 4; i++) {
      await first.client.broadcast([1, 2, 3].map((n) => transaction(Buffer.of(i, n))));
    }
    const signed = journal.SignedDigest.decode(await first.ask(GetDigest, encode(journal.GetDigestRequest, {})));
    const digest = readDigest(signed.digest);
    const old: string[] = [];
    for (let block = 1; block <= digest.tip; block++) {
      const text = await first.receipt(block, 1, digest.tip);
      const verdict = verifyReceipt(text, roots);
      assert.ok(verdict.valid, JSON.stringify(verdict));
      assert.match(verdict.proved.join(), /client\.BreweryMSP, certified by ca\.BreweryMSP, signed and sent it/);
      old.push(text);
    }
    const config = await first.receipt(0, 1, digest.tip);
    const verdict = verifyReceipt(config, roots);
    assert.ok(verdict.valid, JSON.stringify(verdict));
    assert.equal(verdict.tip, digest.tip);

    const refuses = async (code: number, method: MethodDefinition, bytes: Bytes) =>
      assert.rejects(first.ask(method, bytes), (error) => error instanceof RpcStatus && error.code === code);
    const receiptRequest = (sequenceNo: number, entryIndex: number) =>
      encode(journal.GetReceiptRequest, { sequenceNo, entryIndex });
    await refuses(GrpcStatus.NOT_FOUND, GetReceipt, receiptRequest(0, 0));
    await refuses(GrpcStatus.NOT_FOUND, GetReceipt, receiptRequest(0, 2));
    await refuses(GrpcStatus.NOT_FOUND, GetReceipt, receiptRequest(99, 1));
    await refuses(GrpcStatus.INVALID_ARGUMENT, GetReceipt, Buffer.from([255]));
    const backwards = { earlierTipSequenceNo: 2, laterTipSequenceNo: 1 };
    await refuses(
      GrpcStatus.INVALID_ARGUMENT,
      GetConsistencyProof,
      encode(journal.GetConsistencyProofRequest, backwards),
    );
    const whole = encode(journal.GetInclusionProofRequest, { sequenceNo: 1 });
    const proof = journal.InclusionProof.decode(await first.ask(GetInclusionProof, whole));
    assert.equal(proof.log?.entriesRoot?.length, 32);
    const beyond = first.stream(encode(journal.StreamBlocksRequest, { lastSequenceNo: 99 }));
    await assert.rejects(async () => {
      for await (const _ of beyond.incoming) assert.fail("a block came");
    }, /none numbered 99/);

    const target = exportTarget("export", root);
    await writeExport({
      records: records(first, digest.tip),
      digest: signed.digest,
      signatures: signatureParts(signed.signatures),
      ...{ intermediateCertificates: [], exportId: "A".repeat(22), format: "ION_TEXT", ledgerName: "test" },
      ...{ store: target.store, prefix: target.prefix, bucket: target.bucket },
    });
    await first.stop();
    assert.ok((await verifyExport(target, roots)).valid);

    const fresh = path.join(root, "fresh");
    const imported = await importStrand(path.join(fresh, "journal"), await openExport(target, roots));
    assert.equal(imported.blocks, digest.tip + 1);
    const second = await started(fresh);
    assert.deepEqual(
      second.orderer.channels().filter((each) => each.channelId === channelId),
      [{ channelId, height: digest.tip + 1 }],
    );
    const same = encode(journal.GetDigestRequest, { tipSequenceNo: digest.tip });
    const again = journal.SignedDigest.decode(await second.ask(GetDigest, same));
    assert.deepEqual(Buffer.from(again.digest), Buffer.from(signed.digest));
    assert.ok(verifyReceipt(config, roots).valid);
    const { blocks } = await second.client.deliver(member, channelId, { oldest: {} }, { newest: {} });
    assert.equal(blocks.length, digest.tip + 1);
    const [answer] = await second.client.broadcast([second.client.envelope(member, channelId)]);
    assert.equal(answer?.status, Status.SUCCESS);
    assert.ok(verifyReceipt(await second.receipt(0, 1), roots).valid);
    for (const text of old) assert.ok(verifyReceipt(text, roots).valid);
    await second.stop();
  });

  it("are right or refused, whichever byte of the block turned on the disk", async () => {
    const folder = path.join(root, "damaged");
    const node = await started(folder);
    await node.orderer.join(genesis);
    await node.client.broadcast([1, 2, 3].map((n) => transaction(Buffer.alloc(50, n))));
    const right = await node.receipt(1, 1, 1);
    assert.ok(verifyReceipt(right, roots).valid);
    const { transaction: txId } = JSON.parse(right);
    const journalFolder = path.join(folder, "journal");
    const strand = readdirSync(journalFolder).find((name) => existsSync(path.join(journalFolder, name, "blocks")))!;
    const fd = openSync(path.join(journalFolder, strand, "blocks"), "r+");
    const offset = Buffer.alloc(16);
    const offsets = openSync(path.join(journalFolder, strand, "offsets"), "r");
    readSync(offsets, offset, 0, 16, 16);
    closeSync(offsets);
    const [start, length] = [offset.readUIntBE(0, 6), offset.readUInt32BE(6)];
    const outcomes = { right: 0, refused: 0 };
    const byte = Buffer.alloc(1);
    for (let at = start; at < start + length; at += 11) {
      readSync(fd, byte, 0, 1, at);
      writeSync(fd, Buffer.of(byte[0]! ^ 0x10), 0, 1, at);
      try {
        const text = await node.receipt(1, 1, 1);
        assert.ok(verifyReceipt(text, roots).valid, `byte ${at - start}`);
        assert.equal(JSON.parse(text).transaction, txId);
        outcomes.right++;
      } catch (error) {
        assert.ok(error instanceof RpcStatus, String(error));
        assert.equal(error.code, GrpcStatus.DATA_LOSS, error.message);
        assert.match(error.message, /block 1: .*byte \d+/);
        outcomes.refused++;
      }
      writeSync(fd, byte, 0, 1, at);
    }
    closeSync(fd);
    // What other transactions say does not matter to this one's proof.
    assert.ok(outcomes.right > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
    assert.ok(verifyReceipt(await node.receipt(1, 1, 1), roots).valid);
    await node.stop();
  });
});

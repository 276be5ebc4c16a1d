/**
 * The orderer's journal, checked by a stranger: messages read from proto/hansa/journal.proto at run time, blocks from a
 * peer through the official SDK, and QLDB's hash rules written down a second time. Nothing of Hansa's own code verifies.
 */
import assert from "node:assert/strict";
import { createHash, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { type Network, startNetwork } from "@hansa/network";
import { common, msp } from "@hyperledger/fabric-protos";
import protobuf from "protobufjs";
import { identityOf } from "../faults/forge.js";
import { journalRequest } from "../support/journal-request.js";
import { repositoryRoot } from "../support/paths.js";

const CHANNEL = "ledger";
const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Signed bytes, last byte first, the smaller hash first. */
function dot(a: Buffer, b: Buffer): Buffer {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
  for (let i = 31; i >= 0; i--) {
    const difference = a.readInt8(i) - b.readInt8(i);
    if (difference !== 0) return difference < 0 ? sha256(a, b) : sha256(b, a);
  }
  return sha256(a, b);
}

function root(leaves: readonly Buffer[]): Buffer {
  if (leaves.length <= 1) return leaves[0] ?? Buffer.alloc(0);
  const above: Buffer[] = [];
  for (let i = 0; i < leaves.length; i += 2)
    above.push(leaves[i + 1] === undefined ? leaves[i]! : dot(leaves[i]!, leaves[i + 1]!));
  return root(above);
}

/** RFC 9162's tree: leaves after a 0 byte, nodes after a 1 byte, split at the largest power of two. */
function logRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length <= 1) return leaves[0] ?? Buffer.alloc(0);
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return sha256(Buffer.of(1), logRoot(leaves.slice(0, half)), logRoot(leaves.slice(half)));
}

function logLeaf(binding: Uint8Array, entries: readonly Buffer[]): Buffer {
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(entries.length));
  return sha256(Buffer.of(0), sha256(binding), count, logRoot(entries.map((entry) => sha256(Buffer.of(0), entry))));
}

/** Fabric's header hash: SHA-256 of SEQUENCE { INTEGER number, OCTET STRING previous, OCTET STRING data }. */
function headerHash(header: common.BlockHeader): Buffer {
  const tlv = (tag: number, value: Uint8Array) => Buffer.concat([Buffer.from([tag, value.length]), value]);
  const number = header.getNumber();
  assert.ok(number < 128);
  const parts = [
    tlv(2, Buffer.from([number])),
    tlv(4, header.getPreviousHash_asU8()),
    tlv(4, header.getDataHash_asU8()),
  ];
  return sha256(tlv(0x30, Buffer.concat(parts)));
}

describe("the orderer's journal", () => {
  let network: Network;
  let client: Client;
  const types = new protobuf.Root();
  types.resolvePath = (_origin, target) =>
    path.isAbsolute(target) ? target : path.join(repositoryRoot, "proto/fabric", target);
  types.loadSync(path.join(repositoryRoot, "proto/hansa/journal.proto"));
  before(async () => {
    network = await startNetwork({
      network: "journal",
      mode: "inline",
      members: [{ name: "Bank" }],
      channels: [{ name: CHANNEL }],
      contracts: [{ name: "bench", channel: CHANNEL, path: path.join(repositoryRoot, "test/contracts/bench") }],
    });
    const { domain } = network.config.orderer;
    const tlsRoot = readFileSync(
      path.join(network.layout.organization("orderer", domain), "tlsca", `tlsca.${domain}-cert.pem`),
    );
    client = new Client(network.orderer.address, credentials.createSsl(tlsRoot), {
      "grpc.ssl_target_name_override": "localhost",
    });
  });
  after(async () => {
    client?.close();
    await network?.stop();
  });

  // biome-ignore lint/suspicious/noExplicitAny: messages are described at run time only
  function ask(method: string, answer: string, request: object): Promise<any> {
    const [from, to] = [
      types.lookupType(`hansa.journal.${method}Request`),
      types.lookupType(`hansa.journal.${answer}`),
    ];
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/hansa.journal.Journal/${method}`,
        (message: object) => {
          const bytes = from.encode(from.fromObject(message)).finish();
          return Buffer.from(journalRequest(identityOf(network.member("Bank"), "User1"), CHANNEL, bytes));
        },
        (bytes) => to.toObject(to.decode(bytes), { longs: Number, defaults: true }),
        request,
        (error, value) => (error === null ? resolve(value) : reject(error)),
      );
    });
  }

  async function blocks(): Promise<common.Block[]> {
    const qscc = network.member("Bank").gateway().getNetwork(CHANNEL).getContract("qscc");
    const info = common.BlockchainInfo.deserializeBinary(await qscc.evaluateTransaction("GetChainInfo", CHANNEL));
    return Promise.all(
      Array.from({ length: info.getHeight() }, async (_, number) =>
        common.Block.deserializeBinary(await qscc.evaluateTransaction("GetBlockByNumber", CHANNEL, String(number))),
      ),
    );
  }

  it("says of every channel block what a stranger computes from the block itself", async () => {
    const contract = network.member("Bank").gateway().getNetwork(CHANNEL).getContract("bench");
    for (let round = 0; round < 3; round++)
      await Promise.all(
        Array.from({ length: 6 }, (_, i) => contract.submitTransaction("create", `${round}.${i}`, "v")),
      );
    const chain = await blocks();
    const blockHashes: Buffer[] = [];
    const logLeaves: Buffer[] = [];
    for (const [number, block] of chain.entries()) {
      const told = await ask("GetBlockInfo", "JournalBlock", { sequenceNo: number });
      const envelopes = block.getData()!.getDataList_asU8();
      const entries = [sha256(told.binding), ...envelopes.map((envelope) => sha256(envelope))];
      assert.deepEqual(told.entryHashes.map(Buffer.from), entries, `entries of block ${number}`);
      const entriesHash = root(entries);
      assert.deepEqual(Buffer.from(told.entriesHash), entriesHash);
      const blockHash = dot(entriesHash, blockHashes.at(-1) ?? Buffer.alloc(0));
      assert.deepEqual(Buffer.from(told.blockHash), blockHash);
      blockHashes.push(blockHash);
      logLeaves.push(logLeaf(told.binding, entries));
      const binding = types.lookupType("hansa.journal.BlockBinding");
      const bound = binding.toObject(binding.decode(told.binding), { longs: Number, defaults: true });
      assert.deepEqual(Buffer.from(bound.headerHash), headerHash(block.getHeader()!));
      assert.equal(bound.channelId, CHANNEL);
      assert.equal(bound.address.sequenceNo, number);
    }

    const signed = await ask("GetDigest", "SignedDigest", { tipSequenceNo: chain.length - 1 });
    const digest = types.lookupType("hansa.journal.Digest");
    const { hash, format, logRoot: signedLogRoot } = digest.toObject(digest.decode(signed.digest));
    assert.equal(format, "hansa.journal.digest/1");
    assert.deepEqual(Buffer.from(hash), root(blockHashes));
    assert.deepEqual(Buffer.from(signedLogRoot), logRoot(logLeaves));
    const [{ identity, signature }] = signed.signatures;
    const signer = msp.SerializedIdentity.deserializeBinary(identity);
    assert.equal(signer.getMspid(), "OrdererMSP");
    const { publicKey } = new X509Certificate(Buffer.from(signer.getIdBytes_asU8()));
    assert.ok(verify("sha256", signed.digest, publicKey, signature));

    const newest = chain.at(-1)!;
    for (const [index, envelope] of newest.getData()!.getDataList_asU8().entries()) {
      const proof = await ask("GetInclusionProof", "InclusionProof", {
        sequenceNo: chain.length - 1,
        entryIndex: index + 1,
        tipSequenceNo: chain.length - 1,
      });
      const items: Uint8Array[] = proof.path ?? [];
      const folded = items.reduce<Buffer>((at, item) => dot(at, Buffer.from(item)), sha256(envelope));
      assert.deepEqual(folded, Buffer.from(hash), `envelope ${index}`);
    }
  });
});

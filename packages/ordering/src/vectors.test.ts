/** Blocks of a real ordering service: what we build and sign is what it built and signed. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ChannelConfig } from "@hansa/channel-config";
import { privateKeyFromPem } from "@hansa/crypto";
import { createSigningIdentity } from "@hansa/msp";
import { type BlockParts, blockDataHash, blockHeaderHash, common, joinBlock, METADATA, splitBlock } from "@hansa/wire";
import { lastConfigNumber, sealBlock, verifyBlockSignatures } from "./block-assembly.js";

const folder = join(process.env.HANSA_VECTORS ?? join(import.meta.dirname, "../../../../shared/vectors"), "fabric-2.5");
const skip = existsSync(folder) ? false : "no vectors: set HANSA_VECTORS to the folder that holds fabric-2.5";
const read = (name: string) => readFileSync(join(folder, name));
const config = (sequence: number) => ChannelConfig.load("mychannel", read(`messages/config-${sequence}.pb`));

type Expected = { blocks: { number: number; headerHash: string; dataHash: string; lastConfig: number }[] };

describe("blocks of a recorded ordering service", { skip }, () => {
  const ordererBlocks: [number, number][] = [
    [1, 0],
    [145, 5],
  ];

  for (const [number, sequence] of ordererBlocks) {
    it(`has the signatures of block ${number} accepted, and no changed block`, () => {
      const block = splitBlock(read(`messages/orderer-block-${number}.pb`));
      assert.deepEqual(verifyBlockSignatures(block, config(sequence)), { ok: true });
      const changed = { ...block, header: { ...block.header, number: block.header.number + 1n } };
      assert.equal(verifyBlockSignatures(changed, config(sequence)).ok, false);
    });

    it(`makes block ${number} again, but for nonce and signature`, () => {
      const bytes = read(`messages/orderer-block-${number}.pb`);
      const block = splitBlock(bytes);
      const { number: n, previousHash, dataHash } = block.header;
      const orderer = createSigningIdentity(
        "OrdererMSP",
        read("identities/OrdererMSP/orderer.TEST-ONLY.cert.pem").toString(),
        privateKeyFromPem(read("identities/OrdererMSP/orderer.TEST-ONLY.key.pem").toString()),
      );
      const draft = {
        number: n,
        previousHash,
        dataHash,
        headerHash: blockHeaderHash(block.header),
        envelopes: block.envelopes,
        tickets: [],
        lastConfigNumber: lastConfigNumber(block),
        config: config(sequence),
      };
      const nonce = common.SignatureHeader.decode(signatureOf(block).signatureHeader as Uint8Array).nonce;
      const ours = sealBlock(draft, orderer, nonce);
      assert.deepEqual(verifyBlockSignatures(splitBlock(ours), config(sequence)), { ok: true });
      assert.deepEqual(unsigned(splitBlock(ours)), unsigned(block));
      assert.deepEqual(Buffer.from(joinBlock(block)), bytes);
    });
  }

  it("hashes every header and all data of the channel, and finds the last configuration", () => {
    const expected = JSON.parse(read("expected.json").toString()) as Expected;
    for (const { number, headerHash, dataHash, lastConfig } of expected.blocks) {
      const block = splitBlock(read(`${number}.block`));
      assert.equal(Buffer.from(blockHeaderHash(block.header)).toString("hex"), headerHash);
      assert.equal(Buffer.from(blockDataHash(block.envelopes)).toString("hex"), dataHash);
      assert.equal(Number(lastConfigNumber(block)), lastConfig);
    }
  });
});

function signatureOf(block: BlockParts): common.IMetadataSignature {
  const { signatures } = common.Metadata.decode(block.metadata[METADATA.SIGNATURES] as Uint8Array);
  return signatures[0] as common.IMetadataSignature;
}

/** The block with its signature blanked, which no two signings share. */
function unsigned(block: BlockParts): unknown {
  const signed = common.Metadata.decode(block.metadata[METADATA.SIGNATURES] as Uint8Array);
  for (const signature of signed.signatures) signature.signature = Buffer.alloc(0);
  const metadata = block.metadata.map((slot, i) =>
    i === METADATA.SIGNATURES ? common.Metadata.encode(signed).finish() : slot,
  );
  return Buffer.from(joinBlock({ ...block, metadata })).toString("hex");
}

/**
 * Checks a channel from outside: every peer has the same blocks and the same results, what was acknowledged is there
 * exactly once, and the orderer's journal, computed anew from its entries, leads to the digest that it signs.
 */
import assert from "node:assert/strict";
import { completedNodes, emptyTip, type JournalBlock, NodeList, tipAfter, treeRoot, verifyBlock } from "@hansa/journal";
import type { SigningIdentity } from "@hansa/msp";
import { equalBytes, sha256, toHex, type UnixMs } from "@hansa/primitives";
import type { MethodDefinition, RpcClient } from "@hansa/transport";
import {
  blockHeaderHash,
  decode,
  encode,
  FieldScanner,
  hansa,
  METADATA,
  orderer,
  readEnvelope,
  services,
  splitBlock,
  TxValidationCode,
  toNumber,
} from "@hansa/wire";
import { journalRequest } from "../support/journal-request.js";
import { seekEnvelope } from "./forge.js";

export type Acknowledged = { readonly txId: string; readonly blockNumber: number };

type Block = ReturnType<typeof splitBlock>;

/** Blocks of a channel from a number on, as a peer or the orderer delivers them; none when there is no such block yet. */
export async function readBlocks(
  rpc: RpcClient,
  kind: "peer" | "orderer",
  identity: SigningIdentity,
  channelId: string,
  from = 0,
): Promise<Block[]> {
  const method = kind === "peer" ? services.Deliver.methods.Deliver : services.AtomicBroadcast.methods.Deliver;
  const data = encode(orderer.SeekInfo, {
    start: { specified: { number: from } },
    stop: { specified: { number: Number.MAX_SAFE_INTEGER } },
    behavior: orderer.SeekInfo.SeekBehavior.FAIL_IF_NOT_READY,
  });
  const call = rpc.bidi(method, { timeoutMs: 60_000 });
  const blocks: Block[] = [];
  try {
    await call.send(seekEnvelope({ identity, channelId, data }));
    for await (const response of call.incoming) {
      const block = fieldOf(response, 2);
      if (block === undefined) break;
      blocks.push(splitBlock(Buffer.from(block)));
    }
  } finally {
    call.close();
  }
  return blocks;
}

function fieldOf(message: Uint8Array, number: number): Uint8Array | undefined {
  const scanner = new FieldScanner(message, "protos.DeliverResponse");
  while (scanner.next()) if (scanner.number === number && scanner.wireType === 2) return scanner.bytes;
  return undefined;
}

/** @throws AssertionError saying what does not hold */
export function checkPeers(peers: ReadonlyMap<string, Block[]>, acknowledged: readonly Acknowledged[]): void {
  const [[firstName, first] = assert.fail("there are no peers"), ...others] = [...peers];
  for (const [name, blocks] of others) {
    assert.equal(blocks.length, first.length, `${name} and ${firstName} have different heights`);
    for (const [number, block] of blocks.entries()) {
      assert.equal(hashOf(block), hashOf(first[number]!), `${name} and ${firstName} differ in block ${number}`);
      assert.deepEqual(
        block.metadata[METADATA.COMMIT_HASH],
        first[number]!.metadata[METADATA.COMMIT_HASH],
        `${name} and ${firstName} differ in the commit hash of block ${number}`,
      );
    }
  }
  for (const [name, blocks] of peers) {
    const found = new Map<string, { blockNumber: number; code: number }[]>();
    for (const [blockNumber, block] of blocks.entries()) {
      if (blockNumber > 0)
        assert(
          equalBytes(block.header.previousHash, blockHeaderHash(blocks[blockNumber - 1]!.header)),
          `chain of ${name}`,
        );
      for (const [index, envelope] of block.envelopes.entries()) {
        const { txId } = readEnvelope(envelope).channelHeader;
        const code = block.metadata[METADATA.TRANSACTIONS_FILTER]?.[index] ?? TxValidationCode.VALID;
        found.set(txId, [...(found.get(txId) ?? []), { blockNumber, code }]);
      }
    }
    for (const { txId, blockNumber } of acknowledged) {
      const valid = (found.get(txId) ?? []).filter(({ code }) => code === TxValidationCode.VALID);
      assert.deepEqual(valid, [{ blockNumber, code: TxValidationCode.VALID }], `transaction ${txId} on ${name}`);
    }
  }
}

function hashOf({ header }: Block): string {
  return toHex(blockHeaderHash(header));
}

/** Recomputes the whole journal of a channel. @returns how many blocks it has */
export async function checkJournal(
  rpc: RpcClient,
  identity: SigningIdentity,
  channelId: string,
  ordered: readonly Block[],
): Promise<number> {
  const { GetDigest, GetBlockInfo } = services.Journal.methods;
  const ask = (method: MethodDefinition, data: Uint8Array) =>
    rpc.unary(method, journalRequest(identity, channelId, data));
  const tree = new NodeList();
  let tip: ReturnType<typeof emptyTip> | undefined;
  for (const [sequenceNo, block] of ordered.entries()) {
    const bytes = await ask(GetBlockInfo, encode(hansa.journal.GetBlockInfoRequest, { sequenceNo }));
    const journalBlock = journalBlockOf(bytes);
    tip ??= emptyTip(journalBlock.address.strandId);
    verifyBlock(journalBlock, tip);
    const binding = decode(hansa.journal.BlockBinding, journalBlock.binding, "binding");
    assert(
      equalBytes(binding.headerHash, blockHeaderHash(block.header)),
      `journal block ${sequenceNo} binds its header`,
    );
    assert.deepEqual(
      journalBlock.entryHashes.slice(1).map(toHex),
      block.envelopes.map((envelope) => toHex(sha256(envelope))),
      `entries of journal block ${sequenceNo}`,
    );
    tree.append(completedNodes(sequenceNo, journalBlock.blockHash, tree.read));
    tip = tipAfter(journalBlock);
  }
  const tipSequenceNo = ordered.length - 1;
  const signed = decode(
    hansa.journal.SignedDigest,
    await ask(GetDigest, encode(hansa.journal.GetDigestRequest, { tipSequenceNo })),
    "hansa.journal.SignedDigest",
  );
  const digest = decode(hansa.journal.Digest, signed.digest, "hansa.journal.Digest");
  assert.equal(toHex(digest.hash), toHex(treeRoot(ordered.length, tree.read)), "the digest is the root of the journal");
  return ordered.length;
}

export function journalBlockOf(bytes: Uint8Array): JournalBlock {
  const message = decode(hansa.journal.JournalBlock, bytes, "hansa.journal.JournalBlock");
  return {
    binding: message.binding,
    entryHashes: message.entryHashes,
    entriesHash: message.entriesHash,
    previousBlockHash: message.previousBlockHash,
    blockHash: message.blockHash,
    address: { strandId: message.address!.strandId!, sequenceNo: toNumber(message.address!.sequenceNo ?? 0) },
    timestampMs: toNumber(message.timestampMs) as UnixMs,
  };
}

/**
 * Follows a channel on every node and checks each new block where it stands: equal everywhere, chained to what was
 * checked before, every acknowledged transaction there exactly once. Of the orderer's journal it recomputes both trees
 * and holds it to every digest that it has ever signed.
 */
import assert from "node:assert/strict";
import { Certificate, verifySignature } from "@hansa/crypto";
import {
  digestBytes,
  dot,
  emptyTip,
  isConsistent,
  joinLog,
  logLeaf,
  RunningRoot,
  type StrandTip,
  tipAfter,
  verifyBlock,
} from "@hansa/journal";
import { decodeSerializedIdentity, type SigningIdentity } from "@hansa/msp";
import { equalBytes, toHex } from "@hansa/primitives";
import type { MethodDefinition, RpcClient } from "@hansa/transport";
import {
  blockHeaderHash,
  decode,
  encode,
  hansa,
  METADATA,
  readEnvelope,
  services,
  TxValidationCode,
  toNumber,
} from "@hansa/wire";
import { journalRequest } from "../support/journal-request.js";
import { until } from "../support/until.js";
import { type Acknowledged, journalBlockOf, readBlocks } from "./ledger-check.js";

type Place = { readonly block: number; readonly code: number };

type Followed = {
  height: number;
  readonly hashes: string[];
  readonly commitHashes: string[];
  readonly places: Map<string, Place[]>;
};

/** How to reach the nodes as they are now: they come back on the same ports, the connections may be new. */
export type Reach = {
  readonly orderer: RpcClient;
  readonly peers: ReadonlyMap<string, RpcClient>;
};

const newFollowed = (): Followed => ({ height: 0, hashes: [], commitHashes: [], places: new Map() });

export class ChannelWatch {
  readonly #channelId: string;
  readonly #identity: SigningIdentity;
  readonly #followed = new Map<string, Followed>();
  readonly #roots = [new RunningRoot(dot), new RunningRoot(joinLog)] as const;
  #tip: StrandTip | undefined;
  #digest: { tip: number; bytes: Uint8Array } | undefined;
  #checked = 0;
  /** Digests that were asked for again, and consistency proofs that held. */
  consistent = 0;
  /** Digests that peers of a majority had signed. */
  witnessed = 0;

  constructor(channelId: string, identity: SigningIdentity) {
    this.#channelId = channelId;
    this.#identity = identity;
  }

  /** Checks what is new. @param acknowledged all so far, oldest first @throws AssertionError saying what does not hold */
  async check({ orderer, peers }: Reach, acknowledged: readonly Acknowledged[]): Promise<{ blocks: number }> {
    const due = acknowledged.slice(this.#checked);
    const needed = Math.max(0, ...due.map(({ blockNumber }) => blockNumber + 1));
    await this.#follow("orderer", orderer, "orderer", needed);
    const reference = this.#of("orderer");
    for (const [name, rpc] of peers) await this.#follow(name, rpc, "peer", reference.height);
    const [first] = peers.keys();
    for (const name of peers.keys()) {
      const { hashes, commitHashes, places } = this.#of(name);
      for (let number = 0; number < reference.height; number++) {
        assert.equal(hashes[number], reference.hashes[number], `${name} and the orderer differ in block ${number}`);
        const expected = this.#of(first!).commitHashes[number];
        assert.equal(commitHashes[number], expected, `commit hash of block ${number} on ${name}`);
      }
      for (const { txId, blockNumber } of due) {
        const valid = (places.get(txId) ?? []).filter(({ code }) => code === TxValidationCode.VALID);
        assert.deepEqual(valid, [{ block: blockNumber, code: TxValidationCode.VALID }], `${txId} on ${name}`);
      }
    }
    this.#checked = acknowledged.length;
    await this.#checkJournal(orderer, reference);
    return { blocks: reference.height };
  }

  #of(name: string): Followed {
    const known = this.#followed.get(name) ?? newFollowed();
    this.#followed.set(name, known);
    return known;
  }

  async #follow(name: string, rpc: RpcClient, kind: "orderer" | "peer", height: number): Promise<void> {
    const followed = this.#of(name);
    await until(`${name} to have ${height} blocks`, async () => {
      const blocks = await readBlocks(rpc, kind, this.#identity, this.#channelId, followed.height).catch(() => []);
      for (const block of blocks) {
        const number = followed.height;
        assert.equal(block.header.number, BigInt(number), `${name} delivers block ${number}`);
        if (number > 0) {
          const previous = toHex(block.header.previousHash);
          assert.equal(previous, followed.hashes[number - 1], `block ${number} on ${name} follows another one`);
        }
        followed.hashes.push(toHex(blockHeaderHash(block.header)));
        followed.commitHashes.push(toHex(block.metadata[METADATA.COMMIT_HASH] ?? new Uint8Array(0)));
        for (const [index, envelope] of block.envelopes.entries()) {
          const { txId } = readEnvelope(envelope).channelHeader;
          const code = block.metadata[METADATA.TRANSACTIONS_FILTER]?.[index] ?? TxValidationCode.VALID;
          followed.places.set(txId, [...(followed.places.get(txId) ?? []), { block: number, code }]);
        }
        followed.height++;
      }
      return followed.height >= height ? true : undefined;
    });
  }

  async #checkJournal(orderer: RpcClient, { height, hashes }: Followed): Promise<void> {
    const { GetDigest, GetBlockInfo, GetConsistencyProof } = services.Journal.methods;
    const ask = (method: MethodDefinition, data: Uint8Array) =>
      orderer.unary(method, journalRequest(this.#identity, this.#channelId, data), { timeoutMs: 20_000 });
    const [root, logRoot] = this.#roots;
    for (let sequenceNo = this.#tip?.size ?? 0; sequenceNo < height; sequenceNo++) {
      const request = encode(hansa.journal.GetBlockInfoRequest, { sequenceNo });
      const block = journalBlockOf(await ask(GetBlockInfo, request));
      this.#tip ??= emptyTip(block.address.strandId);
      verifyBlock(block, this.#tip);
      const binding = decode(hansa.journal.BlockBinding, block.binding, "binding");
      assert.equal(toHex(binding.headerHash), hashes[sequenceNo], `journal block ${sequenceNo} binds its header`);
      root.append(block.blockHash);
      logRoot.append(logLeaf(block));
      this.#tip = tipAfter(block);
    }
    const tip = height - 1;
    const readSigned = (signed: hansa.journal.ISignedDigest | null | undefined) => {
      const bytes = signed?.digest ?? new Uint8Array(0);
      const [own] = signed?.signatures ?? [];
      const { idBytes } = decodeSerializedIdentity(own?.identity ?? new Uint8Array(0));
      const { publicKey } = Certificate.parse(Buffer.from(idBytes).toString("utf8"));
      assert(verifySignature(publicKey, bytes, own?.signature ?? new Uint8Array(0)), "the digest is signed");
      return { bytes, signatures: signed?.signatures?.length ?? 0, digest: hansa.journal.Digest.decode(bytes) };
    };
    const expected = digestBytes(
      {
        hash: root.value,
        logRoot: logRoot.value,
        tip: { strandId: this.#tip!.strandId, sequenceNo: tip },
        tipTimestampMs: this.#tip!.lastTimestampMs,
      },
      this.#channelId,
    );
    const newest = readSigned(
      decode(
        hansa.journal.SignedDigest,
        await ask(GetDigest, encode(hansa.journal.GetDigestRequest, { tipSequenceNo: tip, waitMs: 2_000 })),
        "hansa.journal.SignedDigest",
      ),
    );
    assert(equalBytes(newest.bytes, expected), `the digest of blocks 0 to ${tip} is the journal's`);
    if (newest.signatures > 2) this.witnessed++;
    const before = this.#digest;
    if (before !== undefined && before.tip < tip) {
      const request = { earlierTipSequenceNo: before.tip, laterTipSequenceNo: tip };
      const bytes = await ask(GetConsistencyProof, encode(hansa.journal.GetConsistencyProofRequest, request));
      const proof = decode(hansa.journal.ConsistencyProof, bytes, "hansa.journal.ConsistencyProof");
      const [earlier, later] = [readSigned(proof.earlier), readSigned(proof.later)];
      assert(equalBytes(earlier.bytes, before.bytes), `the digest of blocks 0 to ${before.tip} is what it was before`);
      assert(equalBytes(later.bytes, expected), "the proof leads to the newest digest");
      const at = (digest: hansa.journal.IDigest, of: "hash" | "logRoot") => ({
        size: toNumber(digest.tip?.sequenceNo) + 1,
        root: digest[of] ?? new Uint8Array(0),
      });
      const holds =
        isConsistent(at(earlier.digest, "hash"), at(later.digest, "hash"), proof.path) &&
        isConsistent(at(earlier.digest, "logRoot"), at(later.digest, "logRoot"), proof.logPath, joinLog);
      assert(holds, `digest ${tip} extends digest ${before.tip}`);
      this.consistent++;
    }
    this.#digest = { tip, bytes: expected };
  }
}

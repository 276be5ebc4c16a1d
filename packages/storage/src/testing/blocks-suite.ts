/** What every BlockStore must do; run on each implementation. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { BlockStore, StoredBlock } from "@hansa/ledger";
import { concatBytes, sha256, sha256Hex } from "@hansa/primitives";
import { blockChunks, blockDataHash, blockHeaderHash, signedEnvelope } from "@hansa/wire";

export type BlockHarness = {
  open(): Promise<BlockStore>;
  readonly isDurable: boolean;
};

export const txIdOf = (number: number, txIndex: number) => sampleEnvelope(number, txIndex).txId;

function sampleEnvelope(number: number, txIndex: number) {
  const nonce = sha256(Buffer.from(`nonce ${number} ${txIndex}`));
  const creator = Buffer.from("creator");
  const txId = sha256Hex(concatBytes(nonce, creator));
  const data = Buffer.alloc(100 + 10 * txIndex, `data ${number} `);
  const sign = () => Buffer.from("signature");
  return {
    txId,
    envelope: signedEnvelope({ type: 3, channelId: "c", txId, creator, nonce, timestampMs: 0, data, sign }),
  };
}

/** A block of `count` transactions, the last of which is invalid. */
export function sampleBlock(number: number, count = 3): StoredBlock {
  const made = Array.from({ length: count }, (_, txIndex) => sampleEnvelope(number, txIndex));
  const envelopes = made.map(({ envelope }) => envelope);
  const codes = Buffer.from(made.map((_, txIndex) => (txIndex === count - 1 ? 11 : 0)));
  const header = {
    number: BigInt(number),
    previousHash: sha256(Buffer.from(`block ${number - 1}`)),
    dataHash: blockDataHash(envelopes),
  };
  const none = new Uint8Array(0);
  return {
    number,
    headerHash: blockHeaderHash(header),
    pieces: blockChunks({ header, envelopes, metadata: [none, none, codes, none, none] }),
    transactions: made.map(({ txId }, txIndex) => ({ txId, code: codes[txIndex] ?? 0 })),
  };
}

export async function assertHolds(store: BlockStore, height: number, count = 3): Promise<void> {
  assert.equal(store.height(), height);
  for (let number = 0; number < height; number++) {
    const block = sampleBlock(number, count);
    assert.deepEqual(Buffer.from((await store.read(number)) ?? []), Buffer.concat(block.pieces), `block ${number}`);
    assert.equal(store.findByHash(block.headerHash), number);
    for (const [txIndex, { txId, code }] of block.transactions.entries()) {
      assert.deepEqual(store.find(txId), { blockNumber: number, txIndex, code });
    }
  }
}

export function blockSuite({ open, isDurable }: BlockHarness): void {
  it("is empty at first", async () => {
    const store = await open();
    assert.equal(store.height(), 0);
    assert.equal(await store.read(0), undefined);
    assert.equal(store.find("00"), undefined);
    assert.equal(store.findByHash(Buffer.alloc(32)), undefined);
    await store.close();
  });

  it("gives back blocks by number and hash, and transactions by id", async () => {
    const store = await open();
    for (let number = 0; number < 20; number++) await store.append(sampleBlock(number));
    await assertHolds(store, 20);
    await store.close();
  });

  it("takes several blocks without waiting, in order", async () => {
    const store = await open();
    await Promise.all(Array.from({ length: 30 }, (_, number) => store.append(sampleBlock(number, 1))));
    await assertHolds(store, 30, 1);
    await store.close();
  });

  it("refuses a block that is not the next one", async () => {
    const store = await open();
    await store.append(sampleBlock(0));
    await assert.rejects(store.append(sampleBlock(0)), { code: "BLOCK_OUT_OF_ORDER" });
    await assert.rejects(store.append(sampleBlock(2)), { code: "BLOCK_OUT_OF_ORDER" });
    await store.append(sampleBlock(1));
    await assertHolds(store, 2);
    await store.close();
  });

  it("finds the first of several transactions with one id, and none with an empty one", async () => {
    const store = await open();
    const shared = (number: number, code: number): StoredBlock => ({
      ...sampleBlock(number),
      transactions: [
        { txId: "odd id ü", code },
        { txId: "", code: 0 },
        { txId: txIdOf(0, 0), code },
      ],
    });
    await store.append(shared(0, 10));
    await store.append(shared(1, 9));
    assert.deepEqual(store.find("odd id ü"), { blockNumber: 0, txIndex: 0, code: 10 });
    assert.deepEqual(store.find(txIdOf(0, 0)), { blockNumber: 0, txIndex: 2, code: 10 });
    assert.equal(store.find(""), undefined);
    await store.close();
  });

  it("finds every one of many transactions", async () => {
    const store = await open();
    for (let number = 0; number < 12; number++) await store.append(sampleBlock(number, 200));
    await assertHolds(store, 12, 200);
    await store.close();
  });

  it("has all of it when it is opened again", { skip: isDurable ? false : "keeps nothing" }, async () => {
    const store = await open();
    for (let number = 0; number < 5; number++) await store.append(sampleBlock(number));
    await store.close();
    const again = await open();
    await assertHolds(again, 5);
    await again.append(sampleBlock(5));
    await assertHolds(again, 6);
    await again.close();
  });
}

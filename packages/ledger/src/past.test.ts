import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blockDataHash, common, encode, HeaderType, joinBlock, METADATA, protos, TxValidationCode } from "@hansa/wire";
import fc from "fast-check";
import { prepareBlock } from "./mvcc.js";
import { Past, type PastLimits } from "./past.js";
import { readTransaction } from "./read-transaction.js";
import { RwSetBuilder } from "./rwset-builder.js";
import { MapState } from "./testing/map-state.js";
import { sameVersion } from "./version.js";

type Act = { key: string; kind: "write" | "delete" | "metadata" | "no metadata" };
type Transaction = { acts: Act[]; isValid: boolean };

function envelopeOf({ acts }: Transaction, txId: string): Uint8Array {
  const builder = new RwSetBuilder();
  for (const { key, kind } of acts) {
    if (kind === "write") builder.write("goods", key, Buffer.from(txId));
    else if (kind === "delete") builder.write("goods", key, Buffer.alloc(0));
    else builder.metadataWrite("goods", key, new Map(kind === "metadata" ? [["POLICY", Buffer.from(txId)]] : []));
  }
  const results = builder.encode().publicBytes;
  const extension = encode(protos.ChaincodeAction, { results, response: { status: 200 } });
  const proposalResponsePayload = encode(protos.ProposalResponsePayload, { extension });
  const payload = encode(protos.ChaincodeActionPayload, { action: { proposalResponsePayload, endorsements: [] } });
  const channelHeader = encode(common.ChannelHeader, { type: HeaderType.ENDORSER_TRANSACTION, txId });
  const signatureHeader = encode(common.SignatureHeader, { nonce: Buffer.from(txId) });
  const data = encode(protos.Transaction, { actions: [{ payload }] });
  const inner = encode(common.Payload, { header: { channelHeader, signatureHeader }, data });
  return encode(common.Envelope, { payload: inner });
}

/** A chain of these blocks, and the state after each: what the blocks are read back against. */
async function chainOf(blocks: readonly Transaction[][], limits: Partial<PastLimits> = {}) {
  const stored: Uint8Array[] = [];
  const states: MapState[] = [];
  const state = new MapState();
  for (const [number, transactions] of blocks.entries()) {
    const envelopes = transactions.map((transaction, index) => envelopeOf(transaction, `${number}/${index}`));
    const codes = Buffer.from(
      transactions.map(({ isValid }) => (isValid ? TxValidationCode.VALID : TxValidationCode.BAD_RWSET)),
    );
    const read = envelopes.map((envelope, index) => readTransaction(envelope, codes[index] ?? 0));
    const { batch } = await prepareBlock(number, read, state, false);
    state.apply(batch);
    const copy = new MapState();
    for (const { key, ...entry } of await state.range("goods", "", "").next(100)) {
      copy.apply({ updates: new Map([["goods", new Map([[key, entry]])]]) } as never);
    }
    states.push(copy);
    const metadata: Uint8Array[] = [];
    metadata[METADATA.TRANSACTIONS_FILTER] = codes;
    const header = { number: BigInt(number), previousHash: Buffer.alloc(32), dataHash: blockDataHash(envelopes) };
    stored.push(joinBlock({ header, envelopes, metadata: Array.from(metadata, (each) => each ?? Buffer.alloc(0)) }));
  }
  return { past: new Past({ read: async (number) => stored[number] }, limits), states };
}

const key = fc.constantFrom("a", "b", "c");
const kind = fc.constantFrom("write", "write", "delete", "metadata", "no metadata") as fc.Arbitrary<Act["kind"]>;
const transaction = fc.record({
  acts: fc.uniqueArray(fc.record({ key, kind }), { maxLength: 3, selector: (act) => act.key }),
  isValid: fc.boolean(),
});
const blocks = fc.array(fc.array(transaction, { maxLength: 3 }), { minLength: 1, maxLength: 8 });

const write = (name: string): Transaction => ({ acts: [{ key: name, kind: "write" }], isValid: true });

describe("the past, read back from blocks", () => {
  it("holds the versions and the metadata that the state held", async () => {
    await fc.assert(
      fc.asyncProperty(blocks, async (chain) => {
        const { past, states } = await chainOf(chain);
        for (const [number, state] of states.entries()) {
          const before = { blockNumber: number + 1, txIndex: 0 };
          for (const name of ["a", "b", "c"]) {
            const there = state.get("goods", name);
            const last = await past.lastChange("goods", name, before, -1);
            const isThere = last.kind === "found" && last.change.kind !== "delete";
            // Metadata of a key that never was is all that the blocks show of it.
            if (there === undefined && isThere) assert.equal(last.change.kind, "metadata");
            else assert.ok(sameVersion(there?.version, isThere ? last.change.version : undefined));
            if (there === undefined) continue;
            const metadata = await past.lastMetadata("goods", name, before, -1);
            const entries = metadata.kind === "found" ? (metadata.change.metadata ?? []) : [];
            assert.equal(entries.length > 0, there.metadata !== undefined);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it("tells the changes before a transaction of the same block, and not its own", async () => {
    const { past } = await chainOf([[write("a")], [write("a"), write("a"), write("b")]]);
    const at = async (txIndex: number) => {
      const last = await past.lastChange("goods", "a", { blockNumber: 1, txIndex }, -1);
      return last.kind === "found" ? last.change.txId : last.kind;
    };
    assert.deepEqual([await at(0), await at(1), await at(2)], ["0/0", "1/0", "1/1"]);
  });

  it("tells the newest change of each key of a range", async () => {
    const { past } = await chainOf([[write("a"), write("b"), write("c")], [write("b")], [write("c")]]);
    const before = { blockNumber: 2, txIndex: 0 };
    const changed = async (startKey: string, endKey: string, withEnd: boolean, after: number) =>
      (await past.changesInRange("goods", { startKey, endKey, withEnd }, before, after)).changes.map(
        ([name, { txId }]) => [name, txId].join(" "),
      );
    assert.deepEqual(await changed("", "", false, -1), ["a 0/0", "b 1/0", "c 0/2"]);
    assert.deepEqual(await changed("b", "c", false, -1), ["b 1/0"]);
    assert.deepEqual(await changed("b", "c", true, -1), ["b 1/0", "c 0/2"]);
    assert.deepEqual(await changed("", "", false, 0), ["b 1/0"]);
  });

  it("says that it does not know what is further back than it looks, or gone", async () => {
    const chain = [[write("a")], ...Array.from({ length: 9 }, () => [write("b")])];
    const before = { blockNumber: 10, txIndex: 0 };
    const bounded = (await chainOf(chain, { maxBlocks: 5 })).past;
    assert.deepEqual(await bounded.lastChange("goods", "a", before, -1), { kind: "unknown" });
    assert.equal(
      (await bounded.changesInRange("goods", { startKey: "", endKey: "", withEnd: false }, before, -1)).complete,
      false,
    );
    const whole = (await chainOf(chain)).past;
    assert.equal((await whole.lastChange("goods", "a", before, -1)).kind, "found");
    assert.deepEqual(await whole.lastChange("goods", "a", before, 0), { kind: "none" });
    const gone = new Past({ read: async () => undefined });
    assert.deepEqual(await gone.lastChange("goods", "a", before, -1), { kind: "unknown" });
  });
});

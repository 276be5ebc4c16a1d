import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { prepareBlock, type ValidatedTransaction } from "./mvcc.js";
import { parseTxRwSet } from "./rwset.js";
import { TxSimulator } from "./simulator.js";
import type { StateReader } from "./state.js";
import { MapState } from "./testing/map-state.js";

const VALID = 0;
const MVCC = 11;
const PHANTOM = 12;
const bytes = (text: string) => Buffer.from(text);

/** A transaction that was simulated on this state. */
async function simulated(
  state: StateReader,
  act: (simulator: TxSimulator) => void | Promise<void>,
): Promise<ValidatedTransaction> {
  const simulator = new TxSimulator(state, "tx");
  await act(simulator);
  return { txId: "tx", type: 3, code: VALID, rwset: parseTxRwSet(simulator.results().publicBytes) };
}

async function exhaust(simulator: TxSimulator, startKey: string, endKey: string): Promise<void> {
  const iterator = simulator.getStateRange("goods", startKey, endKey);
  while ((await iterator.next()) !== undefined);
}

describe("conflicts", () => {
  let state: MapState;
  beforeEach(() => {
    state = new MapState();
    for (const key of ["a", "b", "c"]) state.put("goods", key, key, 1);
  });

  const update = (key: string) =>
    simulated(state, (simulator) => {
      simulator.getState("goods", key);
      simulator.setState("goods", key, bytes("new"));
    });
  const codes = async (...transactions: ValidatedTransaction[]) => [
    ...(await prepareBlock(2, transactions, state, true)).codes,
  ];

  it("let the first of several updates of a key through", async () => {
    assert.deepEqual(await codes(await update("a"), await update("a"), await update("b")), [VALID, MVCC, VALID]);
  });

  it("do not arise with a transaction that is invalid itself", async () => {
    const refused = { ...(await update("a")), code: 10 };
    assert.deepEqual(await codes(refused, await update("a")), [10, VALID]);
  });

  it("are found when a key changed, came or went since", async () => {
    const [a, missing] = [await update("a"), await update("missing")];
    const gone = await update("b");
    state.put("goods", "a", "other", 2);
    state.put("goods", "missing", "here", 2);
    state.apply(
      (await prepareBlock(2, [await simulated(state, (s) => s.deleteState("goods", "b"))], state, true)).batch,
    );
    assert.deepEqual(await codes(a, missing, gone), [MVCC, MVCC, MVCC]);
  });

  it("are found when a key appears in a range or disappears from it, in the state or in the block", async () => {
    const range = () => simulated(state, (simulator) => exhaust(simulator, "a", "c"));
    const before = await range();
    const insert = await simulated(state, (simulator) => simulator.setState("goods", "aa", bytes("x")));
    const remove = await simulated(state, (simulator) => simulator.deleteState("goods", "b"));
    const outside = await simulated(state, (simulator) => simulator.setState("goods", "c", bytes("x")));
    assert.deepEqual(await codes(before), [VALID]);
    assert.deepEqual(await codes(outside, before), [VALID, VALID]);
    assert.deepEqual(await codes(insert, before), [VALID, PHANTOM]);
    assert.deepEqual(await codes(remove, before), [VALID, PHANTOM]);
    state.put("goods", "ab", "x", 2);
    assert.deepEqual(await codes(before), [PHANTOM]);
  });

  it("are not found behind where a range was left", async () => {
    const left = await simulated(state, async (simulator) => {
      await simulator.getStateRange("goods", "a", "").next();
    });
    const behind = await simulated(state, (simulator) => simulator.setState("goods", "aa", bytes("x")));
    const at = await simulated(state, (simulator) => simulator.setState("goods", "a", bytes("x")));
    assert.deepEqual(await codes(behind, left), [VALID, VALID]);
    assert.deepEqual(await codes(at, left), [VALID, PHANTOM]);
  });

  it("are found in condensed ranges of any size", async () => {
    for (const count of [50, 51, 52, 101, 2_551, 2_602]) {
      const many = new MapState();
      for (let i = 0; i < count; i++) many.put("goods", `k${i + 10_000}`, "x", 1);
      const range = await simulated(many, (simulator) => exhaust(simulator, "", ""));
      const check = async () => (await prepareBlock(2, [range], many, true)).codes[0];
      assert.equal(await check(), VALID, `${count}`);
      const touched = `k${10_000 + Math.floor(count / 2)}`;
      many.put("goods", touched, "x", 2);
      assert.equal(await check(), PHANTOM, `${count}`);
      many.put("goods", touched, "x", 1);
      many.put("goods", "z", "x", 1);
      assert.equal(await check(), PHANTOM, `${count}`);
    }
  });

  it("never let two transactions through that did not happen one after the other", async () => {
    const key = fc.constantFrom("a", "b", "c", "d");
    const operation = fc.record({ read: fc.array(key, { maxLength: 2 }), write: fc.array(key, { maxLength: 2 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 6 }), async (operations) => {
        const transactions = await Promise.all(
          operations.map(({ read, write }) =>
            simulated(state, (simulator) => {
              for (const name of read) simulator.getState("goods", name);
              for (const name of write) simulator.setState("goods", name, bytes("x"));
            }),
          ),
        );
        const written = new Set<string>();
        const expected = operations.map(({ read, write }) => {
          if (read.some((name) => written.has(name))) return MVCC;
          for (const name of write) written.add(name);
          return VALID;
        });
        assert.deepEqual(await codes(...transactions), expected);
      }),
    );
  });
});

describe("metadata of a key", () => {
  const policy = new Map([["VALIDATION_PARAMETER", bytes("policy")]]);
  const run = async (state: MapState, ...acts: ((simulator: TxSimulator) => void)[]) => {
    const transactions = await Promise.all(acts.map((act) => simulated(state, act)));
    const { codes, batch } = await prepareBlock(2, transactions, state, true);
    assert.ok(codes.every((code) => code === VALID));
    state.apply(batch);
    return state.get("goods", "k");
  };
  const put = (simulator: TxSimulator) => simulator.setState("goods", "k", bytes("v2"));
  const guard = (simulator: TxSimulator) => simulator.setStateMetadata("goods", "k", policy);
  const unguard = (simulator: TxSimulator) => simulator.setStateMetadata("goods", "k", new Map());
  const remove = (simulator: TxSimulator) => simulator.deleteState("goods", "k");

  it("stays when the value is written, and the value when the metadata is", async () => {
    const state = new MapState();
    state.put("goods", "k", "v1", 1);
    const guarded = await run(state, guard);
    assert.equal(guarded?.value.toString(), "v1");
    assert.deepEqual(guarded?.version, { blockNumber: 2, txIndex: 0 });
    const written = await run(state, put);
    assert.equal(written?.value.toString(), "v2");
    assert.deepEqual(written?.metadata, guarded?.metadata);
    assert.equal((await run(state, unguard))?.metadata, undefined);
  });

  it("goes with the key, and is not given to one that is not there", async () => {
    const state = new MapState();
    assert.equal(await run(state, guard), undefined);
    assert.ok((await run(state, put, guard))?.metadata !== undefined);
    assert.equal(await run(state, remove), undefined);
    assert.equal((await run(state, put))?.metadata, undefined);
    assert.equal(await run(state, remove, guard), undefined);
  });
});

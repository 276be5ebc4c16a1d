import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { hashedNamespace, hashKey, privateNamespace } from "./keys.js";
import { serializeMetadata, VALIDATION_PARAMETER } from "./metadata.js";
import { type NamespaceRwSet, parseTxRwSet } from "./rwset.js";
import { TxSimulator } from "./simulator.js";
import { MapState } from "./testing/map-state.js";

const bytes = (text: string) => Buffer.from(text);

function resultsOf(simulator: TxSimulator): NamespaceRwSet {
  const [set] = parseTxRwSet(simulator.results().publicBytes).namespaces;
  assert.ok(set !== undefined);
  return set;
}

describe("a simulation", () => {
  let state: MapState;
  let simulator: TxSimulator;

  beforeEach(() => {
    state = new MapState();
    for (const key of ["a", "b", "c", "d"]) state.put("goods", key, `value of ${key}`, 7);
    simulator = new TxSimulator(state, "tx1", (namespace) => (namespace === "goods" ? new Set(["prices"]) : undefined));
  });

  it("does not read its own writes", () => {
    simulator.setState("goods", "a", bytes("new"));
    assert.equal(simulator.getState("goods", "a")?.toString(), "value of a");
    simulator.setState("goods", "z", bytes("new"));
    assert.equal(simulator.getState("goods", "z"), undefined);
  });

  it("records each read once with its version, and each written key with its last value", () => {
    simulator.getState("goods", "b");
    simulator.getState("goods", "b");
    simulator.getState("goods", "nothing");
    simulator.setState("goods", "y", bytes("1"));
    simulator.setState("goods", "y", bytes("2"));
    simulator.deleteState("goods", "x");
    const { reads, writes } = resultsOf(simulator);
    assert.deepEqual(reads, [
      { key: "b", version: { blockNumber: 7, txIndex: 0 } },
      { key: "nothing", version: undefined },
    ]);
    assert.deepEqual(
      writes.map(({ key, isDelete, value }) => [key, isDelete, Buffer.from(value).toString()]),
      [
        ["x", true, ""],
        ["y", false, "2"],
      ],
    );
  });

  it("records a range as far as it was read", async () => {
    const whole = simulator.getStateRange("goods", "a", "d");
    while ((await whole.next()) !== undefined);
    const part = simulator.getStateRange("goods", "b", "");
    await part.next();
    simulator.getStateRange("goods", "c", "");
    const { rangeQueries } = resultsOf(simulator);
    assert.deepEqual(
      rangeQueries.map(({ startKey, endKey, itrExhausted, rawReads }) => [
        startKey,
        endKey,
        itrExhausted,
        rawReads.map(({ key }) => key).join(""),
      ]),
      [
        ["a", "d", true, "abc"],
        ["b", "b", false, "b"],
        ["c", "", false, ""],
      ],
    );
  });

  it("condenses more than fifty results of a range", async () => {
    for (let i = 0; i < 51; i++) state.put("many", `k${i + 100}`, "x");
    const iterator = simulator.getStateRange("many", "", "");
    while ((await iterator.next()) !== undefined);
    const [query] = resultsOf(simulator).rangeQueries;
    assert.deepEqual(query?.rawReads, []);
    assert.deepEqual(
      [query?.merkle?.maxDegree, query?.merkle?.maxLevel, query?.merkle?.maxLevelHashes.length],
      [50, 1, 1],
    );
  });

  it("serves pages with a bookmark, and is read-only from then on", async () => {
    const page = simulator.getStateRangePage("goods", "", "", 2);
    assert.equal((await page.next())?.key, "a");
    assert.equal((await page.next())?.key, "b");
    assert.equal(await page.next(), undefined);
    assert.equal(await page.bookmark(), "c");
    assert.throws(() => simulator.setState("goods", "a", bytes("x")), {
      message:
        "txid [tx1]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed",
    });
  });

  it("takes a page size that is not positive for no limit", async () => {
    for (const size of [0, -1]) {
      const page = simulator.getStateRangePage("goods", "a", "c", size);
      assert.deepEqual([(await page.next())?.key, (await page.next())?.key, await page.next()], ["a", "b", undefined]);
    }
  });

  it("refuses pages after a write", () => {
    simulator.setState("goods", "a", bytes("x"));
    assert.throws(() => simulator.getStateRangePage("goods", "", "", 2), {
      message: "txid [tx1]: unsuppored transaction. Paginated queries are supported only in a read-only transaction",
    });
  });

  it("refuses queries on private data beside writes, either way round", () => {
    simulator.getPrivateDataRange("goods", "prices", "", "");
    assert.throws(() => simulator.setPrivateData("goods", "prices", "a", bytes("x")), {
      message:
        "txid [tx1]: unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed",
    });
    const other = new TxSimulator(state, "tx2");
    other.setState("goods", "a", bytes("x"));
    assert.throws(() => other.getPrivateDataRange("goods", "prices", "", ""), {
      message: "txid [tx2]: unsuppored transaction. Queries on pvt data is supported only in a read-only transaction",
    });
  });

  it("names unknown collections as Fabric does", () => {
    assert.throws(() => simulator.setPrivateData("goods", "secrets", "a", bytes("x")), {
      message: "collection [secrets] not defined in the collection config for chaincode [goods]",
    });
    assert.throws(() => simulator.setPrivateData("other", "prices", "a", bytes("x")), {
      message:
        "collection config not defined for chaincode [other], pass the collection configuration upon chaincode definition/instantiation",
    });
  });

  it("reads private data whose public hash has the same version, and says so when it has not", () => {
    state.put(privateNamespace("goods", "prices"), "p", "12", 3);
    state.put(hashedNamespace("goods", "prices"), hashKey("p"), "hash", 3);
    assert.equal(simulator.getPrivateData("goods", "prices", "p")?.toString(), "12");
    assert.equal(simulator.getPrivateData("goods", "prices", "none"), undefined);
    state.put(hashedNamespace("goods", "prices"), hashKey("p"), "hash", 4);
    assert.throws(() => simulator.getPrivateData("goods", "prices", "p"), {
      message:
        "private data matching public hash version is not available. " +
        "Public hash version = {BlockNum: 4, TxNum: 0}, Private data version = {BlockNum: 3, TxNum: 0}",
    });
    state.put(hashedNamespace("goods", "prices"), hashKey("q"), "hash", 4);
    assert.throws(() => simulator.getPrivateData("goods", "prices", "q"), /Private data version = <nil>/);
  });

  it("puts private writes aside and their hashes into the results", () => {
    simulator.setPrivateData("goods", "prices", "p", bytes("12"));
    simulator.deletePrivateData("goods", "prices", "q");
    simulator.purgePrivateData("goods", "prices", "r");
    const { publicBytes, privateSet } = simulator.results();
    const [collection] = parseTxRwSet(publicBytes).namespaces[0]?.collections ?? [];
    assert.equal(collection?.privateHash.length, 32);
    const byKey = new Map(collection?.writes.map((write) => [write.key, write]));
    assert.deepEqual([byKey.get(hashKey("q"))?.isDelete, byKey.get(hashKey("q"))?.isPurge], [true, false]);
    assert.deepEqual([byKey.get(hashKey("r"))?.isDelete, byKey.get(hashKey("r"))?.isPurge], [true, true]);
    assert.equal(privateSet?.nsPvtRwset?.[0]?.collectionPvtRwset?.[0]?.collectionName, "prices");
  });

  it("tells which private data it read, and the keys it writes with their policies", () => {
    const metadata = serializeMetadata([{ name: VALIDATION_PARAMETER, value: bytes("policy") }]);
    state.put("goods", "guarded", "x", 5, metadata);
    simulator.getPrivateData("goods", "prices", "none");
    simulator.setState("goods", "guarded", bytes("y"));
    simulator.setState("goods", "a", bytes("y"));
    const { privateReads, writtenMetadata } = simulator.results();
    assert.deepEqual([...(privateReads.get("goods") ?? [])], ["prices"]);
    assert.deepEqual(
      writtenMetadata.map(({ key, metadata: found }) => [
        key,
        Buffer.from(found.get(VALIDATION_PARAMETER) ?? []).toString(),
      ]),
      [
        ["guarded", "policy"],
        ["a", ""],
      ],
    );
  });

  it("is over when it is done", () => {
    simulator.done();
    assert.throws(() => simulator.getState("goods", "a"), {
      message: "this instance should not be used after calling Done()",
    });
    simulator.results();
    assert.throws(() => simulator.results(), {
      message: "this function should only be called once on a transaction simulator instance",
    });
  });
});

/** Rich queries of a contract that ships indexes, through the client library. */
import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Network, startNetwork } from "@hansa/network";
import type { Contract, GatewayError } from "@hyperledger/fabric-gateway";
import { temporaryFolder } from "../support/folder.js";
import { repositoryRoot } from "../support/paths.js";
import { until } from "../support/until.js";

const CHANNEL = "cellar";

const warehouse = path.join(repositoryRoot, "test/contracts/warehouse");
const definition = {
  name: "warehouse",
  channel: CHANNEL,
  path: warehouse,
  endorsement: "any",
  collections: path.join(warehouse, "collections.json"),
};

type Found = readonly (readonly [key: string, value: string])[];

describe("rich queries", () => {
  let network: Network;
  let contract: Contract;
  before(async () => {
    network = await startNetwork({
      network: "rich-queries",
      mode: "inline",
      members: [{ name: "Harbour" }, { name: "Town" }],
      channels: [{ name: CHANNEL }],
      contracts: [definition],
    });
    contract = network.member("Harbour").gateway().getNetwork(CHANNEL).getContract("warehouse");
    for (let cask = 0; cask < 12; cask++)
      await contract.submitTransaction(
        "store",
        `cask${String(cask).padStart(2, "0")}`,
        `owner${cask % 3}`,
        String(cask),
      );
  });
  after(() => network?.stop());

  const ask = async <T>(method: string, ...args: string[]): Promise<T> =>
    JSON.parse(Buffer.from(await contract.evaluateTransaction(method, ...args)).toString()) as T;
  const keys = (found: Found) => found.map(([key]) => key);
  const refusal = async (query: object): Promise<string> => {
    const error = (await ask("find", JSON.stringify(query)).then(
      () => assert.fail("it was not refused"),
      (cause: unknown) => cause,
    )) as GatewayError;
    return JSON.stringify(error.details);
  };

  it("find documents by what is in them", async () => {
    const found = await ask<Found>("find", '{"selector":{"owner":"owner1","litres":{"$gt":3}}}');
    assert.deepEqual(keys(found), ["cask04", "cask07", "cask10"]);
    assert.deepEqual(JSON.parse(found[0]![1]), { owner: "owner1", litres: 4 });
  });

  it("sort in the order of an index, and say so where there is none", async () => {
    const query = { selector: { owner: "owner2" }, sort: [{ owner: "desc" }, { litres: "desc" }], fields: ["litres"] };
    const found = await ask<Found>("find", JSON.stringify(query));
    assert.deepEqual(
      found.map(([, value]) => value),
      ['{"litres":11}', '{"litres":8}', '{"litres":5}', '{"litres":2}'],
    );
    assert.match(
      await refusal({ selector: { owner: "owner2" }, sort: ["colour"] }),
      /Error:no_usable_index, {2}Status Code:400, {2}Reason:No index exists for this sort, try indexing by the sort fields\./,
    );
    assert.match(await refusal({ selector: { owner: { $like: "o" } } }), /Invalid operator: \$like/);
  });

  it("come in pages", async () => {
    const selector = JSON.stringify({ selector: { litres: { $gte: 0 } } });
    const found: string[] = [];
    for (let bookmark = ""; ; ) {
      const page = await ask<{ found: Found; count: number; bookmark: string }>("page", selector, "5", bookmark);
      assert.equal(page.count, page.found.length);
      if (page.count === 0) break;
      found.push(...keys(page.found));
      bookmark = page.bookmark;
    }
    assert.equal(found.length, 12);
    assert.equal(new Set(found).size, 12);
  });

  it("without an index are named in the peer's log, with what they look at", async () => {
    const query = { selector: { $or: [{ colour: "red" }, { weight: { $gt: 3 } }] } };
    assert.deepEqual(await ask<Found>("find", JSON.stringify(query)), []);
    const said = await until("the line", async () =>
      readFileSync(network.layout.log("peer0.harbour"), "utf8")
        .split("\n")
        .find((line) => line.includes("looks at every document") && line.includes("colour, weight")),
    );
    assert.match(said, /WARN|warn/);
  });

  it("may be followed by writes, and what was found counts as read", async () => {
    const merged = await contract.submitTransaction("merge", "owner0", "vat");
    assert.equal(Buffer.from(merged).toString(), "18");
    assert.deepEqual(keys(await ask<Found>("find", '{"selector":{"owner":"owner0"}}')), ["vat"]);
  });

  it("use the indexes of the package that runs, also over documents from before", async () => {
    const { folder, remove } = temporaryFolder();
    try {
      const upgraded = path.join(folder, "warehouse");
      cpSync(warehouse, upgraded, { recursive: true });
      const indexes = path.join(upgraded, "META-INF/statedb/couchdb/indexes");
      for (const name of readdirSync(indexes)) rmSync(path.join(indexes, name));
      writeFileSync(
        path.join(indexes, "litres.json"),
        '{"index":{"fields":["litres"]},"ddoc":"litresDoc","name":"litres"}',
      );
      const sorted = (sort: object[]) => ask<Found>("find", JSON.stringify({ selector: { litres: { $gt: 8 } }, sort }));
      await assert.rejects(sorted([{ litres: "asc" }]));
      await network.deploy({ ...definition, path: upgraded });
      const found = await until("the new index", () => sorted([{ litres: "desc" }]).catch(() => undefined));
      assert.deepEqual(keys(found), ["vat", "cask11", "cask10"]);
      assert.match(await refusal({ selector: { owner: "owner1" }, sort: ["owner", "litres"] }), /no_usable_index/);
    } finally {
      remove();
    }
  });

  it("reach private data, for members of the collection", async () => {
    for (const amount of [30, 10, 20]) {
      const transientData = { price: Buffer.from(JSON.stringify({ amount })) };
      await contract.submit("price", { arguments: [`lot${amount}`], transientData });
    }
    const query = '{"selector":{"amount":{"$gt":10}},"sort":[{"amount":"desc"}]}';
    // The index of a collection is made beside the first transactions.
    const found = await until("the index of the collection", () =>
      ask<Found>("findPrices", query).catch(() => undefined),
    );
    assert.deepEqual(keys(found), ["lot30", "lot20"]);
    const town = network.member("Town").gateway().getNetwork(CHANNEL).getContract("warehouse");
    await assert.rejects(town.evaluate("findPrices", { arguments: [query], endorsingOrganizations: ["TownMSP"] }));
  });
});

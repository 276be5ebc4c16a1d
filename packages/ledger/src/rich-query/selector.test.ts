import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compareJson, encodeSorted, type Json, type JsonObject } from "./json.js";
import { parseRichQuery, project } from "./query.js";
import { matches, parseSelector } from "./selector.js";

const film: JsonObject = {
  title: "Alien",
  year: 1979,
  rating: 8.5,
  genre: ["Horror", "Sci-Fi"],
  cast: [
    { name: "Weaver", lead: true },
    { name: "Holm", lead: false },
  ],
  studio: { name: "Fox", city: null },
  "a.b": 1,
  seen: false,
};

describe("a selector", () => {
  const table: readonly [selector: Json, wanted: boolean][] = [
    [{}, true],
    [{ title: "Alien" }, true],
    [{ title: "alien" }, false],
    [{ title: "Alien", year: 1980 }, false],
    [{ year: { $gt: 1978, $lt: 1980 } }, true],
    [{ year: { $gte: 1979 } }, true],
    [{ year: { $lt: 1979 } }, false],
    [{ year: { $lte: 1979 } }, true],
    [{ year: { $ne: 1979 } }, false],
    [{ missing: { $ne: 1979 } }, false],
    [{ missing: { $exists: false } }, true],
    [{ title: { $exists: false } }, false],
    [{ title: { $exists: true } }, true],
    [{ $not: { title: { $exists: true } } }, false],
    [{ $not: { missing: 1 } }, false],
    [{ $not: { year: 1980 } }, true],
    [{ year: { $not: { $gt: 1980 } } }, true],
    [{ "studio.name": "Fox" }, true],
    [{ studio: { name: "Fox" } }, true],
    [{ "studio.city": null }, true],
    [{ "a\\.b": 1 }, true],
    [{ "a.b": 1 }, false],
    [{ "cast.0.name": "Weaver" }, true],
    [{ year: { $in: [1979, 1986] } }, true],
    [{ genre: { $in: ["Horror"] } }, true],
    [{ genre: { $nin: ["Horror"] } }, false],
    [{ year: { $nin: [1980] } }, true],
    [{ genre: { $all: ["Sci-Fi", "Horror"] } }, true],
    [{ genre: { $all: [["Horror", "Sci-Fi"]] } }, true],
    [{ genre: { $all: ["Comedy"] } }, false],
    [{ genre: { $size: 2 } }, true],
    [{ genre: { $size: 1 } }, false],
    [{ cast: { $elemMatch: { name: "Holm", lead: false } } }, true],
    [{ cast: { $elemMatch: { name: "Holm", lead: true } } }, false],
    [{ genre: { $elemMatch: { $eq: "Horror" } } }, true],
    [{ cast: { $allMatch: { name: { $exists: true } } } }, true],
    [{ cast: { $allMatch: { lead: true } } }, false],
    [{ studio: { $keyMapMatch: { $eq: "city" } } }, true],
    [{ year: { $mod: [10, 9] } }, true],
    [{ rating: { $mod: [2, 0] } }, false],
    [{ title: { $regex: "^Al" } }, true],
    [{ title: { $regex: "^al" } }, false],
    [{ year: { $regex: "1979" } }, false],
    [{ title: { $beginsWith: "Ali" } }, true],
    [{ studio: { $type: "object" } }, true],
    [{ genre: { $type: "array" } }, true],
    [{ "studio.city": { $type: "null" } }, true],
    [{ $and: [{ title: "Alien" }, { year: 1979 }] }, true],
    [{ $or: [{ title: "Aliens" }, { year: 1979 }] }, true],
    [{ $or: [] }, true],
    [{ $nor: [] }, true],
    [{ genre: { $in: [["Horror", "Sci-Fi"]] } }, false],
    [{ genre: { $in: [] } }, false],
    [{ genre: { $all: [] } }, false],
    [{ genre: { $nin: [] } }, true],
    [{ year: { $not: { $in: [1979] } } }, false],
    [{ missing: { $nin: [1979] } }, false],
    [{ cast: { $not: { $elemMatch: { name: "Holm" } } } }, false],
    [{ title: { $or: [{ $eq: "Alien" }, "Aliens"] } }, true],
    [{ year: { $mod: [-10, 9] } }, true],
    [{ $nor: [{ title: "Aliens" }, { year: 1980 }] }, true],
    [{ $nor: [{ title: "Aliens" }, { year: 1979 }] }, false],
    [{ _id: { $gt: "film" } }, true],
    // Values of different kinds have an order too.
    [{ title: { $gt: 5 } }, true],
    [{ seen: { $lt: 0 } }, true],
  ];
  for (const [selector, wanted] of table) {
    it(`${JSON.stringify(selector)} ${wanted ? "takes" : "leaves"} the film`, () => {
      assert.equal(matches(parseSelector(selector), film, "film1"), wanted);
    });
  }

  const refused: readonly [selector: Json, reason: RegExp][] = [
    [{ title: { $near: 1 } }, /Error:invalid_operator, {2}Status Code:400, {2}Reason:Invalid operator: \$near/],
    [{ title: { $in: "Alien" } }, /Bad argument for operator \$in: "Alien"/],
    [{ title: { $regex: "(" } }, /Bad argument for operator \$regex/],
    [{ title: { $size: -1 } }, /Bad argument for operator \$size/],
    [{ year: { $not: 1979 } }, /Bad argument for operator \$not: 1979/],
    [{ title: { $size: "2" } }, /Bad argument for operator \$size/],
    [{ title: { $mod: [0, 1] } }, /Bad argument for operator \$mod/],
    [{ $and: { title: "Alien" } }, /Bad argument for operator \$and/],
    [{ title: { $type: "date" } }, /Bad argument for operator \$type/],
    ["title", /Selector must be a JSON object/],
  ];
  for (const [selector, reason] of refused) {
    it(`${JSON.stringify(selector)} is refused`, () => {
      assert.throws(() => parseSelector(selector), reason);
    });
  }

  it("nests only so deep", () => {
    let selector: Json = { a: 1 };
    for (let level = 0; level < 200; level++) selector = { $not: selector };
    assert.throws(() => parseSelector(selector), /nests too deeply/);
  });

  it("matches expressions in time that grows with the text alone", () => {
    const evil = parseSelector({ title: { $regex: "^(a+)+$" } });
    const startedAt = performance.now();
    assert.equal(matches(evil, { title: `${"a".repeat(5_000)}!` }, "k"), false);
    assert.ok(performance.now() - startedAt < 5_000);
  });
});

describe("the order of values", () => {
  it("is CouchDB's: null, booleans, numbers, texts, lists, objects", () => {
    const ordered: readonly Json[] = [
      null,
      false,
      true,
      -2,
      0,
      1.5,
      "",
      "A",
      "a",
      "b",
      [],
      [1],
      [1, 2],
      [2],
      {},
      { a: 1 },
    ];
    for (const [i, a] of ordered.entries())
      for (const [j, b] of ordered.entries())
        assert.equal(Math.sign(compareJson(a, b)), Math.sign(i - j), `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
  });

  it("is the order of the encoded bytes", () => {
    const value = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
    fc.assert(
      fc.property(value, value, (a, b) => {
        assert.equal(Math.sign(encodeSorted(a).compare(encodeSorted(b))), Math.sign(compareJson(a, b)));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a query", () => {
  it("is read with every part", () => {
    const query = parseRichQuery(
      '{"selector":{"a":1},"sort":[{"b.c":"desc"}],"fields":["a","b.c"],"limit":5,"skip":2,"use_index":["_design/d","i"]}',
    );
    assert.deepEqual(query.sort, [{ name: "b.c", path: ["b", "c"] }]);
    assert.equal(query.descending, true);
    assert.deepEqual([query.limit, query.skip, query.useIndex], [5, 2, ["d", "i"]]);
    assert.deepEqual(project({ a: 1, b: { c: 2, d: 3 }, e: 4 }, query.fields, "k"), { a: 1, b: { c: 2 } });
  });

  const refused: readonly [text: string, reason: RegExp][] = [
    ["{", /invalid UTF-8 JSON/],
    ["[]", /must be a JSON object/],
    ["{}", /Missing required key: selector/],
    ['{"selector":{},"sort":[{"a":"asc"},{"b":"desc"}]}', /only support a single direction/],
    ['{"selector":{},"sort":["a",{"b":"up"}]}', /Invalid sort field/],
    ['{"selector":{},"limit":-1}', /Invalid value for limit/],
    ['{"selector":{},"fields":[1]}', /Fields must be an array of strings/],
  ];
  for (const [text, reason] of refused) {
    it(`${text} is refused`, () => {
      assert.throws(() => parseRichQuery(text), reason);
    });
  }

  it("whose fields are no list is refused in Fabric's own words", () => {
    assert.throws(() => parseRichQuery('{"selector":{},"fields":"owner"}'), {
      message: "fields definition must be an array",
    });
  });

  it("cannot reach into what objects inherit", () => {
    const result = project(JSON.parse('{"__proto__":{"polluted":1}}'), [["__proto__", "polluted"]], "k");
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
    assert.equal(JSON.stringify(result), '{"__proto__":{"polluted":1}}');
  });
});

import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { RwSetBuilder, Version } from "@hansa/ledger";
import { parsePolicy } from "@hansa/msp";
import { common, encode, HeaderType, protos } from "@hansa/wire";
import fc from "fast-check";
import { brewery, CHAINCODE, definition, endorsed, pub, signed, type Wish } from "../validation/testing/endorsed.js";
import type { Finding } from "./explanation.js";
import { SmallChannel } from "./testing/small-channel.js";
import { explanationText } from "./text.js";

const bytes = (text: string) => Buffer.from(text);
const version = (blockNumber: number, txIndex = 0): Version => ({ blockNumber, txIndex });
const onlyBrewery = [brewery.identity("peer")];
const policyBytes = (text: string) => encode(common.SignaturePolicyEnvelope, parsePolicy(text));
const composite = (...parts: string[]) => `\u0000${parts.join("\u0000")}\u0000`;

/** A transaction that read `key` at a version and writes it. */
const update = (key: string, at: Version | undefined, wish: Wish = {}) =>
  endorsed({
    args: ["Move", key, "bar"],
    results: (builder) => {
      builder.read(CHAINCODE, key, at);
      builder.write(CHAINCODE, key, bytes("bar"));
    },
    ...wish,
  });

const put = (key: string, value = "12 casks", wish: Wish = {}) =>
  endorsed({ args: ["Put", key], results: (builder) => builder.write(CHAINCODE, key, bytes(value)), ...wish });

describe("explaining a transaction", () => {
  let channel: SmallChannel;
  beforeEach(() => {
    channel = new SmallChannel();
    channel.state.apply(definition(CHAINCODE));
  });

  const explained = async (code: string, block: number, index: number) => {
    const explanation = await channel.explain(block, index);
    assert.equal(explanation.code, code);
    assert.equal(explanation.isValid, code === "VALID");
    return explanation;
  };
  const only = <K extends Finding["kind"]>(findings: readonly Finding[], kind: K) => {
    assert.deepEqual(
      findings.map((each) => each.kind),
      [kind],
    );
    return findings[0] as Extract<Finding, { kind: K }>;
  };

  describe("that is valid", () => {
    it("says who endorsed it, what it read and wrote, and its event", async () => {
      const results = (builder: RwSetBuilder) => {
        builder.read(CHAINCODE, "a", undefined);
        builder.write(CHAINCODE, composite("cask", "b-1"), bytes('{"litres":3}'));
        builder.write(CHAINCODE, "gone", bytes(""));
      };
      const event = { eventName: "Stored", payload: bytes("b-1") };
      await channel.commit(endorsed({ args: ["Store", "b-1", "3"], results, event }));
      const explanation = await explained("VALID", 1, 0);
      assert.equal(explanation.function, "Store");
      assert.deepEqual(explanation.arguments, ["b-1", "3"]);
      assert.deepEqual(
        explanation.endorsers.map(({ mspId, role }) => `${role} of ${mspId}`),
        ["peer of BreweryMSP", "peer of PubMSP"],
      );
      const [set] = explanation.sets;
      assert.deepEqual(set?.reads, [{ key: '"a"', version: undefined }]);
      assert.deepEqual(
        set?.writes.map(({ key, isDelete, value }) => [key, isDelete, value]),
        [
          ["cask(b-1)", false, '{"litres":3}'],
          ['"gone"', true, undefined],
        ],
      );
      assert.deepEqual(explanation.event, { name: "Stored", bytes: 3, payload: "b-1" });
      const text = explanationText(explanation);
      assert.match(text, /VALID in block 1, transaction 0 of channel trade/);
      assert.match(text, /called goods Store\(b-1, 3\)/);
      assert.match(text, /wrote cask\(b-1\) = \{"litres":3\}/);
    });

    it("cuts a huge one, and says so", async () => {
      const results = (builder: RwSetBuilder) => {
        for (let i = 0; i < 500; i++) builder.write(CHAINCODE, `key${i}${"x".repeat(2_000)}`, bytes("v".repeat(5_000)));
      };
      await channel.commit(endorsed({ args: ["Fill", "y".repeat(100_000)], results }));
      const explanation = await explained("VALID", 1, 0);
      assert.equal(explanation.sets[0]?.writeCount, 500);
      assert.equal(explanation.sets[0]?.writes.length, 20);
      assert.match(explanation.notes.join(), /480 of the keys/);
      assert.ok(JSON.stringify(explanation).length < 20_000);
    });
  });

  describe("that read what another had changed", () => {
    it("names the key, both versions and the earlier transaction of the same block", async () => {
      await channel.commit(put("cask-1"));
      const first = update("cask-1", version(1), {
        creator: pub.identity("client"),
        args: ["Move", "cask-1", "cellar"],
      });
      assert.deepEqual(await channel.commit(put("other"), first, update("cask-1", version(1))), [0, 0, 11]);
      const explanation = await explained("MVCC_READ_CONFLICT", 2, 2);
      const found = only(explanation.findings, "read conflict");
      assert.equal(found.key, "cask-1");
      assert.deepEqual(found.read, { block: 1, index: 0 });
      assert.deepEqual(found.found, { block: 2, index: 1 });
      assert.equal(found.sameBlock, true);
      assert.equal(found.by?.function, "Move");
      assert.deepEqual(found.by?.arguments, ["cask-1", "cellar"]);
      assert.equal(found.by?.creator?.mspId, "PubMSP");
      assert.equal(found.by?.txId, (await channel.explain(2, 1)).txId);
      assert.equal(
        explanation.summary,
        'Key "cask-1" of goods was read as block 1, transaction 0 had left it; block 2, transaction 1 (the same block) had written it by then.',
      );
      assert.match(explanationText(explanation), /client\.PubMSP \(client of PubMSP\): goods Move\(cask-1, cellar\)/);
      assert.match(explanationText(explanation), /Submit it again/);
    });

    it("finds the one that wrote it last before, however many come after", async () => {
      await channel.commit(put(composite("cask", "1")));
      await channel.commit(put(composite("cask", "1"), "second"));
      await channel.commit(put("another"));
      assert.deepEqual(await channel.commit(update(composite("cask", "1"), version(1))), [11]);
      for (let i = 0; i < 5; i++) await channel.commit(put(composite("cask", "1"), `later ${i}`));
      const found = only((await explained("MVCC_READ_CONFLICT", 4, 0)).findings, "read conflict");
      assert.deepEqual(found.parts, ["cask", "1"]);
      assert.deepEqual(
        [found.read, found.found, found.sameBlock],
        [{ block: 1, index: 0 }, { block: 2, index: 0 }, false],
      );
      assert.equal(found.by?.block, 2);
    });

    it("tells a key that came, one that went, and one whose policy changed", async () => {
      await channel.commit(put("went"), put("guarded"));
      await channel.commit(
        put("came"),
        put("went", ""),
        endorsed({
          results: (builder) =>
            builder.metadataWrite(
              CHAINCODE,
              "guarded",
              new Map([["VALIDATION_PARAMETER", policyBytes("AND('BreweryMSP.peer','PubMSP.peer')")]]),
            ),
        }),
      );
      await channel.commit(
        update("came", undefined),
        update("went", version(1)),
        update("guarded", version(1, 1), { results: (builder) => builder.read(CHAINCODE, "guarded", version(1, 1)) }),
      );
      const changes = [];
      for (const index of [0, 1, 2]) {
        const found = only((await explained("MVCC_READ_CONFLICT", 3, index)).findings, "read conflict");
        changes.push([found.change, found.by?.index]);
      }
      assert.deepEqual(changes, [
        ["written", 0],
        ["deleted", 1],
        ["policy changed", 2],
      ]);
    });

    it("calls a definition that was replaced by its name", async () => {
      const key = "namespaces/fields/goods/Sequence";
      const upgrade = endorsed({
        chaincode: "_lifecycle",
        results: (builder) => builder.write("_lifecycle", key, channel.state.get("_lifecycle", key)!.value),
      });
      const results = (builder: RwSetBuilder) => {
        builder.read("_lifecycle", key, version(0));
        builder.write(CHAINCODE, "a", bytes("1"));
      };
      assert.deepEqual(await channel.commit(upgrade, endorsed({ results })), [0, 11]);
      const { summary, advice } = await explained("MVCC_READ_CONFLICT", 1, 1);
      assert.match(
        summary,
        /^The definition of chaincode goods was read as block 0, transaction 0 had left it; block 1/,
      );
      assert.match(advice.join(), /peers then run the definition/);
    });

    it("does not take the policy of a key that is not there for a change of it", async () => {
      await channel.commit(put("a"));
      const policy = new Map([["VALIDATION_PARAMETER", policyBytes("OR('BreweryMSP.peer')")]]);
      const guardMissing = endorsed({ results: (builder) => builder.metadataWrite(CHAINCODE, "missing", policy) });
      const reader = endorsed({
        results: (builder) => {
          builder.read(CHAINCODE, "missing", undefined);
          builder.read(CHAINCODE, "a", version(1));
          builder.write(CHAINCODE, "b", bytes("1"));
        },
      });
      assert.deepEqual(await channel.commit(guardMissing, put("a"), reader), [0, 0, 11]);
      await channel.commit(put("missing", "later"));
      assert.equal(only((await explained("MVCC_READ_CONFLICT", 2, 2)).findings, "read conflict").key, "a");
    });

    it("does not blame reads that held, nor an invalid transaction", async () => {
      await channel.commit(put("a"), put("b"));
      const both = (a: Version | undefined, b: Version | undefined) =>
        endorsed({
          results: (builder) => {
            builder.read(CHAINCODE, "a", a);
            builder.read(CHAINCODE, "b", b);
            builder.read(CHAINCODE, "new", undefined);
            builder.write(CHAINCODE, "new", bytes("x"));
          },
        });
      const refused = put("a", "never", { endorsers: onlyBrewery });
      assert.deepEqual(await channel.commit(refused, put("b", "now"), both(version(1), version(1, 1))), [10, 0, 11]);
      await channel.commit(put("a", "later"), put("new", "later"));
      const found = only((await explained("MVCC_READ_CONFLICT", 2, 2)).findings, "read conflict");
      assert.deepEqual([found.key, found.by?.index, found.writesIt], ["b", 1, false]);
    });

    it("shows hashes of private keys, and the keys themselves to those who may see them", async () => {
      let writes: Uint8Array = new Uint8Array(0);
      const price = (at: Version | undefined) =>
        endorsed({
          results: (builder) => {
            builder.privateRead(CHAINCODE, "_implicit_org_BreweryMSP", "cask-1", at);
            builder.privateWrite(CHAINCODE, "_implicit_org_BreweryMSP", "cask-1", bytes("9"), false);
          },
          onPrivate: (plain) => {
            writes = plain;
          },
        });
      assert.deepEqual(await channel.commit(price(undefined), price(undefined)), [0, 11]);
      const stranger = only((await channel.explain(1, 1)).findings, "read conflict");
      assert.equal(stranger.key, undefined);
      assert.equal(stranger.keyHash?.length, 64);
      assert.ok(!JSON.stringify(await channel.explain(1, 1)).includes("cask-1"));
      const member = await channel.explain(1, 1, { privateWrites: async () => new Map([[1, writes]]) });
      assert.equal(only(member.findings, "read conflict").key, "cask-1");
      assert.ok(!JSON.stringify(member).includes('"9"'));
      assert.deepEqual(member.sets[0]?.collections[0]?.members, ["BreweryMSP"]);
    });
  });

  describe("whose range had changed", () => {
    const count = (rawReads: { key: string; version: Version }[], itrExhausted = true, endKey = "d") =>
      endorsed({
        args: ["Count"],
        results: (builder) => {
          builder.rangeQuery(CHAINCODE, { startKey: "a", endKey, itrExhausted, rawReads, merkle: undefined });
          builder.write(CHAINCODE, "count", bytes("1"));
        },
      });

    it("names the range and the first key that differs", async () => {
      await channel.commit(put("a"), put("c"));
      const seen = [
        { key: "a", version: version(1) },
        { key: "c", version: version(1, 1) },
      ];
      await channel.commit(put("c", "changed"), put("b", "new"), put("z", "outside"));
      assert.deepEqual(await channel.commit(count(seen)), [12]);
      await channel.commit(put("a", "too late to matter"));
      const explanation = await explained("PHANTOM_READ_CONFLICT", 3, 0);
      const found = only(explanation.findings, "range conflict");
      assert.deepEqual([found.startKey, found.endKey, found.isCertain], ['"a"', '"d"', true]);
      assert.deepEqual([found.first?.key, found.first?.change, found.first?.read], ["b", "written", undefined]);
      assert.deepEqual([found.first?.by?.block, found.first?.by?.index], [2, 1]);
      assert.match(
        explanation.summary,
        /The range from "a" to "d" of goods gives other results because of key "b" of goods/,
      );
    });

    it("sees a deletion, and an end key that the caller stopped at", async () => {
      await channel.commit(put("a"), put("b"));
      const seen = [
        { key: "a", version: version(1) },
        { key: "b", version: version(1, 1) },
      ];
      assert.deepEqual(await channel.commit(put("b", ""), count(seen, false, "b")), [0, 12]);
      const found = only((await explained("PHANTOM_READ_CONFLICT", 2, 1)).findings, "range conflict");
      assert.deepEqual([found.first?.key, found.first?.change, found.first?.sameBlock], ["b", "deleted", true]);
    });

    it("says that it is not sure where only hashes of the results were recorded", async () => {
      await channel.commit(put("a"));
      await channel.commit(put("b"));
      const merkle = { maxDegree: 50, maxLevel: 1, maxLevelHashes: [Buffer.alloc(32, 7)] };
      const results = (builder: RwSetBuilder) => {
        builder.rangeQuery(CHAINCODE, { startKey: "", endKey: "", itrExhausted: true, rawReads: [], merkle });
        builder.write(CHAINCODE, "count", bytes("1"));
      };
      assert.deepEqual(await channel.commit(endorsed({ results })), [12]);
      const explanation = await explained("PHANTOM_READ_CONFLICT", 3, 0);
      assert.equal(only(explanation.findings, "range conflict").isCertain, false);
      assert.match(explanation.summary, /probably/);
    });
  });

  describe("with anything else wrong", () => {
    const factOf = async (code: string, block: number, index: number) => {
      const explanation = await explained(code, block, index);
      assert.equal(explanation.advice.length > 0, true);
      return only(explanation.findings, "fact");
    };

    it("points from a duplicate to the first", async () => {
      const envelope = put("a", "1", { nonce: "twice" });
      await channel.commit(envelope);
      assert.deepEqual(await channel.commit(put("b"), envelope), [0, 9]);
      assert.deepEqual((await factOf("DUPLICATE_TXID", 2, 1)).other?.block, 1);
    });

    it("says what is wrong with signatures, ids, channels and headers", async () => {
      const good = common.Envelope.decode(put("a"));
      const otherSigner = encode(common.Envelope, {
        payload: good.payload,
        signature: pub.identity("client").sign(good.payload),
      });
      const noHeader = signed(encode(common.Payload, { data: bytes("x") }), brewery.identity("client"));
      const codes = await channel.commit(
        otherSigner,
        put("a", "1", { channelId: "elsewhere" }),
        noHeader,
        put("a", "1", { type: HeaderType.CONFIG_UPDATE }),
        Buffer.from([0x0a, 0xff]),
        endorsed({ chaincode: "nothing", results: (builder) => builder.write("nothing", "k", bytes("x")) }),
      );
      assert.deepEqual(codes, [4, 4, 3, 7, 255, 25]);
      const facts = [];
      const names = ["BAD_CREATOR_SIGNATURE", "BAD_CREATOR_SIGNATURE", "BAD_COMMON_HEADER", "UNSUPPORTED_TX_PAYLOAD"];
      for (const [index, name] of [...names, "INVALID_OTHER_REASON", "INVALID_CHAINCODE"].entries()) {
        facts.push((await factOf(name, 1, index)).fact);
      }
      assert.match(facts[0]!, /was not made over these bytes/);
      assert.match(facts[1]!, /for channel "elsewhere", but came on trade/);
      assert.match(facts[2]!, /Nil header/);
      assert.match(facts[5]!, /no chaincode "nothing"/);
    });
  });

  it("stands whatever bytes a block holds, and shows none that command a terminal", async () => {
    const envelopes = [
      update("a", version(1)),
      endorsed({
        args: ["\u001b[31mred\u009b", "\n"],
        results: (builder) => builder.write(CHAINCODE, "\u0007\n", bytes("\u001b[2J")),
      }),
      put("b", "1", { endorsers: onlyBrewery }),
    ];
    await channel.commit(...envelopes);
    const damage = fc.record({
      envelope: fc.constantFrom(...envelopes),
      flips: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      end: fc.option(fc.nat()),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (damages) => {
        const damaged = damages.map(({ envelope, flips, end }) => {
          const copy = Buffer.from(envelope);
          for (const [at, value] of flips) copy[at % copy.length] = value;
          return end === null ? copy : copy.subarray(0, end % copy.length);
        });
        const block = channel.height;
        await channel.commit(...damaged);
        for (const index of damaged.keys()) {
          const explanation = await channel.explain(block, index);
          assert.doesNotMatch(explanationText(explanation), /(?!\n)\p{Cc}/u);
          assert.ok(explanation.isValid || explanation.findings.length > 0);
          assert.ok(JSON.stringify(explanation).length < 200_000);
        }
      }),
      { numRuns: 60 },
    );
    assert.match(explanationText(await channel.explain(1, 1)), /called goods \(\d+ bytes\)/);
  });

  it("knows nothing of transactions that the channel has not", async () => {
    assert.equal(await channel.explainer().explain("0".repeat(64)), undefined);
    assert.deepEqual(await channel.explainer().explainBlock(99, [0]), [undefined]);
  });

  it("has words for every validation code", async () => {
    const { wordsOf } = await import("./codes.js");
    for (const code of Object.values(protos.TxValidationCode)) {
      if (typeof code !== "number" || code === 0) continue;
      const told = [10, 11, 12].includes(code);
      assert.equal(/does not know/.test(wordsOf(code).fact), told, String(code));
    }
  });
});

import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { testOrganization } from "@hansa/channel-config/testing";
import type { RwSetBuilder } from "@hansa/ledger";
import { parsePolicy } from "@hansa/msp";
import { common, encode, protos } from "@hansa/wire";
import { brewery, CHAINCODE, definition, endorsed, pub, type Wish } from "../validation/testing/endorsed.js";
import type { PolicyShortfall } from "./explanation.js";
import { SmallChannel } from "./testing/small-channel.js";

const bytes = (text: string) => Buffer.from(text);
const onlyBrewery = [brewery.identity("peer")];
const policyBytes = (text: string) => encode(common.SignaturePolicyEnvelope, parsePolicy(text));

const put = (key: string, value = "12 casks", wish: Wish = {}) =>
  endorsed({ args: ["Put", key], results: (builder) => builder.write(CHAINCODE, key, bytes(value)), ...wish });

describe("explaining a transaction whose endorsements fall short", () => {
  let channel: SmallChannel;
  beforeEach(() => {
    channel = new SmallChannel();
    channel.state.apply(definition(CHAINCODE));
  });

  const shortfall = async (block: number, index: number) => {
    const { code, findings } = await channel.explain(block, index);
    assert.deepEqual([code, findings.length, findings[0]?.kind], ["ENDORSEMENT_POLICY_FAILURE", 1, "policy"]);
    return findings[0] as PolicyShortfall;
  };

  it("says who signed and who is missing", async () => {
    assert.deepEqual(await channel.commit(put("a", "1", { endorsers: onlyBrewery })), [10]);
    const found = await shortfall(1, 0);
    assert.equal(found.of, "chaincode");
    assert.equal(found.policy, "AND('BreweryMSP.peer', 'PubMSP.peer')");
    assert.equal(found.words, "a peer of BreweryMSP and a peer of PubMSP");
    assert.deepEqual(
      found.signers.map(({ mspId, name, role, counts }) => [mspId, name, role, counts]),
      [["BreweryMSP", "peer.BreweryMSP", "peer", true]],
    );
    assert.deepEqual(found.missing, [["a peer of PubMSP"]]);
    const { summary, advice } = await channel.explain(1, 0);
    assert.equal(
      summary,
      "The endorsement policy of chaincode goods is not satisfied: peer.BreweryMSP of BreweryMSP signed; missing: a peer of PubMSP.",
    );
    assert.match(advice.join(), /Have the missing organisations endorse/);
  });

  it("says why a signature does not count: role, duplicate, alteration, stranger", async () => {
    const [brew, client] = [brewery.identity("peer"), pub.identity("client")];
    const other = { ...pub.identity("peer"), sign: (message: Uint8Array) => brew.sign(message) };
    assert.deepEqual(
      await channel.commit(
        put("a", "1", { endorsers: [brew, client] }),
        put("a", "1", { endorsers: [brew, brew] }),
        put("a", "1", { endorsers: [brew, other] }),
        put("a", "1", { endorsers: [brew, testOrganization("StrangerMSP").identity("peer")] }),
      ),
      [10, 10, 10, 10],
    );
    const withoutRole = pub.identity("auditor" as "peer");
    assert.deepEqual(await channel.commit(put("a", "1", { endorsers: [brew, withoutRole] })), [10]);
    const flawed = (await shortfall(2, 0)).signers[1];
    assert.match(flawed?.reason ?? "", /^the channel does not accept its certificate: /);
    assert.deepEqual([flawed?.counts, flawed?.role], [false, undefined]);
    const reasons = [];
    for (const index of [0, 1, 2, 3]) reasons.push((await shortfall(1, index)).signers[1]?.reason);
    assert.deepEqual(reasons, [
      "the policy asks for a peer of PubMSP",
      "it signed twice, and counts once",
      "its signature does not belong to these results: one of the two was altered",
      "MSP StrangerMSP is not defined on channel",
    ]);
  });

  it("lists the smallest sets that would do", async () => {
    const validationParameter = encode(protos.ApplicationPolicy, {
      signaturePolicy: parsePolicy(
        "OutOf(2, 'BreweryMSP.peer', 'PubMSP.peer', 'PubMSP.admin', AND('PubMSP.client', 'BreweryMSP.admin'))",
      ),
    });
    channel.state.apply(definition("stock", { validationParameter }));
    const results = (builder: RwSetBuilder) => builder.write("stock", "k", bytes("x"));
    assert.deepEqual(await channel.commit(endorsed({ chaincode: "stock", endorsers: onlyBrewery, results })), [10]);
    assert.deepEqual((await shortfall(1, 0)).missing, [["a peer of PubMSP"], ["an admin of PubMSP"]]);
  });

  it("names the key whose own policy it is, as it was then", async () => {
    const guard = (text: string) =>
      endorsed({
        results: (builder) => {
          builder.metadataWrite(CHAINCODE, "beer", new Map([["VALIDATION_PARAMETER", policyBytes(text)]]));
        },
      });
    await channel.commit(put("beer"));
    await channel.commit(guard("AND('PubMSP.peer','BreweryMSP.peer')"));
    assert.deepEqual(await channel.commit(put("beer", "2", { endorsers: onlyBrewery })), [10]);
    await channel.commit(guard("OR('BreweryMSP.peer')"));
    const found = await shortfall(3, 0);
    assert.deepEqual([found.of, found.key?.key], ["key", "beer"]);
    assert.equal(found.policy, "AND('PubMSP.peer', 'BreweryMSP.peer')");
    assert.deepEqual(found.missing, [["a peer of PubMSP"]]);
    assert.deepEqual((await channel.explain(3, 0)).notes, []);
  });

  it("names the transaction of the block that changes the key's policy", async () => {
    const guard = endorsed({
      args: ["Guard"],
      results: (builder) => {
        const policy = policyBytes("AND('BreweryMSP.peer','PubMSP.peer')");
        builder.metadataWrite(CHAINCODE, "beer", new Map([["VALIDATION_PARAMETER", policy]]));
      },
    });
    assert.deepEqual(await channel.commit(guard, put("beer")), [0, 10]);
    const found = await shortfall(1, 1);
    assert.deepEqual([found.of, found.key?.key, found.changedBy?.function], ["changed key", "beer", "Guard"]);
  });

  it("judges by the definition that was in force, not by today's", async () => {
    const define = (policy: string) => {
      const validationParameter = encode(protos.ApplicationPolicy, { signaturePolicy: parsePolicy(policy) });
      const [writes] = definition("stock", { validationParameter }).updates.values();
      const results = (builder: RwSetBuilder) => {
        for (const [key, { value }] of writes ?? []) if (value) builder.write("_lifecycle", key, value);
      };
      return endorsed({ chaincode: "_lifecycle", results });
    };
    const results = (builder: RwSetBuilder) => builder.write("stock", "k", bytes("x"));
    const write = () => endorsed({ chaincode: "stock", endorsers: onlyBrewery, results });
    const codes = [
      ...(await channel.commit(define("AND('BreweryMSP.peer','PubMSP.peer')"))),
      ...(await channel.commit(write())),
      ...(await channel.commit(define("OR('BreweryMSP.peer')"))),
      ...(await channel.commit(write())),
    ];
    assert.deepEqual(codes, [0, 10, 0, 0]);
    assert.equal((await shortfall(2, 0)).policy, "AND('BreweryMSP.peer', 'PubMSP.peer')");
    assert.deepEqual((await channel.explain(2, 0)).notes, []);
  });

  it("tells a collection's policy, and one that is not defined", async () => {
    const write = (collection: string) =>
      endorsed({
        endorsers: onlyBrewery,
        results: (builder) => builder.privateWrite(CHAINCODE, collection, "k", bytes("1"), false),
      });
    assert.deepEqual(await channel.commit(write("_implicit_org_PubMSP"), write("nowhere")), [10, 10]);
    const implicit = await shortfall(1, 0);
    assert.deepEqual([implicit.of, implicit.collection], ["collection", "_implicit_org_PubMSP"]);
    assert.match(implicit.words, /PubMSP.*\/Channel\/Application\/PubMSP\/Endorsement/);
    assert.equal((await shortfall(1, 1)).of, "unknown collection");
  });
});

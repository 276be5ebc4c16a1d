import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig, genesisBlock } from "@hansa/channel-config";
import { testOrganization, testProfile } from "@hansa/channel-config/testing";
import { parsePolicy } from "@hansa/msp";
import { common, encode, type protos } from "@hansa/wire";
import fc from "fast-check";
import type { ChaincodeDefinition } from "../lifecycle/definition.js";
import { type EndorsementPlan, type PlanMember, planEndorsement } from "./plan.js";
import { mergeAll, satisfyingSets } from "./principal-sets.js";

const organizations = ["A", "B", "C"].map((mspId) => testOrganization(mspId));
const config = ChannelConfig.fromBlock(genesisBlock(testProfile(organizations, testOrganization("Ordering"))));

type TestPeer = PlanMember & { name: string };

function peer(mspId: string, name = `${mspId}0`, chaincodes: readonly string[] = ["deal", "other"]): TestPeer {
  const organization = organizations.find((each) => each.mspId === mspId)!;
  const identity = config.msps.identity(organization.identity("peer").serialized);
  return {
    name,
    mspId,
    hasChaincode: (chaincode) => chaincodes.includes(chaincode),
    satisfies: (principal) => identity.satisfies(principal),
  };
}

const peers = [peer("A"), peer("A", "A1"), peer("B"), peer("C")];

function definition(
  name: string,
  policy: common.IApplicationPolicy,
  collections: common.IStaticCollectionConfig[] = [],
): ChaincodeDefinition {
  return {
    name,
    sequence: 1,
    version: "1",
    initRequired: false,
    endorsementPlugin: "escc",
    validationPlugin: "vscc",
    validationParameter: encode(common.ApplicationPolicy, policy),
    collections: collections as ChaincodeDefinition["collections"],
    collectionsBytes: new Uint8Array(0),
  };
}

const signed = (rule: string): common.IApplicationPolicy => ({ signaturePolicy: parsePolicy(rule) });

function plan(
  policies: Record<string, ChaincodeDefinition>,
  interest: protos.IChaincodeInterest = { chaincodes: [{ name: "deal" }] },
  members: readonly TestPeer[] = peers,
) {
  return planEndorsement({ config, definition: (name) => policies[name] }, interest, members);
}

/** Layouts as "A0|A1 x1 + B0 x1", sorted. */
function layoutsOf(found: EndorsementPlan<TestPeer>): string[] {
  const names = new Map(
    found.groups.map((group) => [
      group.id,
      group.peers
        .map((each) => each.name)
        .sort()
        .join("|"),
    ]),
  );
  return found.layouts
    .map((layout) =>
      [...layout]
        .map(([id, quantity]) => `${names.get(id)} x${quantity}`)
        .sort()
        .join(" + "),
    )
    .sort();
}

describe("endorsement plans", () => {
  it("offer a layout for each way to satisfy the policy", () => {
    const found = plan({ deal: definition("deal", signed("OutOf(2, 'A.peer', 'B.peer', 'C.peer')")) });
    assert.deepEqual(layoutsOf(found), ["A0|A1 x1 + B0 x1", "A0|A1 x1 + C0 x1", "B0 x1 + C0 x1"]);
  });

  it("write implicit policies of the channel out", () => {
    const reference = { channelConfigPolicyReference: "/Channel/Application/Endorsement" };
    assert.deepEqual(layoutsOf(plan({ deal: definition("deal", reference) })).length, 3);
    assert.deepEqual(layoutsOf(plan({}, { chaincodes: [{ name: "_lifecycle" }] })).length, 3);
  });

  it("ask for several peers of one organisation when the policy names it several times", () => {
    const found = plan({ deal: definition("deal", signed("AND('A.peer', 'A.peer')")) });
    assert.deepEqual(layoutsOf(found), ["A0|A1 x2"]);
  });

  it("satisfy the policies of all chaincodes that were called", () => {
    const policies = {
      deal: definition("deal", signed("OR('A.peer', 'B.peer')")),
      other: definition("other", signed("AND('B.member', 'C.peer')")),
    };
    const found = plan(policies, { chaincodes: [{ name: "deal" }, { name: "other" }] });
    assert.deepEqual(layoutsOf(found), ["B0 x1 + C0 x1"]);
  });

  it("let key-level policies replace the chaincode's own", () => {
    const policies = { deal: definition("deal", signed("AND('A.peer', 'B.peer', 'C.peer')")) };
    const call = { name: "deal", keyPolicies: [parsePolicy("AND('B.peer')")], disregardNamespacePolicy: true };
    assert.deepEqual(layoutsOf(plan(policies, { chaincodes: [call] })), ["B0 x1"]);
    assert.throws(() => plan(policies, { chaincodes: [{ ...call, keyPolicies: [] }] }), {
      message: /^requested to disregard chaincode deal's policy but key and collection policies are missing/,
    });
  });

  it("use a collection's policy, and keep its data from those who may not read it", () => {
    const collection = {
      name: "secret",
      memberOrgsPolicy: { signaturePolicy: parsePolicy("OR('A.member', 'B.member')") },
      endorsementPolicy: signed("OR('A.peer', 'C.peer')"),
    };
    const policies = { deal: definition("deal", signed("AND('A.peer', 'B.peer')"), [collection]) };
    const call = { name: "deal", collectionNames: ["secret"] };
    assert.deepEqual(layoutsOf(plan(policies, { chaincodes: [{ ...call, noPrivateReads: true }] })), [
      "A0|A1 x1",
      "C0 x1",
    ]);
    assert.deepEqual(layoutsOf(plan(policies, { chaincodes: [call] })), ["A0|A1 x1"]);
    const implicit = { name: "deal", collectionNames: ["_implicit_org_B"] };
    assert.deepEqual(layoutsOf(plan(policies, { chaincodes: [implicit] })), ["B0 x1"]);
    assert.throws(() => plan(policies, { chaincodes: [{ name: "deal", collectionNames: ["none"] }] }), {
      fault: "UNKNOWN_COLLECTION",
      message: "collection none doesn't exist in collection config for chaincode deal",
    });
  });

  it("say what is missing", () => {
    const policies = { deal: definition("deal", signed("AND('A.peer', 'B.peer')")) };
    assert.throws(() => plan({}), {
      fault: "UNKNOWN_CHAINCODE",
      message: "No metadata was found for chaincode deal in channel trade",
    });
    assert.throws(() => plan(policies, undefined, [peer("A")]), {
      fault: "PEERS",
      message: "no peer combination can satisfy the endorsement policy",
    });
    assert.throws(() => plan(policies, undefined, [peer("A"), peer("B", "B0", [])]), {
      fault: "PEERS",
      message: "required chaincodes are not installed on sufficient peers",
    });
    assert.throws(
      () => plan({ deal: definition("deal", { channelConfigPolicyReference: "/Channel/Application/None" }) }),
      {
        fault: "POLICY",
        message: "policy not found",
      },
    );
  });

  it("only ever propose signers who satisfy every policy", () => {
    const principal = fc.constantFrom("'A.peer'", "'B.peer'", "'C.peer'", "'A.member'", "'B.member'");
    const rule: fc.Arbitrary<string> = fc.letrec<{ rule: string }>((tie) => ({
      rule: fc.oneof(
        { maxDepth: 2, withCrossShrink: true },
        principal,
        fc
          .tuple(fc.integer({ min: 1, max: 3 }), fc.array(tie("rule"), { minLength: 1, maxLength: 3 }))
          .map(([n, parts]) => `OutOf(${Math.min(n, parts.length)}, ${parts.join(", ")})`),
      ),
    })).rule;
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1, maxLength: 3 }), (rules) => {
        const policies = rules.map((each) => parsePolicy(`AND(${each})`));
        const merged = mergeAll(policies.map(satisfyingSets));
        assert.ok(merged.length > 0);
        for (const set of merged) {
          const needed = new Map<string, number>();
          for (const { mspId } of set) needed.set(mspId, (needed.get(mspId) ?? 0) + 1);
          for (const policy of policies) {
            const enough = satisfyingSets(policy).some((way) =>
              way.every(({ mspId }) => (needed.get(mspId) ?? 0) >= 1),
            );
            assert.ok(enough, `${set.map((each) => each.mspId)} for ${rules.join(" and ")}`);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("policies of many organisations", () => {
  const among = (needed: number, count: number) =>
    parsePolicy(`OutOf(${needed}, ${Array.from({ length: count }, (_, i) => `'Org${i}.peer'`).join(", ")})`);

  it("are written out as long as they are small enough, and bounded beyond", () => {
    assert.equal(satisfyingSets(among(8, 15)).length, 6435);
    const many = satisfyingSets(among(20, 40));
    assert.ok(many.length > 0 && many.length <= 10_000);
    assert.ok(many.every((set) => set.length === 20));
  });

  it("are merged within bounds", () => {
    const merged = mergeAll([satisfyingSets(among(5, 10)), satisfyingSets(parsePolicy("AND('Org0.peer', 'X.peer')"))]);
    assert.ok(merged.length > 0);
    assert.ok(merged.every((set) => set.some(({ mspId }) => mspId === "X")));
  });

  it("are merged in little time, however many meet", () => {
    const policies = Array.from({ length: 50 }, (_, index) =>
      satisfyingSets(
        parsePolicy(`OutOf(5, ${Array.from({ length: 10 }, (_, i) => `'Org${index * 10 + i}.peer'`).join(", ")})`),
      ),
    );
    const startedAt = process.cpuUsage();
    const merged = mergeAll(policies);
    const { user } = process.cpuUsage(startedAt);
    assert.ok(merged.length > 0 && merged.every((set) => set.length === 250));
    assert.ok(user < 5_000_000, `${user / 1_000} ms of CPU time`);
  });

  it("mean nothing when they ask for nothing or for principals that are not there", () => {
    assert.deepEqual(satisfyingSets({ rule: { nOutOf: { n: 0, rules: [] } } }), []);
    assert.deepEqual(satisfyingSets({ rule: { signedBy: 3 }, identities: [] }), []);
    assert.deepEqual(satisfyingSets({}), []);
  });
});

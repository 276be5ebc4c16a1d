/** Plans against the policies themselves: what peers would sign by a layout is put before the policy's own evaluation. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChannelConfig, genesisBlock } from "@hansa/channel-config";
import { testOrganization, testProfile } from "@hansa/channel-config/testing";
import { compileSignaturePolicy, type Identity, parsePolicy } from "@hansa/msp";
import { common, encode } from "@hansa/wire";
import fc from "fast-check";
import type { ChaincodeDefinition } from "../lifecycle/definition.js";
import { PlanError } from "./error.js";
import { canFill } from "./fill.js";
import { eligibleMembers, type PlanMember, planEndorsement } from "./plan.js";

const organizations = ["A", "B", "C"].map((mspId) => testOrganization(mspId));
const config = ChannelConfig.fromBlock(genesisBlock(testProfile(organizations, testOrganization("Ordering"))));

type TestPeer = PlanMember & { readonly name: string; readonly identity: Identity };

function peer(mspId: string, name: string, kind: "P-256" | "P-384" = "P-256"): TestPeer {
  const organization = organizations.find((each) => each.mspId === mspId)!;
  const identity = config.msps.identity(organization.identity("peer", kind).serialized);
  return {
    name,
    mspId,
    identity,
    hasChaincode: () => true,
    satisfies: (principal) => identity.satisfies(principal),
  };
}

const peers = [peer("A", "A0"), peer("A", "A1", "P-384"), peer("B", "B0"), peer("C", "C0")];

/**
 * Fabric's evaluation is greedy: of OutOf(1, 'A.peer', 'A.peer') it takes two signers where it finds them, and may then
 * miss one elsewhere. So an organisation stands once in each rule here.
 */
const isPlain = (text: string) => ["A.", "B.", "C."].every((prefix) => text.split(prefix).length <= 2);
const principal = fc.constantFrom("'A.peer'", "'B.peer'", "'C.peer'", "'A.member'", "'B.member'", "'C.member'");
const anyRule: fc.Arbitrary<string> = fc.letrec<{ rule: string }>((tie) => ({
  rule: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    principal,
    fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.array(tie("rule"), { minLength: 1, maxLength: 3 }))
      .map(([n, parts]) => `OutOf(${Math.min(n, parts.length)}, ${parts.join(", ")})`),
  ),
})).rule;
const rule = anyRule.filter(isPlain);

function definition(name: string, policy: common.ISignaturePolicyEnvelope): ChaincodeDefinition {
  return {
    name,
    sequence: 1,
    version: "1",
    initRequired: false,
    endorsementPlugin: "escc",
    validationPlugin: "vscc",
    validationParameter: encode(common.ApplicationPolicy, { signaturePolicy: policy }),
    collections: [],
    collectionsBytes: new Uint8Array(0),
  };
}

/** The plan for calls of chaincodes with these policies; undefined when the peers cannot satisfy them. */
function planOf(policies: readonly common.ISignaturePolicyEnvelope[], maxLayouts?: number) {
  const definitions = new Map(policies.map((policy, index) => [`cc${index}`, definition(`cc${index}`, policy)]));
  const channel = { config, definition: (name: string) => definitions.get(name) };
  const interest = { chaincodes: [...definitions.keys()].map((name) => ({ name })) };
  try {
    return planEndorsement(channel, interest, peers, maxLayouts === undefined ? {} : { maxLayouts });
  } catch (error) {
    if (error instanceof PlanError) return undefined;
    throw error;
  }
}

type Plan = NonNullable<ReturnType<typeof planOf>>;

/** Every choice of different peers that a layout allows. */
function choices({ groups }: Plan, layout: ReadonlyMap<string, number>): TestPeer[][] {
  const places = [...layout].flatMap(([id, quantity]) => new Array<string>(quantity).fill(id));
  const fill = (at: number, taken: TestPeer[]): TestPeer[][] => {
    if (at === places.length) return [taken];
    const group = groups.find(({ id }) => id === places[at]);
    return (group?.peers ?? [])
      .filter((each) => !taken.includes(each))
      .flatMap((each) => fill(at + 1, [...taken, each]));
  };
  return fill(0, []);
}

const satisfies = (policy: common.ISignaturePolicyEnvelope, signers: readonly TestPeer[]) =>
  compileSignaturePolicy(policy, config.msps).evaluateIdentities(signers.map(({ identity }) => identity)).ok;

/** Every set of peers, small ones first. */
const subsets = Array.from({ length: 2 ** peers.length }, (_, bits) =>
  peers.filter((_, index) => (bits >> index) % 2 === 1),
).sort((a, b) => a.length - b.length);

const nameOf = (signers: readonly TestPeer[]) =>
  signers
    .map(({ name }) => name)
    .sort()
    .join("+");

describe("layouts", () => {
  it("are filled by signers who satisfy every policy, whichever peers are chosen", () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1, maxLength: 3 }), (rules) => {
        const policies = rules.map((each) => parsePolicy(`AND(${each})`));
        const plan = planOf(policies);
        if (plan === undefined) return;
        assert.ok(plan.layouts.length > 0);
        for (const layout of plan.layouts) {
          const found = choices(plan, layout);
          assert.ok(found.length > 0, "no choice of different peers fills it");
          for (const signers of found)
            for (const policy of policies)
              assert.ok(satisfies(policy, signers), `${nameOf(signers)} for ${rules.join(" and ")}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("are there for every smallest set of peers that satisfies the policy", () => {
    fc.assert(
      fc.property(rule, (text) => {
        const policy = parsePolicy(`AND(${text})`);
        const enough = subsets.filter((signers) => satisfies(policy, signers));
        const smallest = enough.filter(
          (signers) =>
            !enough.some((other) => other.length < signers.length && other.every((each) => signers.includes(each))),
        );
        const plan = planOf([policy]);
        assert.equal(plan === undefined, smallest.length === 0, text);
        const offered = new Set(plan?.layouts.flatMap((layout) => choices(plan, layout).map(nameOf)));
        for (const signers of smallest) assert.ok(offered.has(nameOf(signers)), `${nameOf(signers)} for ${text}`);
      }),
      { numRuns: 300 },
    );
  });

  it("are there when all peers together satisfy several policies", () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 2, maxLength: 3 }), (rules) => {
        const policies = rules.map((each) => parsePolicy(`AND(${each})`));
        const isEnough = policies.every((policy) => satisfies(policy, peers));
        if (isEnough) assert.ok(planOf(policies) !== undefined, rules.join(" and "));
      }),
      { numRuns: 300 },
    );
  });

  it("need as many peers as they have places, though one peer satisfies several principals", () => {
    assert.equal(planOf([parsePolicy("AND('B.peer', 'B.member')")]), undefined);
    const plan = planOf([parsePolicy("AND('A.peer', 'A.member')")]);
    assert.deepEqual(
      plan?.layouts.map((layout) => [...layout.values()]),
      [[1, 1]],
    );
    const peersOf = (group: string) => ({ x: ["p", "q"], y: ["p"], z: ["p", "q", "r"] })[group] ?? [];
    assert.ok(
      canFill(
        new Map([
          ["x", 1],
          ["y", 1],
          ["z", 1],
        ]),
        peersOf,
      ),
    );
    assert.ok(
      !canFill(
        new Map([
          ["x", 2],
          ["y", 1],
        ]),
        peersOf,
      ),
    );
    assert.ok(!canFill(new Map([["none", 1]]), peersOf));
  });

  it("are no more than asked for, and of all sorts", () => {
    const names = ["A", "B", "C"].flatMap((mspId) => [`'${mspId}.peer'`, `'${mspId}.member'`]);
    const policy = parsePolicy(`OutOf(2, ${names.join(", ")})`);
    const all = planOf([policy]);
    const few = planOf([policy], 5);
    assert.ok((all?.layouts.length ?? 0) > 5);
    assert.equal(few?.layouts.length, 5);
    const used = new Set(few?.layouts.flatMap((layout) => [...layout.keys()]));
    assert.deepEqual(few?.groups.map(({ id }) => id).sort(), [...used].sort());
    assert.ok(used.size > 3);
  });
});

describe("peers that may take part", () => {
  const secret = {
    ...definition("vault", parsePolicy("OR('A.peer', 'B.peer')")),
    collections: [
      { name: "recipe", memberOrgsPolicy: { signaturePolicy: parsePolicy("OR('B.member')") } },
    ] as unknown as ChaincodeDefinition["collections"],
  };
  const channel = { config, definition: (name: string) => (name === "vault" ? secret : undefined) };
  const names = (chaincodes: object[], members = peers) => nameOf(eligibleMembers(channel, { chaincodes }, members));

  it("have the chaincodes and may read the collections", () => {
    assert.equal(names([]), "A0+A1+B0+C0");
    assert.equal(names([{ name: "vault" }]), "A0+A1+B0+C0");
    assert.equal(names([{ name: "vault", collectionNames: ["recipe"] }]), "B0");
    assert.equal(names([{ name: "vault", collectionNames: ["recipe"], noPrivateReads: true }]), "A0+A1+B0+C0");
    const without = peers.map((each) => ({ ...each, hasChaincode: () => false }));
    assert.equal(names([{ name: "vault" }], without), "");
    assert.equal(names([{ name: "_lifecycle" }], without), "A0+A1+B0+C0");
    assert.throws(() => names([{ name: "none" }]), { fault: "UNKNOWN_CHAINCODE" });
    assert.throws(() => names([{ name: "vault", collectionNames: ["none"] }]), { fault: "UNKNOWN_COLLECTION" });
  });
});

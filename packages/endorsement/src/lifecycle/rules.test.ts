import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Bytes, NO_BYTES, sha256 } from "@hansa/primitives";
import { common, encode } from "@hansa/wire";
import { collectionConfig, collectionsOf } from "./collections.js";
import type { ChaincodeDefinition } from "./definition.js";
import { LifecycleError } from "./error.js";
import { checkCollections, checkKeepsCollections, checkNameAndVersion } from "./input.js";
import { chaincodeOfSequenceKey, mspIdOfImplicitCollection } from "./keys.js";
import { readApproval, readDefinition } from "./reading.js";
import { approve, checkReadiness, commit, queryApproved } from "./rules.js";

/** Keys in a map; writes become visible at once, as after a commit. */
function keys() {
  const map = new Map<string, Bytes>();
  const writes: string[] = [];
  return {
    writes,
    get: (key: string) => map.get(key),
    put: (key: string, value: Bytes) => {
      writes.push(key);
      map.set(key, value);
    },
    delete: (key: string) => {
      writes.push(`-${key}`);
      map.delete(key);
    },
  };
}

function organisation(mspId: string) {
  const state = keys();
  return { mspId, state, hashOf: (key: string) => hashed(state.get(key)) };
}

function hashed(value: Bytes | undefined): Bytes | undefined {
  return value === undefined ? undefined : sha256(value);
}

const channel = { channelId: "trade", hasPolicy: () => true };

function definition(change: Partial<ChaincodeDefinition> = {}): ChaincodeDefinition {
  return {
    name: "cargo",
    sequence: 1,
    version: "1.0",
    initRequired: false,
    endorsementPlugin: "",
    validationPlugin: "",
    validationParameter: NO_BYTES,
    ...collectionsOf(undefined),
    ...change,
  };
}

const refuses = (action: () => unknown, text: string | RegExp) =>
  assert.throws(action, (error) => {
    assert(error instanceof LifecycleError);
    if (typeof text === "string") assert.equal(error.message, text);
    else assert.match(error.message, text);
    return true;
  });

describe("approving and committing", () => {
  it("needs every organisation's approval to be ready, and fills in the channel's defaults", () => {
    const [publicState, brewery, pub] = [keys(), organisation("BreweryMSP"), organisation("PubMSP")];
    approve(definition(), "cargo_1:abc", channel, publicState, brewery.state);
    const ready = checkReadiness(definition(), channel, publicState, [brewery, pub]);
    assert.deepEqual(Object.fromEntries(ready.approvals), { BreweryMSP: true, PubMSP: false });
    assert.deepEqual(Object.fromEntries(ready.mismatches), { PubMSP: ["ChaincodeParameters"] });
    assert.equal(ready.definition.endorsementPlugin, "escc");
    assert.equal(ready.definition.validationPlugin, "vscc");
    const policy = common.ApplicationPolicy.decode(ready.definition.validationParameter);
    assert.equal(policy.channelConfigPolicyReference, "/Channel/Application/Endorsement");

    approve(definition({ version: "1.1" }), "", channel, publicState, pub.state);
    const differs = checkReadiness(definition(), channel, publicState, [brewery, pub]);
    assert.deepEqual(Object.fromEntries(differs.mismatches), { PubMSP: ["EndorsementInfo"] });

    approve(definition(), "", channel, publicState, pub.state);
    const approvals = commit(definition(), channel, publicState, [brewery, pub]);
    assert.deepEqual([...approvals.values()], [true, true]);
    const committed = readDefinition((key) => publicState.get(key), "cargo");
    assert.deepEqual([committed?.sequence, committed?.version], [1, "1.0"]);
    assert.equal(readApproval((key) => brewery.state.get(key), "cargo", 1)?.packageId, "cargo_1:abc");
    assert.equal(readApproval((key) => pub.state.get(key), "cargo", 1)?.packageId, undefined);
  });

  it("writes only what changes", () => {
    const [publicState, brewery] = [keys(), organisation("BreweryMSP")];
    commit(definition(), channel, publicState, [brewery]);
    publicState.writes.length = 0;
    commit(definition({ sequence: 2, version: "2.0" }), channel, publicState, [brewery]);
    assert.deepEqual(publicState.writes, [
      "namespaces/fields/cargo/Sequence",
      "namespaces/fields/cargo/EndorsementInfo",
    ]);
  });

  it("lets an organisation approve late, with the committed parameters only", () => {
    const [publicState, brewery] = [keys(), organisation("BreweryMSP")];
    commit(definition(), channel, publicState, []);
    refuses(
      () => approve(definition({ initRequired: true }), "", channel, publicState, brewery.state),
      "attempted to redefine the current committed sequence (1) for namespace cargo with different parameters: expected InitRequired 'false' does not match passed InitRequired 'true'",
    );
    approve(definition(), "", channel, publicState, brewery.state);
    refuses(
      () => approve(definition(), "", channel, publicState, brewery.state),
      "attempted to redefine the current committed sequence (1) for namespace cargo",
    );
    approve(definition(), "cargo_1:abc", channel, publicState, brewery.state);
    assert.equal(queryApproved("cargo", 0, "trade", publicState, brewery.state).packageId, "cargo_1:abc");
  });

  it("keeps sequences in order", () => {
    const [publicState, brewery] = [keys(), organisation("BreweryMSP")];
    const approving = (sequence: number) => () =>
      approve(definition({ sequence }), "p:1", channel, publicState, brewery.state);
    refuses(approving(0), "requested sequence is 0, but first definable sequence number is 1");
    refuses(approving(2), "requested sequence 2 is larger than the next available sequence number 1");
    approving(1)();
    refuses(approving(1), "attempted to redefine uncommitted sequence (1) for namespace cargo with unchanged content");
    refuses(
      () => commit(definition({ sequence: 2 }), channel, publicState, []),
      "requested sequence is 2, but new definition must be sequence 1",
    );
    commit(definition(), channel, publicState, []);
    refuses(approving(0), "currently defined sequence 1 is larger than requested sequence 0");
    approving(2)();
    assert.equal(queryApproved("cargo", 0, "trade", publicState, brewery.state).sequence, 2);
    refuses(
      () => queryApproved("cargo", 7, "trade", publicState, brewery.state),
      "could not fetch approved chaincode definition (name: 'cargo', sequence: '7') on channel 'trade'",
    );
  });

  it("needs the channel's endorsement policy when the definition brings none", () => {
    const bare = { channelId: "trade", hasPolicy: () => false };
    refuses(
      () => approve(definition(), "", bare, keys(), keys()),
      "could not set defaults for chaincode definition in channel trade: policy '/Channel/Application/Endorsement' must be defined for channel 'trade' before chaincode operations can be attempted",
    );
  });
});

describe("what may be defined", () => {
  it("has a name and a version", () => {
    for (const name of ["cargo", "a1", "cargo-eu_2"]) checkNameAndVersion(name, "1.0+x_y-z");
    for (const name of ["", "-a", "a-", "a--b", "a/b", "a.b", "ä"]) {
      refuses(() => checkNameAndVersion(name, "1"), /^invalid chaincode name/);
    }
    refuses(() => checkNameAndVersion("vscc", "1"), "chaincode name 'vscc' is the name of a system chaincode");
    for (const version of ["", "1 0", "1/0"]) {
      refuses(() => checkNameAndVersion("cargo", version), /^invalid chaincode version/);
    }
  });

  const principal = (mspIdentifier: string) => ({
    principalClassification: common.MSPPrincipal.Classification.ROLE,
    principal: encode(common.MSPRole, { mspIdentifier, role: common.MSPRole.MSPRoleType.MEMBER }),
  });
  const anyOf = (n: number, ...mspIds: string[]) => ({
    signaturePolicy: {
      rule: { nOutOf: { n, rules: mspIds.map((_, signedBy) => ({ signedBy })) } },
      identities: mspIds.map(principal),
    },
  });
  const members = {
    hasMember: (id: string) => id.endsWith("MSP"),
    identity: () => undefined,
    compile: () => undefined,
  };
  const check = (...collections: common.StaticCollectionConfig.$Properties[]) =>
    checkCollections({ config: collections.map((staticCollectionConfig) => ({ staticCollectionConfig })) }, members);

  it("has collections of its channel's members", () => {
    const good = { name: "prices", memberOrgsPolicy: anyOf(1, "BreweryMSP", "PubMSP"), maximumPeerCount: 1 };
    check(good);
    checkCollections(undefined, members);
    const cases: [common.StaticCollectionConfig.$Properties[], RegExp][] = [
      [[good, good], /^collection-name: prices -- found duplicate in collection configuration$/],
      [[{ ...good, name: "_x" }], /^invalid collection name '_x'/],
      [[{ ...good, name: `a${"-".repeat(60)}!` }], /^invalid collection name/],
      [
        [{ ...good, requiredPeerCount: 2 }],
        /maximum peer count \(1\) cannot be less than the required peer count \(2\)$/,
      ],
      [[{ ...good, requiredPeerCount: -1 }], /requiredPeerCount \(-1\) cannot be less than zero$/],
      [[{ name: "prices" }], /^collection member policy is not set for collection 'prices'$/],
      [[{ name: "prices", memberOrgsPolicy: {} }], /^collection member org policy is empty for collection 'prices'$/],
      [[{ ...good, memberOrgsPolicy: anyOf(2, "BreweryMSP", "PubMSP") }], /is not an OR concatenation, NOutOf 2$/],
      [[{ ...good, memberOrgsPolicy: anyOf(1, "Nobody") }], /collection member 'Nobody' is not part of the channel$/],
    ];
    for (const [collections, text] of cases) refuses(() => check(...collections), text);
  });

  it("keeps its collections and how long their data lives", () => {
    const prices = { name: "prices", blockToLive: 3 };
    checkKeepsCollections([prices, { name: "more" }], [prices]);
    refuses(() => checkKeepsCollections([], [prices]), /does not contain previously defined collections$/);
    refuses(() => checkKeepsCollections([{ name: "more" }], [prices]), /^existing collection \[prices\] missing/);
    refuses(
      () => checkKeepsCollections([{ name: "prices" }], [prices]),
      "the BlockToLive in an existing collection [prices] modified. Existing value [3]",
    );
  });
});

describe("collections of a chaincode", () => {
  it("are those of its definition and one for each organisation", () => {
    const state = keys();
    const collections = collectionsOf({
      config: [{ staticCollectionConfig: { name: "prices", memberOnlyRead: true } }],
    });
    commit(definition(collections), channel, state, []);
    const find = (chaincode: string, name: string) => collectionConfig((key) => state.get(key), chaincode, name);
    assert.equal(find("cargo", "prices").config?.memberOnlyRead, true);
    assert.equal(find("cargo", "none").config, undefined);
    assert.equal(find("cargo", "_implicit_org_PubMSP").config?.name, "_implicit_org_PubMSP");
    assert.deepEqual(find("nothing", "prices"), { isDefined: false, config: undefined });
    assert.equal(find("_lifecycle", "_implicit_org_PubMSP").isDefined, true);
  });

  it("are told by their names", () => {
    assert.equal(mspIdOfImplicitCollection("_implicit_org_PubMSP"), "PubMSP");
    assert.equal(mspIdOfImplicitCollection("prices"), undefined);
    assert.equal(chaincodeOfSequenceKey("namespaces/fields/cargo/Sequence"), "cargo");
    assert.equal(chaincodeOfSequenceKey("namespaces/fields/cargo/Collections"), undefined);
  });
});

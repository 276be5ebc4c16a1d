import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Policy } from "@hansa/msp";
import { common, decode, encode } from "@hansa/wire";
import { JsonError } from "@hansa/wire/json";
import fc from "fast-check";
import { ChannelConfig } from "../channel-config.js";
import { computeConfigUpdate } from "../compute-update.js";
import {
  withAcls,
  withAnchorPeers,
  withApplicationPolicy,
  withBatchSettings,
  withChannelCapabilities,
  withOrganization,
  withoutOrganization,
} from "../edit.js";
import { equalTrees } from "../elements.js";
import { genesisBlock } from "../genesis.js";
import { policyOf } from "../profile.js";
import { testOrganization, testProfile } from "../testing/organization.js";
import { configFromJson, configToJson } from "./config-json.js";
import { findLockouts } from "./lockout.js";
import { missingSignatures, signaturesFor } from "./signatures.js";
import { explainChange } from "./words.js";

const [brewery, carrier, pub, farm, ordererOrg] = ["Brewery", "Carrier", "Pub", "Farm", "Ordering"].map(
  testOrganization,
) as [TestOrg, TestOrg, TestOrg, TestOrg, TestOrg];
type TestOrg = ReturnType<typeof testOrganization>;
const members = [brewery, carrier, pub];
const nowMs = Date.UTC(2026, 1, 1);
const channelOf = (extra: Parameters<typeof testProfile>[2] = {}) =>
  ChannelConfig.fromBlock(genesisBlock(testProfile(members, ordererOrg, extra)));
const channel = channelOf();

type Tree = { [key: string]: Tree } & { [key: string]: unknown };
const editable = (config: common.IConfig) => structuredClone(configToJson(config)) as Tree;
const orderer = (json: Tree) => json.channel_group!.groups!.Orderer!.values!;
const application = (json: Tree) => json.channel_group!.groups!.Application!;

describe("a configuration as JSON", () => {
  it("comes back with the very bytes it had, whatever the order of its keys", () => {
    const json = configToJson(channel.config);
    assert.ok(equalTrees(configFromJson(channel.config, json).channelGroup!, channel.config.channelGroup!));
    const turned = JSON.parse(JSON.stringify(json), (_, value: unknown) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    );
    assert.throws(
      () => computeConfigUpdate("trade", channel.config, configFromJson(channel.config, turned)),
      /no differences detected/,
    );
  });

  it("is found inside of a block", () => {
    const block = { data: { data: [{ payload: { data: { config: configToJson(channel.config) } } }] } };
    assert.deepEqual(
      configFromJson(channel.config, block),
      configFromJson(channel.config, configToJson(channel.config)),
    );
    assert.throws(() => configFromJson(channel.config, { data: {} }), /there is no channel_group in it/);
    assert.throws(() => configFromJson(channel.config, "config"), JsonError);
  });

  it("changes only what was edited", () => {
    const json = editable(channel.config);
    orderer(json).BatchSize!.value!.max_message_count = 20 as never;
    const edited = configFromJson(channel.config, json);
    const update = computeConfigUpdate("trade", channel.config, edited);
    assert.deepEqual(Object.keys(update.writeSet?.groups?.Orderer?.values ?? {}), ["BatchSize"]);
    assert.deepEqual(Object.keys(update.writeSet?.groups ?? {}), ["Orderer"]);
  });

  it("keeps what a value's JSON cannot show", () => {
    const config = decode(common.Config, encode(common.Config, channel.config), "Config");
    const value = config.channelGroup!.groups!.Orderer!.values!.BatchTimeout!;
    // Field 15, which BatchTimeout has not got: a newer Fabric's.
    value.value = Buffer.concat([value.value!, Buffer.from([15 << 3, 1])]);
    const json = editable(config);
    orderer(json).BatchSize!.value!.max_message_count = 20 as never;
    const edited = configFromJson(config, json);
    assert.deepEqual(edited.channelGroup!.groups!.Orderer!.values!.BatchTimeout!.value, value.value);
  });
});

describe("a change in words", () => {
  it("tells settings, members, policies and anchor peers", () => {
    const batch = { batchTimeoutMs: 500, maxMessageCount: 20, absoluteMaxBytes: 10 << 20, preferredMaxBytes: 2 << 20 };
    let edited = withBatchSettings(channel.config, batch);
    edited = withAnchorPeers(edited, "Pub", [{ host: "peer1.pub", port: 7051 }]);
    edited = withAcls(edited, { "peer/Propose": "/Channel/Application/Admins" });
    edited = withOrganization(edited, { mspId: "Farm", mspConfig: farm.mspConfig });
    edited = withoutOrganization(edited, "Carrier");
    assert.deepEqual(explainChange(channel.config, edited), [
      "admits Farm",
      "removes Carrier",
      "changes value /Channel/Application/Pub/AnchorPeers: anchor_peers with peer1.pub:7051, anchor_peers without peer.pub:7051",
      "changes value /Channel/Orderer/BatchSize: max_message_count from 500 to 20",
      "changes value /Channel/Orderer/BatchTimeout: timeout from 2s to 500ms",
      "adds value /Channel/Application/ACLs: acls.peer/Propose.policy_ref /Channel/Application/Admins",
    ]);
    assert.deepEqual(explainChange(channel.config, channel.config), []);
  });

  it("tells who guards an element", () => {
    const json = editable(channel.config);
    orderer(json).BatchSize!.mod_policy = "Writers" as never;
    assert.deepEqual(explainChange(channel.config, configFromJson(channel.config, json)), [
      "lets Writers instead of Admins guard value /Channel/Orderer/BatchSize",
    ]);
  });
});

describe("the signatures of an update", () => {
  const needsOf = (edited: common.IConfig) =>
    signaturesFor(channel, encode(common.ConfigUpdate, computeConfigUpdate("trade", channel.config, edited)));
  const signedBy =
    (...orgs: TestOrg[]) =>
    (policy: Policy) =>
      policy.evaluateIdentities(orgs.map((org) => channel.msps.identity(org.identity("admin").serialized)));

  it("are those of the policy that guards what changes, and the missing ones are named", () => {
    const needs = needsOf(withOrganization(channel.config, { mspId: "Farm", mspConfig: farm.mspConfig }));
    assert.deepEqual(
      needs.map(({ policyPath, outOf }) => ({ policyPath, outOf })),
      [
        {
          policyPath: "/Channel/Application/Admins",
          outOf: { needed: 2, principals: ["Brewery.admin", "Carrier.admin", "Pub.admin"] },
        },
      ],
    );
    assert.deepEqual(missingSignatures(needs, signedBy(brewery, pub)), []);
    const [lack] = missingSignatures(needs, signedBy(brewery));
    assert.deepEqual(lack?.missing, ["Carrier.admin", "Pub.admin"]);
  });

  it("are several policies' where several kinds of things change", () => {
    const batch = { batchTimeoutMs: 500, maxMessageCount: 20, absoluteMaxBytes: 10 << 20, preferredMaxBytes: 2 << 20 };
    const needs = needsOf(withAnchorPeers(withBatchSettings(channel.config, batch), "Pub", [{ host: "p", port: 1 }]));
    assert.deepEqual(needs.map((need) => need.policyPath).sort(), [
      "/Channel/Application/Pub/Admins",
      "/Channel/Orderer/Admins",
    ]);
    const missing = missingSignatures(needs, signedBy(pub));
    assert.deepEqual(
      missing.map(({ need, missing }) => [need.policyPath, missing]),
      [["/Channel/Orderer/Admins", ["Ordering.admin"]]],
    );
  });
});

describe("what locks everybody out", () => {
  const found = (edited: common.IConfig, from = channel, more: object = {}) =>
    findLockouts(from, edited, { nowMs, ...more }).map(
      ({ severity, path, message }) => `${severity} ${path}: ${message}`,
    );
  const withJson = (edit: (json: Tree) => void) => {
    const json = editable(channel.config);
    edit(json);
    return configFromJson(channel.config, json);
  };

  it("is nothing where only a setting changes", () => {
    assert.deepEqual(found(channel.config), []);
    assert.deepEqual(found(withAnchorPeers(channel.config, "Pub", [])), []);
    assert.deepEqual(found(withoutOrganization(channel.config, "Pub")), []);
  });

  const cases: readonly [string, () => readonly string[], RegExp][] = [
    [
      "an Admins policy over members that are gone",
      () => {
        const governed = channelOf({ adminsPolicy: "OutOf(2, 'Brewery.admin', 'Carrier.admin', 'Pub.admin')" });
        return found(withoutOrganization(withoutOrganization(governed.config, "Pub"), "Carrier"), governed);
      },
      /^locks \/Channel\/Application\/Admins: No set of signatures satisfies .*: nobody could admit, remove/,
    ],
    [
      "an Admins policy that asks for more signatures than there are rules",
      () =>
        found(
          withApplicationPolicy(
            channel.config,
            "Admins",
            "OutOf(4, 'Brewery.admin', 'Pub.admin', 'Farm.admin', 'Carrier.admin')",
          ),
        ),
      /^locks \/Channel\/Application\/Admins/,
    ],
    [
      "no Admins policy at all",
      () => found(withJson((json) => delete application(json).policies!.Admins)),
      /^locks \/Channel\/Application\/Admins: There is no policy/,
    ],
    [
      "no member",
      () => found(members.reduce((config, org) => withoutOrganization(config, org.mspId), channel.config)),
      /^locks \/Channel\/Application: No member is left/,
    ],
    [
      "writers that no member can be",
      () =>
        found(
          withJson((json) => {
            json.channel_group!.policies!.Writers!.policy = configToPolicy("OR('Nobody.client')") as never;
          }),
        ),
      /^locks \/Channel\/Writers: .*nobody could send/,
    ],
    [
      "blocks that nobody may sign",
      () => found(withJson((json) => delete json.channel_group!.groups!.Orderer!.policies!.BlockValidation)),
      /^locks \/Channel\/Orderer\/BlockValidation/,
    ],
    [
      "no address of an orderer",
      () =>
        found(
          withJson((json) => {
            json.channel_group!.groups!.Orderer!.groups!.Ordering!.values!.Endpoints!.value!.addresses = [] as never;
          }),
        ),
      /^locks \/Channel\/Orderer: No address of an orderer is left/,
    ],
    [
      "orderers of which none answers",
      () => found(channel.config, channel, { endpoints: new Map([["orderer.example:7050", false]]) }),
      /^locks \/Channel\/Orderer: No orderer answers at orderer\.example:7050/,
    ],
    [
      "messages too small for the next configuration",
      () =>
        found(
          withBatchSettings(channel.config, {
            batchTimeoutMs: 100,
            maxMessageCount: 1,
            absoluteMaxBytes: 1000,
            preferredMaxBytes: 1000,
          }),
        ),
      /^locks \/Channel\/Orderer\/BatchSize: The configuration itself has \d+ bytes/,
    ],
    [
      "batch sizes of zero",
      () =>
        found(
          withJson((json) => {
            orderer(json).BatchSize!.value!.max_message_count = 0 as never;
          }),
        ),
      /^refused \/Channel: No orderer takes this: .*max message count to an invalid value: 0/,
    ],
    [
      "capabilities that no node knows",
      () => found(withChannelCapabilities(channel.config, ["V2_0", "V9_0"])),
      /^refused \/Channel: .*Channel capability V9_0 is required but not supported/,
    ],
    [
      "a missing orderer section",
      () => found(withJson((json) => delete json.channel_group!.groups!.Orderer)),
      /^refused \/Channel: .*orderer/,
    ],
    [
      "an access list that names a policy that does not exist",
      () => found(withAcls(channel.config, { "peer/Propose": "/Channel/Application/Nosuch" })),
      /^warns .*peer\/Propose: There is no policy \/Channel\/Application\/Nosuch: nobody could use peer\/Propose/,
    ],
    [
      "an element that nobody may change",
      () =>
        found(
          withJson((json) => {
            orderer(json).BatchSize!.mod_policy = "Nosuch" as never;
          }),
        ),
      /^warns \/Channel\/Orderer\/Nosuch: There is no policy .*: nobody could change \/Channel\/Orderer\/BatchSize/,
    ],
    [
      "administrators whose certificates have run out",
      () => found(channel.config, channel, { administrators: new Map([["Pub", [nowMs - 1]]]) }),
      /^warns Pub: The certificate of every known administrator of Pub has expired/,
    ],
    [
      "root certificates that have run out",
      () =>
        findLockouts(channel, channel.config, { nowMs: Date.UTC(2040, 0, 1) }).map(
          (each) => `${each.severity} ${each.message}`,
        ),
      /^warns Every root certificate of \w+ has expired/,
    ],
    [
      "maintenance",
      () =>
        found(
          withJson((json) => {
            orderer(json).ConsensusType!.value!.state = "STATE_MAINTENANCE" as never;
          }),
        ),
      /^warns \/Channel\/Orderer\/ConsensusType: In maintenance/,
    ],
  ];
  for (const [what, findings, expected] of cases) {
    it(`is told: ${what}`, () => assert.match(findings().join("\n"), new RegExp(expected, "m")));
  }

  it("says of an evil that was there before that it was", () => {
    const locked = channelOf({ adminsPolicy: "OR('Nobody.admin')" });
    assert.deepEqual(
      found(withAnchorPeers(locked.config, "Pub", []), locked).map((text) => text.slice(0, 34)),
      ["warns /Channel/Admins: No set of s", "warns /Channel/Application/Admins:"],
    );
  });

  it("is found exactly where all signers together do not satisfy the Admins policy", () => {
    const roles = ["admin", "client", "peer"] as const;
    const everybody = members.flatMap((org) =>
      roles.map((role) => channel.msps.identity(org.identity(role).serialized)),
    );
    const leaf = fc
      .tuple(
        fc.constantFrom("Brewery", "Carrier", "Pub", "Nobody"),
        fc.constantFrom("admin", "client", "peer", "orderer"),
      )
      .map(([org, role]) => `'${org}.${role}'`);
    const distinct = fc.uniqueArray(leaf, { minLength: 1, maxLength: 6 });
    const gate = fc
      .tuple(fc.integer({ min: 1, max: 4 }), distinct)
      .map(([n, rules]) => `OutOf(${Math.min(n, rules.length)}, ${rules.join(", ")})`);
    fc.assert(
      fc.property(gate, (rule) => {
        const edited = withApplicationPolicy(channel.config, "Admins", rule);
        const next = ChannelConfig.load("trade", edited);
        // There is one of each role here, and no role "orderer" signs for a member: ask for no more than that.
        if (/orderer/.test(rule)) return;
        const satisfied = next.policy("/Channel/Application/Admins").evaluateIdentities(everybody).ok;
        const told = found(edited).some((text) => text.startsWith("locks /Channel/Application/Admins"));
        assert.equal(told, !satisfied, rule);
      }),
      { numRuns: 150 },
    );
  });
});

/** The policy as JSON shows it. */
function configToPolicy(rule: string): unknown {
  const shown = configToJson({ channelGroup: { policies: { P: { policy: policyOf(rule) } } } }) as unknown as Tree;
  return shown.channel_group!.policies!.P!.policy;
}

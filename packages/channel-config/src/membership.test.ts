import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { signaturesNeeded, type VotingPolicy } from "@hansa/governance";
import { common, encode } from "@hansa/wire";
import { ChannelConfig } from "./channel-config.js";
import { computeConfigUpdate } from "./compute-update.js";
import { withAnchorPeers, withApplicationPolicy, withOrganization } from "./edit.js";
import { equalTrees } from "./elements.js";
import { ConfigError } from "./error.js";
import { genesisBlock } from "./genesis.js";
import { changeMembership, describeChange, governedAdminsRule, isGoverned } from "./membership.js";
import { signedUpdate, type TestOrganization, testOrganization, testProfile } from "./testing/organization.js";
import { judgeConfigUpdate } from "./update.js";

const NAMES = [..."ABCDEFGHIJKLMN"];
const organizations = NAMES.map((name) => testOrganization(`${name}MSP`));
const newcomer = testOrganization("ZMSP");
const ordererOrg = testOrganization("Ordering");
const COMPARATORS = ["GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO"] as const;

function policy(thresholdPercentage: number, comparator: VotingPolicy["comparator"] = "GREATER_THAN"): VotingPolicy {
  return { thresholdPercentage, comparator, proposalDurationHours: 24 };
}

const MAJORITY = policy(50);
const admitted = { mspId: newcomer.mspId, mspConfig: newcomer.mspConfig };
const admission = { admits: [admitted], removes: [], policy: MAJORITY };
const mspIds = (orgs: readonly TestOrganization[]) => orgs.map((org) => org.mspId);

function channelOf(members: readonly TestOrganization[], adminsPolicy?: string): ChannelConfig {
  const rule = adminsPolicy ?? governedAdminsRule(mspIds(members), MAJORITY);
  return ChannelConfig.fromBlock(genesisBlock(testProfile(members, ordererOrg, { adminsPolicy: rule })));
}

/** What an orderer makes of the change when these sign it. */
function judged(channel: ChannelConfig, after: common.IConfig, signers: readonly TestOrganization[]): ChannelConfig {
  const update = computeConfigUpdate("trade", channel.config, after);
  const admins = signers.map((org) => org.identity("admin"));
  return judgeConfigUpdate(channel, signedUpdate(update, admins)).next;
}

const membersOf = (channel: ChannelConfig) =>
  channel
    .applicationOrgs()
    .map((org) => org.mspId)
    .sort();

function adminsRuleOf(config: common.IConfig): common.IPolicy {
  return config.channelGroup?.groups?.Application?.policies?.Admins?.policy as common.IPolicy;
}

describe("the rule of a governed channel", () => {
  it("asks as many administrators as the voting policy asks votes", () => {
    assert.equal(governedAdminsRule(["B", "A", "C"], policy(50)), "OutOf(2, 'A.admin', 'B.admin', 'C.admin')");
    assert.equal(governedAdminsRule(["A"], policy(0, "GREATER_THAN_OR_EQUAL_TO")), "OutOf(1, 'A.admin')");
    assert.equal(governedAdminsRule(["A", "B"], policy(100)), "OutOf(2, 'A.admin', 'B.admin')");
    assert.throws(() => governedAdminsRule([], MAJORITY), ConfigError);
  });

  it("is satisfied by exactly the votes that approve, for 1 to 14 members and every percentage", () => {
    const verdicts = new Map<string, boolean>();
    const isEnough = (n: number, k: number, signers: number) => {
      const key = `${n} ${k} ${signers}`;
      let verdict = verdicts.get(key);
      if (verdict === undefined) {
        const members = organizations.slice(0, n);
        const admins = members.map((org) => `'${org.mspId}.admin'`).join(", ");
        const channel = channelOf(members, `OutOf(${k}, ${admins})`);
        const after = changeMembership(channel.config, admission);
        try {
          // The last ones sign: the founder is nobody special.
          assert.deepEqual(membersOf(judged(channel, after, members.slice(n - signers))), [
            ...mspIds(members),
            newcomer.mspId,
          ]);
          verdict = true;
        } catch (error) {
          assert.match(String(error), /policy for \[Group\] {2}\/Channel\/Application not satisfied/);
          verdict = false;
        }
        verdicts.set(key, verdict);
      }
      return verdict;
    };
    for (let n = 1; n <= 14; n++) {
      for (let percentage = 0; percentage <= 100; percentage++) {
        for (const comparator of COMPARATORS) {
          const voting = policy(percentage, comparator);
          const rule = governedAdminsRule(mspIds(organizations.slice(0, n)), voting);
          const k = Number(/OutOf\((\d+)/.exec(rule)?.[1]);
          assert.equal(k, signaturesNeeded(voting, n));
          const approves = (votes: number) =>
            comparator === "GREATER_THAN" ? votes * 100 > percentage * n : votes * 100 >= percentage * n;
          // Beyond what can be voted, a channel asks for one at least and for all at most.
          assert.ok(isEnough(n, k, k), `${rule} with ${k}`);
          assert.ok(approves(k) || (percentage === 100 && comparator === "GREATER_THAN"));
          if (k === 1) continue;
          assert.ok(!isEnough(n, k, k - 1), `${rule} with ${k - 1}`);
          assert.ok(!approves(k - 1));
        }
      }
    }
    assert.ok(verdicts.size > 100);
  });
});

describe("a change of members", () => {
  const three = organizations.slice(0, 3);
  const channel = channelOf(three);

  it("admits one and raises the number that must sign next", () => {
    const next = judged(channel, changeMembership(channel.config, admission), three.slice(1));
    assert.deepEqual(membersOf(next), ["AMSP", "BMSP", "CMSP", "ZMSP"]);
    assert.ok(isGoverned(next.config));
    const removal = { admits: [], removes: ["AMSP"], policy: MAJORITY };
    const after = changeMembership(next.config, removal);
    assert.throws(() => judged(next, after, three.slice(1)), /not satisfied/);
    assert.deepEqual(membersOf(judged(next, after, [...three.slice(1), newcomer])), ["BMSP", "CMSP", "ZMSP"]);
  });

  it("takes several out at once, those that sign it among them", () => {
    const five = organizations.slice(0, 5);
    const governed = channelOf(five);
    const after = changeMembership(governed.config, { admits: [], removes: ["AMSP", "BMSP"], policy: MAJORITY });
    const next = judged(governed, after, five.slice(0, 3));
    assert.deepEqual(membersOf(next), ["CMSP", "DMSP", "EMSP"]);
    assert.ok(isGoverned(next.config));
  });

  it("of the voting policy alone changes the rule alone", () => {
    const change = { admits: [], removes: [], policy: policy(100, "GREATER_THAN_OR_EQUAL_TO") };
    const after = changeMembership(channel.config, change);
    assert.deepEqual(describeChange(channel.config, after), [
      "changes policy /Channel/Application/Admins from 2 of 3 (AMSP.admin, BMSP.admin, CMSP.admin) to 3 of 3 (AMSP.admin, BMSP.admin, CMSP.admin)",
    ]);
    const next = judged(channel, after, three.slice(0, 2));
    assert.throws(() => judged(next, changeMembership(next.config, admission), three.slice(0, 2)), /not satisfied/);
  });

  it("changes nothing the second time, nor what is there already", () => {
    const once = changeMembership(channel.config, admission);
    const twice = changeMembership(once, admission);
    assert.ok(equalTrees(once.channelGroup!, twice.channelGroup!));
    assert.equal(changeMembership(once, admission), once);
    const settled = withAnchorPeers(once, "ZMSP", [{ host: "peer.z", port: 7051 }]);
    assert.ok(equalTrees(settled.channelGroup!, changeMembership(settled, admission).channelGroup!));
    const stranger = { admits: [], removes: ["NobodyMSP"], policy: MAJORITY };
    assert.equal(changeMembership(channel.config, stranger), channel.config);
    assert.deepEqual(describeChange(once, twice), []);
  });

  it("gives the same bytes from the same configuration and leaves that as it is", () => {
    const before = encode(common.Config, channel.config);
    const bytes = () =>
      encode(
        common.ConfigUpdate,
        computeConfigUpdate("trade", channel.config, changeMembership(channel.config, admission)),
      );
    assert.deepEqual(bytes(), bytes());
    assert.deepEqual(encode(common.Config, channel.config), before);
  });

  it("finds a member by its MSP id, whatever its group is called", () => {
    const named = { mspId: "ZMSP", mspConfig: newcomer.mspConfig, name: "Zeta" };
    const config = withApplicationPolicy(
      withOrganization(channel.config, named),
      "Admins",
      governedAdminsRule([...mspIds(three), "ZMSP"], MAJORITY),
    );
    assert.ok(isGoverned(config));
    assert.equal(changeMembership(config, admission), config);
    const after = changeMembership(config, { admits: [], removes: ["ZMSP"], policy: MAJORITY });
    assert.deepEqual(Object.keys(after.channelGroup?.groups?.Application?.groups ?? {}).sort(), mspIds(three));
    assert.deepEqual(describeChange(config, after), [
      "removes ZMSP",
      "changes policy /Channel/Application/Admins from 3 of 4 (AMSP.admin, BMSP.admin, CMSP.admin, ZMSP.admin) to 2 of 3 (AMSP.admin, BMSP.admin, CMSP.admin)",
    ]);
  });

  it("keeps a rule that somebody else chose", () => {
    for (const rule of [
      "MAJORITY Admins",
      "OR('AMSP.admin')",
      "OutOf(2, 'AMSP.peer', 'BMSP.admin', 'CMSP.admin')",
      "AND('AMSP.admin', OR('BMSP.admin', 'CMSP.admin'))",
    ]) {
      const other = channelOf(three, rule);
      assert.equal(isGoverned(other.config), false);
      const after = changeMembership(other.config, admission);
      assert.deepEqual(describeChange(other.config, after), ["admits ZMSP"]);
      assert.deepEqual(adminsRuleOf(after), adminsRuleOf(other.config));
    }
    const next = judged(
      channelOf(three, "MAJORITY Admins"),
      changeMembership(channelOf(three, "MAJORITY Admins").config, admission),
      three.slice(0, 2),
    );
    assert.equal(membersOf(next).length, 4);
  });

  it("may take the last one out, which leaves the rule as it was", () => {
    const one = channelOf(organizations.slice(0, 1));
    const after = changeMembership(one.config, { admits: [], removes: ["AMSP"], policy: MAJORITY });
    assert.deepEqual(membersOf(judged(one, after, organizations.slice(0, 1))), []);
    assert.deepEqual(adminsRuleOf(after), adminsRuleOf(one.config));
    assert.equal(isGoverned(after), false);
  });

  it("needs a channel that can have members", () => {
    const { Orderer } = channel.config.channelGroup?.groups ?? {};
    const system = { channelGroup: { groups: { Orderer: Orderer! } } };
    assert.throws(() => changeMembership(system, admission), { message: /has no application section/ });
    const unnamable = { ...admission, admits: [{ ...admitted, mspId: "Z MSP" }] };
    assert.throws(() => changeMembership(channel.config, unnamable), { message: /cannot be named in a policy/ });
  });
});

describe("a change in words", () => {
  it("names what came, went and changed", () => {
    const channel = channelOf(organizations.slice(0, 2));
    const moved = withAnchorPeers(channel.config, "AMSP", [{ host: "elsewhere", port: 1 }]);
    const open = withApplicationPolicy(moved, "Readers", "OR('AMSP.member', 'BMSP.member')");
    assert.deepEqual(describeChange(channel.config, open), [
      "changes value /Channel/Application/AMSP/AnchorPeers",
      "changes policy /Channel/Application/Readers from ANY Readers to 1 of 2 (AMSP.member, BMSP.member)",
    ]);
    const extra = withApplicationPolicy(channel.config, "Auditors", "ALL Readers");
    assert.deepEqual(describeChange(channel.config, extra), ["adds policy /Channel/Application/Auditors: ALL Readers"]);
    assert.deepEqual(describeChange(extra, channel.config), [
      "drops policy /Channel/Application/Auditors: ALL Readers",
    ]);
  });
});

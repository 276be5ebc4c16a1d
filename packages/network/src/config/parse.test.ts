import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { networkShape } from "./file-shape.js";
import { orderingWith } from "./ordering.js";
import { parseNetworkFile, parseNetworkObject } from "./parse.js";
import { NetworkFileError } from "./problems.js";
import { jsonSchema } from "./shape.js";

const configs = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../../network-configs");

/** Each wrong file and the exact sentence it earns. */
const wrong: readonly (readonly [name: string, text: string, ...problems: string[]])[] = [
  [
    "a misspelt setting",
    "network: a\nmembers:\n  - nmae: Pub\n",
    `net.yaml:3:5: members[0] has the unknown setting "nmae"; expected one of name, account, domain, mspId, peers, ca, users. Did you mean "name"?`,
    "net.yaml:3:5: members[0].name is nothing; expected the member's name.",
  ],
  [
    "a mode that does not exist",
    "network: a\nmode: proceses\nmembers: [{name: Pub}]\n",
    `net.yaml:2:7: mode is "proceses"; expected one of processes, inline. Did you mean "processes"?`,
  ],
  [
    "a port outside the range",
    "network: a\nmembers:\n  - name: Pub\n    peers:\n      - port: 70000\n",
    "net.yaml:5:15: members[0].peers[0].port is 70000; expected a whole number from 1 to 65535.",
  ],
  [
    "a number of peers",
    "network: a\nmembers:\n  - name: Pub\n    peers: 2\n",
    "net.yaml:4:12: members[0].peers is 2; expected a list with an entry for each peer, such as [{}, {}].",
  ],
  [
    "more members than a machine takes",
    `network: a\nmembers: [${Array.from({ length: 51 }, (_, index) => `{name: M${index}}`).join(", ")}]\n`,
    "net.yaml:2:1: members is a list of 51; expected a list of at most 50.",
  ],
  ["no members", "network: a\nmembers: []\n", "net.yaml:2:1: members is a list of 0; expected a list of at least 1."],
  [
    "the same member twice",
    "network: a\nmembers:\n  - name: Pub\n  - name: pub\n    domain: other.example.com\n    mspId: OtherMSP\n",
    `net.yaml:4:11: members[1].name is "pub", which is taken; expected a value used once.`,
  ],
  [
    "a member with the ordering organisation's name",
    "network: a\nmembers: [{name: Orderer, mspId: AMSP}]\n",
    `net.yaml:2:18: members[0].name is "Orderer"; expected a name other than Orderer, which the ordering organisation has.`,
  ],
  [
    "two nodes on one port",
    "network: a\nmembers:\n  - name: Pub\n    ca: { port: 7054 }\n    peers: [{ port: 7054 }]\n",
    `net.yaml:5:21: members[0].peers[0].port is 7054, which is taken; expected a value used once.`,
  ],
  [
    "a channel member that is no member",
    "network: a\nmembers: [{name: Brewery}]\nchannels:\n  - name: c\n    members: [Brewrey]\n",
    `net.yaml:5:15: channels[0].members[0] is "Brewrey"; expected one of Brewery. Did you mean "Brewery"?`,
  ],
  [
    "a channel member named twice",
    "network: a\nmembers: [{name: Pub}]\nchannels:\n  - name: c\n    members: [Pub, Pub]\n",
    `net.yaml:5:20: channels[0].members[1] is "Pub", which is taken; expected a value used once.`,
  ],
  [
    "a contract on an unknown channel",
    "network: a\nmembers: [{name: Pub}]\nchannels: [{name: trade}]\ncontracts:\n  - {name: s, channel: trad, path: x}\n",
    `net.yaml:5:24: contracts[0].channel is "trad"; expected one of trade. Did you mean "trade"?`,
  ],
  [
    "an endorsement policy that names a stranger",
    "network: a\nmembers: [{name: Pub}]\nchannels: [{name: t}]\ncontracts:\n  - {name: s, channel: t, path: x, endorsement: \"OR('PbMSP.peer')\"}\n",
    `net.yaml:5:49: contracts[0].endorsement is "OR('PbMSP.peer')"; expected MSP ids of the channel's members: PubMSP. Did you mean "PubMSP"?`,
  ],
  [
    "a time without a unit",
    "network: a\nmembers: [{name: Pub}]\nchannels:\n  - name: t\n    batch: { timeout: 2 }\n",
    "net.yaml:5:23: channels[0].batch.timeout is 2; expected a time above zero with its unit, such as 200ms or 2s.",
  ],
  [
    "batch sizes that contradict each other",
    "network: n\nmembers: [{name: Pub}]\nchannels:\n  - name: t\n    batch: {preferredSize: 3 MB, maxSize: 1 MB}\n  - name: u\n    batch: {preferredSize: 11 MB}\n",
    'net.yaml:5:43: channels[0].batch.maxSize is "1 MB"; expected at least the preferredSize, 3 MB.',
    'net.yaml:7:28: channels[1].batch.preferredSize is "11 MB"; expected at most the maxSize, which is 10 MB.',
  ],
  [
    "an account that is a number",
    "network: a\nmembers:\n  - name: Pub\n    account: 123456789012\n",
    `net.yaml:4:14: members[0].account is 123456789012; expected an account of 12 digits in quotes, such as "000000000001".`,
  ],
  [
    "a threshold that nobody can reach",
    "network: a\nmembers: [{name: Pub}]\ngovernance:\n  threshold: 101\n  comparator: GREATER_THEN\n  proposalHours: 0\n",
    "net.yaml:4:14: governance.threshold is 101; expected a whole number from 0 to 100.",
    `net.yaml:5:15: governance.comparator is "GREATER_THEN"; expected one of GREATER_THAN, GREATER_THAN_OR_EQUAL_TO. Did you mean "GREATER_THAN"?`,
    "net.yaml:6:18: governance.proposalHours is 0; expected a whole number from 1 to 168.",
  ],
  [
    "a channel for newcomers that is none",
    "network: a\nmembers: [{name: Pub}]\nchannels: [{name: trade}]\ngovernance:\n  channels: [trad]\n",
    `net.yaml:5:14: governance.channels[0] is "trad"; expected one of trade. Did you mean "trade"?`,
  ],
  [
    "several orderers without an engine that they could share, and its settings",
    "network: a\nmembers: [{name: Pub}]\nordering:\n  orderers: 3\n  replicas: 2\n",
    "net.yaml:4:13: ordering.orderers is 3; expected 1, or engine: jetstream, by which several orderers share the order.",
    "net.yaml:5:13: ordering.replicas is 2; expected no such setting, or engine: jetstream.",
    "net.yaml:5:13: ordering.replicas is 2; expected 1, 3 or 5.",
  ],
  [
    "NATS servers that cannot be reached or known",
    "network: a\nmembers: [{name: Pub}]\nordering:\n  engine: jetstream\n  servers: [nats-1]\n",
    `net.yaml:5:13: ordering.servers[0] is "nats-1"; expected a server such as tls://nats-1.example.com:4222.`,
  ],
  [
    "a list instead of settings",
    "- a\n",
    "net.yaml:1:1: the file is a list of 1; expected settings such as network, mode, batching.",
  ],
  ["an empty file", "", "net.yaml:1:1: the file is nothing; expected settings such as network, mode, batching."],
];

describe("network file", () => {
  for (const [name, text, ...problems] of wrong) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => parseNetworkFile(text, "net.yaml"),
        (error) => {
          assert.ok(error instanceof NetworkFileError);
          assert.deepEqual(error.problems, problems);
          return true;
        },
      );
    });
  }

  it("names the line of broken YAML", () => {
    assert.throws(
      () => parseNetworkFile("network: a\nmembers: [\n", "net.yaml"),
      /net\.yaml:\d+:\d+: this is not YAML/,
    );
    assert.throws(() => parseNetworkFile("network: a\nnetwork: b\n", "net.yaml"), /net\.yaml:2:1: .*unique/);
  });

  it("refuses alias bombs and prototype tricks", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefgh"
      .split("")
      .map((k, i) => `${k}: &${k} [${Array(9).fill(`*${"abcdefgh"[i]}`).join(",")}]`)
      .join("\n")}\n`;
    assert.throws(() => parseNetworkFile(bomb, "net.yaml"), NetworkFileError);
    assert.throws(() => parseNetworkObject(JSON.parse('{"__proto__":{"network":"a"},"members":[]}')), NetworkFileError);
  });

  it("fills in every default", () => {
    const config = parseNetworkFile("network: n\nmembers: [{name: Pub}]\nchannels: [{name: t}]\n", "net.yaml");
    assert.deepEqual(config.members, [
      {
        name: "Pub",
        memberId: undefined,
        account: "000000000001",
        domain: "pub.example.com",
        mspId: "PubMSP",
        caPort: undefined,
        peers: [{ name: "peer0", nodeId: undefined, port: undefined }],
        users: ["User1"],
      },
    ]);
    assert.deepEqual(config.channels[0], {
      name: "t",
      members: ["Pub"],
      batch: { timeoutMs: 2000, maxMessageCount: 500, preferredMaxBytes: 2097152, absoluteMaxBytes: 10485760 },
    });
    assert.equal(config.mode, "processes");
    assert.equal(config.channelEndorsement, "majority");
    assert.deepEqual(config.governance, {
      policy: { thresholdPercentage: 50, comparator: "GREATER_THAN", proposalDurationHours: 24 },
      rules: { electorate: "live", rejection: "unreachable", memberLimit: 0, simulatedClock: false },
      channels: { kind: "all" },
      edition: "STANDARD",
    });
    assert.ok(Object.isFrozen(config.members[0]!.peers));
  });

  it("takes members without peers, no channels, accounts, and the members' rules", () => {
    const { members, channels, governance } = parseNetworkObject({
      network: "n",
      members: [{ name: "Pub", account: "123456789012", peers: [] }, { name: "Inn" }],
      channels: [],
      governance: {
        threshold: 100,
        comparator: "GREATER_THAN_OR_EQUAL_TO",
        proposalHours: 168,
        channels: "none",
        electorate: "snapshot",
        rejection: "no-share",
        memberLimit: 5,
        edition: "STARTER",
        clock: "simulated",
      },
    });
    assert.deepEqual(members[0]!.peers, []);
    assert.deepEqual(
      members.map(({ account }) => account),
      ["123456789012", "000000000002"],
    );
    assert.deepEqual(channels, []);
    assert.deepEqual(governance, {
      policy: { thresholdPercentage: 100, comparator: "GREATER_THAN_OR_EQUAL_TO", proposalDurationHours: 168 },
      rules: { electorate: "snapshot", rejection: "no-share", memberLimit: 5, simulatedClock: true },
      channels: { kind: "none" },
      edition: "STARTER",
    });
  });

  for (const file of readdirSync(configs).filter((name) => name.endsWith(".yaml"))) {
    it(`reads network-configs/${file}, which names its schema for editors`, () => {
      const text = readFileSync(path.join(configs, file), "utf8");
      assert.match(text, /^# yaml-language-server: \$schema=schema\/network\.schema\.json\n/);
      assert.equal(parseNetworkFile(text, file).name, file.replace(".yaml", ""));
    });
  }

  it("takes what YAML merges into a group of settings", () => {
    const text = "network: a\nmembers:\n  - &first\n    name: Pub\n    users: [Ann]\n  - <<: *first\n    name: Bar\n";
    const { members } = parseNetworkFile(text, "net.yaml");
    assert.deepEqual(
      members.map(({ name, users }) => [name, users]),
      [
        ["Pub", ["Ann"]],
        ["Bar", ["Ann"]],
      ],
    );
  });

  it("tells twenty problems and how many more there are", () => {
    const text = `network: a\nmembers:\n${"  - name: 7\n".repeat(50)}`;
    assert.throws(
      () => parseNetworkFile(text, "net.yaml"),
      (error) =>
        error instanceof NetworkFileError &&
        error.problems.length === 50 &&
        error.message.split("\n").length === 21 &&
        error.message.endsWith("\n… and 30 more problems."),
    );
  });

  it("bounds logs by what it says of them, and by defaults", () => {
    const logs = (section: object) =>
      parseNetworkObject({ network: "a", members: [{ name: "Pub" }], logs: section }).logs;
    assert.equal(parseNetworkObject({ network: "a", members: [{ name: "Pub" }] }).logs, undefined);
    assert.deepEqual(logs({ maxSize: "4 KB" }), { maxBytes: 4_096, kept: 3 });
    assert.deepEqual(logs({ keep: 9 }), { maxBytes: 16 * 2 ** 20, kept: 9 });
  });

  it("has a JSON schema that says the same", () => {
    const schema = JSON.parse(readFileSync(path.join(configs, "schema/network.schema.json"), "utf8"));
    const { $schema: _, title: __, ...shape } = schema;
    assert.deepEqual(
      shape,
      JSON.parse(JSON.stringify(jsonSchema(networkShape))),
      "run node scripts/generate-schema.mjs",
    );
  });
});

describe("an ordering other than the file's", () => {
  const { ordering } = parseNetworkObject({ network: "a", members: [{ name: "Pub" }] });

  it("comes with its usual number of orderers", () => {
    assert.deepEqual(orderingWith(ordering, {}), ordering);
    assert.deepEqual(orderingWith(ordering, { engine: "jetstream" }), {
      ...ordering,
      engine: "jetstream",
      orderers: 3,
    });
    assert.equal(orderingWith(ordering, { engine: "jetstream", orderers: 5 }).orderers, 5);
  });

  it("is refused where so many cannot be, or cannot share an order", () => {
    for (const orderers of [0, 10])
      assert.throws(() => orderingWith(ordering, { engine: "jetstream", orderers }), /has 1 to 9 orderers, not \d+/);
    assert.throws(() => orderingWith(ordering, { orderers: 3 }), /3 orderers cannot share an order/);
  });
});

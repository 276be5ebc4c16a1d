/**
 * The network file. Its JSON schema, `network-configs/schema/network.schema.json`, is generated from here by
 * `scripts/generate-schema.mjs`; a test says when the two differ.
 */
import { MOST_ORDERERS } from "./ordering.js";
import type { ValueOf } from "./shape.js";
import { optional, required } from "./shape.js";

/** What one machine can take: every member has an authority and peers, and every two peers talk to each other. */
const MOST_MEMBERS = 50;
const MOST_PEERS = 20;
const port = { kind: "integer", min: 1, max: 65535 } as const;
const count = { kind: "integer", min: 1, max: 1_000_000 } as const;
const name = {
  kind: "text",
  pattern: /^[A-Za-z][A-Za-z0-9-]{0,39}$/,
  like: "a name of letters, digits and hyphens that starts with a letter",
} as const;
const networkName = {
  kind: "text",
  pattern: /^[a-z][a-z0-9-]{0,39}$/,
  like: "a name of lower-case letters, digits and hyphens that starts with a letter",
} as const;
/** Source: hyperledger/fabric, common/configtx/validator.go (channel ids). */
const channelName = {
  kind: "text",
  pattern: /^[a-z][a-z0-9.-]{0,248}$/,
  like: "a channel name of lower-case letters, digits, dots and hyphens that starts with a letter",
} as const;
/** Source: hyperledger/fabric, core/chaincode/lifecycle/scc.go (chaincode names and versions). */
const contractName = {
  kind: "text",
  pattern: /^[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*$/,
  like: "a contract name of letters and digits, joined by single hyphens or underscores",
} as const;
const contractVersion = {
  kind: "text",
  pattern: /^[A-Za-z0-9_.+-]+$/,
  like: "a version of letters, digits, and the signs _ . + -",
} as const;
const domain = {
  kind: "text",
  pattern: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
  like: "a domain name in lower case, such as brewery.example.com",
} as const;
const mspId = {
  kind: "text",
  pattern: /^[A-Za-z][A-Za-z0-9.-]{0,99}$/,
  like: "an MSP id, such as BreweryMSP",
} as const;
const account = {
  kind: "text",
  pattern: /^\d{12}$/,
  like: 'an account of 12 digits in quotes, such as "000000000001"',
} as const;
const caAdminName = {
  kind: "text",
  pattern: /^[A-Za-z0-9._-]{1,64}$/,
  like: "an id of letters, digits, dots, hyphens and underscores",
} as const;
const password = { kind: "text", pattern: /./, like: "a password" } as const;
const natsServer = {
  kind: "text",
  pattern: /^(nats|tls):\/\/[^\s/@]+:\d{1,5}$/,
  like: "a server such as tls://nats-1.example.com:4222",
} as const;
const path = { kind: "text", pattern: /./, like: "a path, relative to this file" } as const;
const policy = {
  kind: "text",
  pattern: /./,
  like: "majority, all, any, or a policy such as OutOf(2, 'BreweryMSP.peer', 'PubMSP.peer')",
} as const;

const batch = {
  kind: "record",
  fields: {
    timeout: optional(
      { kind: "duration" },
      "the longest a transaction waits for others to fill its block; 2s unless given",
    ),
    maxMessages: optional(count, "the most transactions in a block; 500 unless given"),
    preferredSize: optional({ kind: "size" }, "a block is cut before it grows past this; 2 MB unless given"),
    maxSize: optional({ kind: "size" }, "no block is larger than this; 10 MB unless given"),
  },
} as const;

export const networkShape = {
  kind: "record",
  fields: {
    network: required(networkName, "the name of the network, which names its folder under .hansa"),
    mode: optional(
      { kind: "choice", values: ["processes", "inline"] },
      "processes: every node in its own process (the default); inline: all nodes in one process",
    ),
    batching: optional(
      { kind: "choice", values: ["adaptive", "fabric"] },
      "adaptive: a block is written as soon as the last one is (the default); fabric: wait for the batch timer as Fabric does",
    ),
    contractsRun: optional(
      { kind: "choice", values: ["process", "worker", "peer"] },
      "process: every contract in a process of its own (the default); worker: in a thread of its peer's process; peer: in its peer's own thread, without a process of its own, for trusted contracts",
    ),
    contractTimeouts: optional(
      {
        kind: "record",
        fields: {
          execute: optional({ kind: "duration" }, "the longest one call of a contract may take; 30s unless given"),
          start: optional({ kind: "duration" }, "the longest a contract may take to get ready; 300s unless given"),
        },
      },
      "how long peers wait for contracts",
    ),
    contractMemory: optional(
      { kind: "size" },
      "how much memory one contract may hold before it is ended; 2048 MB unless given",
    ),
    logs: optional(
      {
        kind: "record",
        fields: {
          maxSize: optional(
            { kind: "size" },
            "a node's log of this size is set aside, and a new one begun; 16 MB unless given",
          ),
          keep: optional(
            { kind: "integer", min: 1, max: 1_000 },
            "how many of those are kept beside the newest log of each node; 3 unless given",
          ),
        },
      },
      "how large nodes' logs may grow",
    ),
    operations: optional(
      {
        kind: "either",
        of: [
          { kind: "boolean" },
          {
            kind: "record",
            fields: {
              tls: optional(
                { kind: "boolean" },
                "over HTTPS, with metrics and log levels for holders of a client certificate of the node's organisation only; false unless given",
              ),
            },
          },
        ],
      },
      "every node's health, metrics and log levels over HTTP, on this machine only: true (the default), false, or settings",
    ),
    members: required(
      {
        kind: "list",
        minItems: 1,
        maxItems: MOST_MEMBERS,
        of: {
          kind: "record",
          fields: {
            name: required(name, "the member's name"),
            account: optional(
              account,
              "the account whose member it is; 000000000001, 000000000002, … in this order unless given",
            ),
            domain: optional(domain, "the member's domain; <name>.example.com unless given"),
            mspId: optional(mspId, "the member's MSP id; <Name>MSP unless given"),
            peers: optional(
              {
                kind: "list",
                minItems: 0,
                maxItems: MOST_PEERS,
                like: "a list with an entry for each peer, such as [{}, {}]",
                of: {
                  kind: "record",
                  fields: { port: optional(port, "the peer's port; a free one unless given") },
                },
              },
              "the member's peers; one unless given, and [] for none",
            ),
            ca: optional(
              {
                kind: "record",
                fields: {
                  port: optional(port, "the port of the member's certificate authority; a free one unless given"),
                  admin: optional(
                    {
                      kind: "record",
                      fields: {
                        name: required(caAdminName, "the id to enrol with"),
                        password: required(password, "the password to enrol with, as often as wanted"),
                      },
                    },
                    "who may register users at the authority by password, as Fabric's CA clients do; nobody unless given",
                  ),
                },
              },
              "the member's certificate authority",
            ),
            users: optional(
              { kind: "list", minItems: 1, of: name },
              "users to enrol besides the administrator; User1 unless given",
            ),
          },
        },
      },
      "the members, each with its peers and its certificate authority",
    ),
    orderer: optional(
      {
        kind: "record",
        fields: {
          domain: optional(domain, "the ordering organisation's domain; example.com unless given"),
          mspId: optional(mspId, "the ordering organisation's MSP id; OrdererMSP unless given"),
          port: optional(port, "the orderer's port; a free one unless given"),
          adminPort: optional(port, "the port of the orderer's channel participation API; a free one unless given"),
          ca: optional(
            {
              kind: "record",
              fields: { port: optional(port, "the port of the ordering organisation's certificate authority") },
            },
            "the ordering organisation's certificate authority",
          ),
        },
      },
      "the ordering service",
    ),
    ordering: optional(
      {
        kind: "record",
        fields: {
          engine: optional(
            { kind: "choice", values: ["embedded", "jetstream"] },
            "embedded: one orderer keeps the order itself (the default); jetstream: orderers share it over NATS JetStream",
          ),
          orderers: optional(
            { kind: "integer", min: 1, max: MOST_ORDERERS },
            "how many orderers, all for all channels; 1 unless given, 3 with jetstream",
          ),
          servers: optional(
            { kind: "list", minItems: 1, of: natsServer },
            "the NATS servers that you run; the network runs its own unless given",
          ),
          replicas: optional(
            { kind: "integer", min: 1, max: 5 },
            "on how many NATS servers each message is kept: 1, 3 (the default) or 5",
          ),
          tls: optional(
            {
              kind: "record",
              fields: {
                ca: required(path, "the certificate by which your NATS servers are known"),
                cert: optional(path, "the certificate that orderers show them"),
                key: optional(path, "its private key"),
              },
            },
            "how orderers and your NATS servers know each other",
          ),
          credentials: optional(path, "a .creds file, or a file with the seed of a user key, for your NATS servers"),
        },
      },
      "what puts transactions in order",
    ),
    channels: optional(
      {
        kind: "list",
        minItems: 0,
        of: {
          kind: "record",
          fields: {
            name: required(channelName, "the channel's name"),
            members: optional({ kind: "list", minItems: 1, of: name }, "the members on it; all of them unless given"),
            batch: optional(batch, "how the channel's blocks are cut"),
          },
        },
      },
      "the channels to create",
    ),
    contracts: optional(
      {
        kind: "list",
        minItems: 1,
        of: {
          kind: "record",
          fields: {
            name: required(contractName, "the contract's name"),
            channel: required(channelName, "the channel it runs on"),
            path: required(path, "the contract's folder, or a chaincode package (.tgz or .tar.gz)"),
            version: optional(contractVersion, "the version its definition states; 1.0 unless given"),
            endorsement: optional(policy, "who must endorse: majority (the default), all, any, or a signature policy"),
            collections: optional(
              path,
              "a file with the contract's private data collections, as Fabric's tools read it",
            ),
            initRequired: optional({ kind: "boolean" }, "whether Init must be called first; false unless given"),
          },
        },
      },
      "the contracts to deploy",
    ),
    governance: optional(
      {
        kind: "record",
        fields: {
          threshold: optional(
            { kind: "integer", min: 0, max: 100 },
            "how many members in a hundred must vote yes; 50 unless given",
          ),
          comparator: optional(
            { kind: "choice", values: ["GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO"] },
            "GREATER_THAN: more than the threshold (the default); GREATER_THAN_OR_EQUAL_TO: as many are enough",
          ),
          proposalHours: optional(
            { kind: "integer", min: 1, max: 168 },
            "how long a proposal is open, and an invitation after it; 24 unless given",
          ),
          channels: optional(
            {
              kind: "either",
              of: [
                { kind: "choice", values: ["all", "none"] },
                { kind: "list", minItems: 1, of: channelName },
              ],
            },
            "the channels that members enter which join later: all (the default), none, or a list of names",
          ),
          electorate: optional(
            { kind: "choice", values: ["live", "snapshot"] },
            "whose votes count: live, members when the tally is taken (the default); snapshot, members when the proposal was made",
          ),
          rejection: optional(
            { kind: "choice", values: ["unreachable", "no-share"] },
            "when a proposal is rejected early: unreachable, as approval is out of reach (the default); no-share, when the votes against meet the threshold themselves",
          ),
          memberLimit: optional(
            { kind: "integer", min: 0, max: 1000 },
            "the most members at a time; 0, the default, sets no limit",
          ),
          edition: optional(
            { kind: "choice", values: ["STARTER", "STANDARD"] },
            "what the Managed Blockchain API calls the network's edition; STANDARD unless given",
          ),
          clock: optional(
            { kind: "choice", values: ["system", "simulated"] },
            "system: the machine's time (the default); simulated: the network's time can be moved on",
          ),
        },
      },
      "how the members decide who joins and who leaves",
    ),
  },
} as const;

/** A network file's content, before names are resolved and defaults filled in. */
export type NetworkFile = ValueOf<typeof networkShape>;

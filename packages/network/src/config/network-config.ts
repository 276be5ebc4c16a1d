import type { ChannelChoice, Rules, VotingPolicy } from "@hansa/governance";
import type { LogLimits } from "../nodes/rotated-log.js";

/** A checked network with every default filled in; what everything below the network file works from. Frozen. */
export type NetworkConfig = {
  readonly name: string;
  /** "n-" and 26 base32 characters. Drawn at the first start; undefined only before. */
  readonly networkId: string | undefined;
  readonly mode: "processes" | "inline";
  readonly contractsRun: "process" | "worker" | "peer";
  readonly batching: "adaptive" | "fabric";
  /** How nodes answer about themselves; undefined when they do not. */
  readonly operations: "http" | "https" | undefined;
  /** How much memory a contract may hold; the peer's own default when undefined. */
  readonly contractMemoryMb: number | undefined;
  readonly contractTimeouts: { readonly executeMs: number; readonly startMs: number };
  /** When a node's log is full, and how many full ones are kept; the nodes' own bounds when undefined. */
  readonly logs: LogLimits | undefined;
  readonly members: readonly MemberConfig[];
  readonly orderer: OrdererConfig;
  readonly ordering: OrderingConfig;
  readonly channels: readonly ChannelDefinition[];
  readonly contracts: readonly ContractConfig[];
  /** Of channels made from now on: how many members must endorse, and approve a contract. */
  readonly channelEndorsement: "majority" | "any";
  readonly governance: GovernanceConfig;
};

/** How the members decide. Fixed when the network is founded; the policy changes by vote only. */
export type GovernanceConfig = {
  readonly policy: VotingPolicy;
  readonly rules: Rules;
  /** Channels that members enter which join later. */
  readonly channels: ChannelChoice;
  readonly edition: "STARTER" | "STANDARD";
  /** What the network calls itself where that is not the name of its folder. */
  readonly name?: string;
  readonly description?: string;
  readonly frameworkVersion?: string;
  /** Of the names that Managed Blockchain would give its orderer and authorities; they have only their own without. */
  readonly region?: string;
};

export type MemberConfig = {
  readonly name: string;
  /** "m-" and 26 base32 characters. Drawn at the first start; undefined only before. */
  readonly memberId: string | undefined;
  /** 12 digits: whose the member is. */
  readonly account: string;
  readonly description?: string;
  readonly domain: string;
  readonly mspId: string;
  /** Ports are undefined where a free one is to be chosen. */
  readonly caPort: number | undefined;
  /** Who registers users at the authority by password; not kept in the network's files. */
  readonly caAdmin?: CaAdministrator;
  readonly peers: readonly PeerDefinition[];
  readonly users: readonly string[];
};

/** Who administers a member's authority from outside, by password. */
export type CaAdministrator = { readonly username: string; readonly password: string };

export type PeerDefinition = {
  /** First label of its host name: "peer0", or its id in lower case. */
  readonly name: string;
  /** "nd-" and 26 base32 characters. Drawn at the first start; undefined only before. */
  readonly nodeId: string | undefined;
  readonly port: number | undefined;
  /** Host names that its TLS certificate is to carry besides its own. */
  readonly extraHosts?: readonly string[];
};

export type OrdererConfig = {
  readonly domain: string;
  readonly mspId: string;
  readonly port: number | undefined;
  readonly adminPort: number | undefined;
  readonly caPort: number | undefined;
};

/** What puts transactions in order. */
export type OrderingConfig = {
  readonly engine: "embedded" | "jetstream";
  readonly orderers: number;
  /** On how many NATS servers each message is kept. */
  readonly replicas: number;
  /** NATS servers that somebody else runs; none means that the network runs its own. */
  readonly servers: readonly string[];
  /** Files, for servers that somebody else runs. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  /** A file, for servers that somebody else runs. */
  readonly credentials?: string;
};

/** One orderer that keeps the order itself. */
export const EMBEDDED: OrderingConfig = { engine: "embedded", orderers: 1, replicas: 3, servers: [] };

export type ChannelDefinition = {
  readonly name: string;
  /** Names of members. */
  readonly members: readonly string[];
  readonly batch: {
    readonly timeoutMs: number;
    readonly maxMessageCount: number;
    readonly preferredMaxBytes: number;
    readonly absoluteMaxBytes: number;
  };
};

export type ContractConfig = {
  readonly name: string;
  readonly channel: string;
  /** Absolute, or relative to the working directory when the network came as an object. */
  readonly path: string;
  readonly version: string;
  /** "majority", "all", "any" or a signature policy in Fabric's text form. */
  readonly endorsement: string;
  readonly collections: string | undefined;
  readonly initRequired: boolean;
};

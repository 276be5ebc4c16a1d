/** A checked network with every default filled in; what everything below the network file works from. Frozen. */
export type NetworkConfig = {
  readonly name: string;
  readonly mode: "processes" | "inline";
  readonly contractsRun: "process" | "peer";
  readonly batching: "adaptive" | "fabric";
  readonly contractTimeouts: { readonly executeMs: number; readonly startMs: number };
  readonly members: readonly MemberConfig[];
  readonly orderer: OrdererConfig;
  readonly channels: readonly ChannelDefinition[];
  readonly contracts: readonly ContractConfig[];
};

export type MemberConfig = {
  readonly name: string;
  readonly domain: string;
  readonly mspId: string;
  /** Ports are undefined where a free one is to be chosen. */
  readonly caPort: number | undefined;
  readonly peers: readonly { readonly name: string; readonly port: number | undefined }[];
  readonly users: readonly string[];
};

export type OrdererConfig = {
  readonly domain: string;
  readonly mspId: string;
  readonly port: number | undefined;
  readonly adminPort: number | undefined;
  readonly caPort: number | undefined;
};

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

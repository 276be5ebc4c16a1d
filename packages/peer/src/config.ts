/** What a peer is told at its start. Read once, at the top; nothing below looks into the environment. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { OperationsConfig } from "@hansa/operations";
import type { Clock, Logger, MspId, Random } from "@hansa/primitives";
import type { TlsServer } from "@hansa/transport";
import type { msp } from "@hansa/wire";
import type { ExternalBuilderConfig } from "./chaincode/builders/builder.js";
import type { DialInConfig } from "./chaincode/builders/dial-in.js";
import type { ChaincodeLogLevel } from "./chaincode/child.js";
import type { ChaincodeExecution } from "./chaincode/runtime.js";
import type { Deliver } from "./committer/orderer-stream.js";
import { MEMBERSHIP_TIMES, type MembershipTimes } from "./membership/times.js";
import type { OtherPeer } from "./other-peer.js";
import type { RunningPeer } from "./running-peer.js";
import type { Alarm } from "./witness/evidence.js";

export type PeerConfig = {
  /** For log lines: "peer0.org1". */
  readonly name: string;
  readonly identity: {
    readonly mspId: MspId;
    readonly certPem: string;
    /** PKCS #8 or SEC 1. */
    readonly keyPem: string;
  };
  /** The peer's own organisation as it decides who may administer this peer. */
  readonly localMsp: msp.IMSPConfig;
  /** "host:port" for clients and other peers; port 0 takes a free one. */
  readonly listenAddress: string;
  /** "host:port" that others use; the address it listens on when absent. */
  readonly externalAddress?: string;
  /** Without it everything is plaintext, the connections to orderers too. */
  readonly tls?: TlsServer;
  /** What the peer shows to servers that ask for a certificate; that of `tls` when absent. */
  readonly clientTls?: { readonly certPem: string; readonly keyPem: string };
  /** Everything that this peer keeps: channels, packages, builds, logs of chaincodes. */
  readonly dataDirectory: string;
  /** Where snapshots of channels are written; `snapshots` in the data directory when absent. */
  readonly snapshotsDirectory?: string;
  /** "memory" keeps channels only as long as the peer runs, for tests. */
  readonly stores?: "disk" | "memory";
  readonly chaincode?: Partial<ChaincodeConfig>;
  /** Where an orderer is reached, by the "host:port" that the channel configuration lists. */
  readonly ordererOverrides?: Readonly<Record<string, OrdererOverride>>;
  /**
   * The other peers of a channel by its configuration in force: private data is passed on to them, and asked of them
   * when it was missed. Without it there are none.
   */
  readonly otherPeers?: (config: ChannelConfig) => readonly OtherPeer[];
  readonly membership?: Partial<MembershipConfig>;
  readonly discovery?: Partial<DiscoveryConfig>;
  readonly limits?: Partial<PeerLimits>;
  /** How missing private data is asked for. */
  readonly reconcile?: Partial<ReconcileSettings>;
  /** Health, metrics, log levels and version over HTTP. Absent: no such port. */
  readonly operations?: OperationsConfig;
  /** Called once for each alarm, also for those that an earlier run raised: a place for metrics. */
  readonly onAlarm?: (alarm: Alarm) => void;
  /** Called before the peer listens: the place to add further services that use it. */
  readonly mount?: (peer: RunningPeer) => void;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
};

export type ChaincodeConfig = {
  /** "host:port" where chaincode processes dial in. Plaintext, so it must be a loopback address. */
  readonly listenAddress: string;
  /** Whether chaincodes that the peer did not start may register from this machine: for debuggers. */
  readonly allowAttach: boolean;
  /**
   * "worker" runs Node contracts in threads of the peer's process: cheaper than processes, and less isolated. "inside"
   * runs them in the peer's own thread: much cheaper, not isolated at all. For tests and trusted code.
   */
  readonly execution: ChaincodeExecution;
  /** Of fabric-shim inside the processes that the peer starts; what a contract prints itself always goes to its log. */
  readonly logLevel: ChaincodeLogLevel;
  /** How much memory one contract may hold; of a worker, its JavaScript heap. */
  readonly maxMemoryMb: number;
  readonly executeTimeoutMs: number;
  readonly startupTimeoutMs: number;
  readonly buildTimeoutMs: number;
  /** Asked in this order whether they take a package; the peer builds what none takes. */
  readonly externalBuilders: readonly ExternalBuilderConfig[];
  /** Where chaincodes dial in that external builders run; nothing listens there without builders. */
  readonly dialIn: DialInConfig;
};

/** How this peer finds others that nobody named to it, and is found. */
export type MembershipConfig = {
  /** "host:port" of peers to ask first, beside the anchor peers that its channels name. */
  readonly bootstrap: readonly string[];
} & MembershipTimes;

export type DiscoveryConfig = {
  /** Whether the discovery service is offered. */
  readonly enabled: boolean;
  /** Whether all members of the peer's own organisation may ask for the peers it knows, not only administrators. */
  readonly orgMembersAllowedAccess: boolean;
};

export type OrdererOverride = {
  /** "host:port" to dial instead. */
  readonly address: string;
  /** PEM, in place of the roots from the channel configuration. */
  readonly rootPems?: readonly string[];
  /** Name to expect in its certificate. */
  readonly serverName?: string;
  /** Its Deliver, where it lives in the same process. Asked at each attempt to follow it. */
  readonly deliver?: () => Deliver | undefined;
};

/** Defaults are Fabric's. Source: hyperledger/fabric, sampleconfig/core.yaml. */
export type PeerLimits = {
  readonly endorserConcurrency: number;
  readonly deliverConcurrency: number;
  /** Of the gateway that is mounted on the peer. Waiting for a commit or for events counts too. */
  readonly gatewayConcurrency: number;
  /** How far the timestamp of a Deliver request may be from the clock. */
  readonly authenticationWindowMs: number;
  readonly ordererConnectTimeoutMs: number;
};

export const CHAINCODE_DEFAULTS: ChaincodeConfig = {
  listenAddress: "127.0.0.1:0",
  allowAttach: false,
  execution: "process",
  maxMemoryMb: 2_048,
  logLevel: "warning",
  executeTimeoutMs: 30_000,
  startupTimeoutMs: 300_000,
  buildTimeoutMs: 300_000,
  externalBuilders: [],
  dialIn: { listenAddress: "127.0.0.1:0" },
};

export const MEMBERSHIP_DEFAULTS: MembershipConfig = { bootstrap: [], ...MEMBERSHIP_TIMES };

/** Source: hyperledger/fabric, sampleconfig/core.yaml (peer.discovery). */
export const DISCOVERY_DEFAULTS: DiscoveryConfig = { enabled: true, orgMembersAllowedAccess: false };

export const LIMIT_DEFAULTS: PeerLimits = {
  endorserConcurrency: 2_500,
  deliverConcurrency: 2_500,
  gatewayConcurrency: 500,
  authenticationWindowMs: 15 * 60_000,
  ordererConnectTimeoutMs: 3_000,
};

export type ReconcileSettings = {
  /** At most, between the end of one round and the beginning of the next; sooner after something new is missing. */
  readonly intervalMs: number;
  /** Blocks that are asked for before what came is counted. */
  readonly batchBlocks: number;
};

/** Source: hyperledger/fabric, sampleconfig/core.yaml (peer.gossip.pvtData). */
export const RECONCILE_DEFAULTS: ReconcileSettings = { intervalMs: 60_000, batchBlocks: 10 };

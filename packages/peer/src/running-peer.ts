/** A peer as those who started it see it. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { ChaincodeDefinition } from "@hansa/endorsement/lifecycle";
import type { CommittedBlock } from "@hansa/ledger";
import type { SigningIdentity } from "@hansa/msp";
import type { CancelSignal } from "@hansa/primitives";
import type { RpcServer } from "@hansa/transport";
import type { TransactionStatus } from "./channel.js";
import type { OtherPeer } from "./other-peer.js";
import type { EndorserFailure } from "./services/explanations.js";
import type { SnapshotRequests } from "./snapshots/requests.js";
import type { Alarm } from "./witness/evidence.js";

export interface RunningPeer {
  readonly name: string;
  readonly mspId: string;
  /** "host:port" as others know it. */
  readonly address: string;
  /** Bytes of msp.SerializedIdentity. */
  readonly identity: Uint8Array;
  readonly signer: SigningIdentity;
  /** "host:port" where chaincodes dial in. */
  readonly chaincodeAddress: string;
  /** Where health, metrics, log levels and version are asked for; undefined when they are not served. */
  readonly operationsUrl: string | undefined;
  /** For further services on the peer's address. */
  readonly server: Pick<RpcServer, "addService">;

  /**
   * Joins the channel of a genesis block and begins to follow its orderers; durable when it resolves.
   * @returns the channel's id
   * @throws HansaError ALREADY_JOINED, ConfigError
   */
  join(genesisBlock: Uint8Array): Promise<string>;
  /**
   * Joins the channel of a snapshot in a folder of this machine, ours or a Fabric peer's.
   * @returns the channel's id
   * @throws HansaError SNAPSHOT_MISSING, JOINING, ALREADY_JOINED; Error when the snapshot is not sound
   */
  joinBySnapshot(folder: string): Promise<string>;
  /** Channels that were paused while the peer was stopped: it is in them, and lets them be. */
  pausedChannelIds(): string[];
  /** The snapshots that were asked of a channel; undefined when this peer has not joined it. */
  snapshots(channelId: string): SnapshotRequests | undefined;
  channelIds(): string[];
  /** The configuration in force; undefined when this peer has not joined the channel. */
  channel(channelId: string): ChannelConfig | undefined;
  /** Why a channel takes no more blocks; undefined while it does. */
  channelFailure(channelId: string): Error | undefined;
  /** Orderers that have shown two histories and were not cleared by an operator: nothing is taken from them. */
  alarms(): readonly Alarm[];
  /** Number of the last block of the newest digest that this peer has co-signed; undefined before the first one. */
  witnessedTip(channelId: string): number | undefined;

  /**
   * The channel's other peers that can be asked to endorse: those that were named to this one or found by it, and anchor
   * peers that are Fabric's.
   */
  others(channelId: string): readonly OtherPeer[];
  /**
   * hansa.peer.Membership/Exchange: bytes of SignedMembershipQuestion in, of SignedMembershipAnswer out.
   * @throws RpcStatus INVALID_ARGUMENT, PERMISSION_DENIED
   */
  exchangeMembership(signedQuestion: Uint8Array): Promise<Uint8Array>;

  /**
   * Endorser.ProcessProposal: bytes of protos.SignedProposal in, of protos.ProposalResponse out.
   * @throws RpcStatus UNKNOWN with Fabric's text when the proposal is malformed or its signer may not propose
   */
  endorseLocal(signedProposal: Uint8Array, signal?: CancelSignal): Promise<Uint8Array>;

  /** The committed definition. */
  definition(channelId: string, chaincode: string): ChaincodeDefinition | undefined;
  /** Whether this peer can run the chaincode: approved by its organisation, and installed or attached. */
  hasChaincode(channelId: string, chaincode: string): boolean;
  /** Whether somebody steps through a contract on this peer, so that its calls take as long as they take. */
  isDebugging(): boolean;
  /** Names of all chaincodes of a channel that this peer can run. */
  runnableChaincodes(channelId: string): Promise<string[]>;

  /** Count of committed blocks; 0 for an unknown channel. */
  ledgerHeight(channelId: string): number;
  /** Waits until the transaction is committed here. @throws HansaError UNKNOWN_CHANNEL, ABORTED, CHANNEL_CLOSED */
  commitStatus(channelId: string, transactionId: string, signal: CancelSignal): Promise<TransactionStatus>;
  /** Why an endorser failed, where the ledger tells more than its message does; undefined where it does not. */
  explainFailure(channelId: string, chaincode: string, failure: EndorserFailure): Promise<string | undefined>;
  blockOfTransaction(channelId: string, transactionId: string): number | undefined;
  /** Bytes of one committed block with metadata. @throws HansaError UNKNOWN_CHANNEL, BLOCK_NOT_FOUND */
  block(channelId: string, number: number): Promise<Uint8Array>;
  /**
   * Committed blocks from a number on, with metadata; waits for those that do not exist yet and ends when the signal
   * aborts or the peer stops. Listeners may be given the same bytes.
   */
  blocks(channelId: string, from: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Called after each commit on a channel, in order. Returns how to stop it. @throws HansaError UNKNOWN_CHANNEL */
  onCommit(channelId: string, listener: (block: CommittedBlock) => void): () => void;

  /** Lets calls under way finish for a moment, ends chaincodes, closes everything. */
  stop(): Promise<void>;
}

/**
 * What the gateway needs of the peer it lives in. Whoever puts peer and gateway together implements this; the gateway
 * itself knows no ledger, no disk and no process.
 */
import type { ChannelConfig } from "@hansa/channel-config";
import type { ChaincodeDefinition } from "@hansa/endorsement/lifecycle";
import type { CancelSignal, ChannelId, MspId } from "@hansa/primitives";
import type { ErrorDetail } from "./failure.js";

/** Endorser.ProcessProposal of another peer, over a connection that is kept. */
export interface EndorserClient {
  /**
   * @param signedProposal bytes of protos.SignedProposal
   * @returns bytes of protos.ProposalResponse
   * @throws RpcStatus
   */
  processProposal(signedProposal: Uint8Array, options: CallLimits): Promise<Uint8Array>;
}

export type CallLimits = { timeoutMs: number; signal?: CancelSignal };

/** Another peer of a channel. */
export type GatewayPeer = {
  readonly mspId: MspId;
  /** "host:port"; unique, and what errors name */
  readonly endpoint: string;
  /** bytes of msp.SerializedIdentity; without it the peer counts as any peer of its organisation */
  readonly identity?: Uint8Array;
  /** blocks it has, when it said so */
  readonly ledgerHeight?: number;
  /** names of the chaincodes it has ready, when it said so; without it it counts as having all */
  readonly chaincodes?: ReadonlySet<string>;
  readonly client: EndorserClient;
};

/** One node of the ordering service. */
export type GatewayOrderer = {
  /** "host:port" */
  readonly address: string;
  readonly mspId: MspId;
  /** PEM; none means no TLS */
  readonly tlsRootPems: readonly string[];
  /** name to expect in its certificate in place of the address's host */
  readonly serverName?: string;
  /**
   * Orders one envelope without the wire, where the orderer lives in the same process: bytes of common.Envelope in,
   * bytes of orderer.BroadcastResponse out.
   */
  readonly broadcast?: (envelope: Uint8Array) => Promise<Uint8Array>;
};

/** `code` is a protos.TxValidationCode. */
export type CommitOutcome = { readonly code: number; readonly blockNumber: number };

export interface GatewayHost {
  readonly mspId: MspId;
  /** "host:port" of this peer as others know it */
  readonly address: string;
  /** bytes of msp.SerializedIdentity of this peer */
  readonly identity: Uint8Array;

  /**
   * Endorser.ProcessProposal of this peer: bytes of protos.SignedProposal in, of protos.ProposalResponse out. It
   * throws when the proposal is malformed or its signer may not propose; everything else is a response.
   */
  endorseLocal(signedProposal: Uint8Array, signal: CancelSignal): Promise<Uint8Array>;

  /** The configuration in force; undefined when this peer has not joined the channel. */
  channel(channelId: ChannelId): ChannelConfig | undefined;

  /** The committed definition. */
  definition(channelId: ChannelId, chaincode: string): ChaincodeDefinition | undefined;

  /** Whether this peer can run the chaincode now. System chaincodes are not asked for. */
  hasChaincode(channelId: ChannelId, chaincode: string): boolean;

  /** Blocks that this peer has committed. */
  ledgerHeight(channelId: ChannelId): number;

  /** The other peers of the channel, those that are believed to be up. */
  peers(channelId: ChannelId): readonly GatewayPeer[];

  orderers(channelId: ChannelId): readonly GatewayOrderer[];

  /** Waits until the transaction is committed here. Rejects when the signal aborts. */
  commitStatus(channelId: ChannelId, transactionId: string, signal: CancelSignal): Promise<CommitOutcome>;

  /** Why an endorser failed, where the ledger tells more than its message does; undefined where it does not. */
  explainFailure?(channelId: ChannelId, chaincode: string, failure: ErrorDetail): Promise<string | undefined>;

  /** Number of the block that holds the transaction; undefined when none here does. */
  blockOfTransaction(channelId: ChannelId, transactionId: string): number | undefined | Promise<number | undefined>;

  /**
   * Committed blocks from a number on, bytes of common.Block with metadata; waits for those that do not exist yet and
   * ends when the signal aborts. Listeners may be given the same bytes.
   */
  blocks(channelId: ChannelId, from: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

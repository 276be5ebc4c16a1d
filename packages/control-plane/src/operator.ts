/** What the control plane asks of whoever runs the networks. */
import type { Act, GovernanceState, MemberIdentity, VotingPolicy } from "@hansa/governance";
import type { UnixMs } from "@hansa/primitives";

export interface NetworkOperator {
  /** Every network of this data home whose governance is known, running or not. */
  networks(): readonly OperatedNetwork[];
  network(networkId: string): OperatedNetwork | undefined;
  /**
   * Makes a network with its first member and starts it. Resolves when it serves. The same networkId again continues
   * what was begun, or gives what is there.
   * @throws HansaError; nothing is left behind then
   */
  create(founding: Founding): Promise<OperatedNetwork>;
  /** Called when a network appears or goes. Returns what ends it. */
  onChange(listener: () => void): () => void;
}

export type Founding = {
  /** "n-" and 26 base32 characters. */
  readonly networkId: string;
  readonly name: string;
  readonly description?: string;
  readonly frameworkVersion: string;
  readonly edition: "STARTER" | "STANDARD";
  readonly policy: VotingPolicy;
  /** Most members; 0: none. */
  readonly memberLimit: number;
  readonly simulatedClock: boolean;
  readonly member: JoiningMember;
  /** Certificates carry the names that the managed service would give in this region, besides their own. */
  readonly region?: string;
};

export type JoiningMember = {
  readonly memberId: string;
  readonly name: string;
  readonly description?: string;
  readonly accountId: string;
  /** Registered at the member's authority with the admin role. */
  readonly adminUsername: string;
  readonly adminPassword: string;
};

export type NodeState = "starting" | "running" | "restarting" | "stopped";

export type OperatedNode = {
  /** "nd-…" for peers; "orderer", "ca.<member id>" for the others. */
  readonly nodeId: string;
  readonly kind: "orderer" | "ca" | "peer";
  /** Absent for an orderer. */
  readonly memberId?: string;
  readonly state: NodeState;
  /** host:port on loopback. */
  readonly address: string;
  /** Host name in its certificate. */
  readonly host: string;
  readonly lastFailure?: string;
  /** Bytes on disk; only when they were asked for. */
  readonly storageBytes?: number;
};

export type Ordered = {
  readonly networkId: string;
  readonly sequenceNo: number;
  readonly entryIndex: number;
  readonly at: UnixMs;
};

/** How much of a channel is known: the strand that the orderers keep of it, and how many of its blocks. */
export type WrittenUpTo = { readonly channel: string; readonly strandId: string; readonly blocks: number };

/** What the envelopes of a member come to in one block, at the network's time. */
export type Writing = { readonly memberId: string; readonly at: UnixMs; readonly bytes: number };

export type Written = { readonly upTo: WrittenUpTo; readonly writings: readonly Writing[] };

export interface OperatedNetwork {
  readonly networkId: string;
  /** As of the newest record that was seen; every submitted act is in it when `submit` resolves. */
  readonly governance: GovernanceState;
  /** The network's own time, simulated advances included. */
  now(): UnixMs;
  onGovernance(listener: (state: GovernanceState, act: Act, at: UnixMs) => void): () => void;
  /**
   * Has the acting member's authority (or the operator) sign an act and orders it.
   * @throws GovernanceRefusal when the rules do not allow it
   */
  submit(act: Act): Promise<Ordered>;
  /** Starts a new member's authority and has it make the member's identities. Idempotent by member id. */
  prepareMember(member: JoiningMember): Promise<MemberIdentity>;
  /** Undoes prepareMember for a member that did not come to be. */
  discardMember(memberId: string): Promise<void>;
  /** Starts a peer of a member, on the member's channels. Resolves when it serves them. Idempotent by node id. */
  createNode(node: { readonly nodeId: string; readonly memberId: string; readonly region?: string }): Promise<void>;
  /** Stops a peer and deletes its data. Idempotent. */
  deleteNode(nodeId: string): Promise<void>;
  /**
   * Asks what its nodes are doing.
   * @param options `sizes`: and what they keep on disk
   */
  nodes(options?: { readonly sizes?: boolean }): Promise<readonly OperatedNode[]>;
  /** The same without asking, for as long as it is certain that a change would have been told. */
  nodesNow(): readonly OperatedNode[] | undefined;
  /** Copies a log to the member's log groups from now on, or stops doing so. */
  setLogging(target: LogTarget, on: boolean): Promise<void>;
  /** Channels with the ids of their members. */
  channels(): Promise<readonly { readonly name: string; readonly members: readonly string[] }[]>;
  /**
   * What members wrote to the channels beyond what is known, as far as one answer goes. Empty: everything is known. A
   * channel that begins anew has another strand, and tells from its first block on.
   */
  written(known: readonly WrittenUpTo[]): Promise<readonly Written[]>;
  /** What the update of each channel would be, in words, if the proposal passed now. */
  preview(
    proposed: Pick<import("@hansa/governance").Proposed, "invitations" | "removals" | "newPolicy" | "channels">,
  ): Promise<readonly { readonly channelId: string; readonly changes: readonly string[] }[]>;
}

export type LogTarget =
  | { readonly kind: "ca"; readonly memberId: string }
  | { readonly kind: "peer" | "chaincode"; readonly nodeId: string };

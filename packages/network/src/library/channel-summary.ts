/** A channel at a glance: its members and rules, and where each node's copy of it stands. */
import { ChannelConfig } from "@hansa/channel-config";
import { formatPolicy } from "@hansa/msp";
import { HansaError, messageOf } from "@hansa/primitives";
import { orderersOf } from "../client/serving-orderer.js";
import { ordererChannel } from "../membership/participation.js";
import { readLedgers } from "./ledgers.js";
import type { NetworkView } from "./network-view.js";

export type NodeCopy = {
  readonly node: string;
  /** count of blocks; undefined where the node does not say */
  readonly height: number | undefined;
  /** hash of the newest block's header, hex; empty where it was not asked */
  readonly blockHash: string;
  readonly state: string;
};

export type ChannelSummary = {
  readonly channel: string;
  /** of the configuration in force, and the block that brought it */
  readonly sequence: number;
  readonly configBlock: number;
  readonly members: readonly {
    readonly mspId: string;
    readonly anchorPeers: readonly string[];
  }[];
  readonly ordererOrganizations: readonly string[];
  readonly ordererEndpoints: readonly string[];
  readonly consensusType: string;
  readonly batch: {
    readonly timeoutMs: number;
    readonly maxMessageCount: number;
    readonly absoluteMaxBytes: number;
    readonly preferredMaxBytes: number;
  };
  readonly capabilities: {
    readonly channel: readonly string[];
    readonly orderer: readonly string[];
    readonly application: readonly string[];
  };
  /** path → rule over principals; absent where nobody satisfies it */
  readonly policies: Readonly<Record<string, string>>;
  readonly nodes: readonly NodeCopy[];
};

const SHOWN_POLICIES = [
  "/Channel/Application/Admins",
  "/Channel/Application/Writers",
  "/Channel/Application/Readers",
  "/Channel/Application/Endorsement",
  "/Channel/Application/LifecycleEndorsement",
  "/Channel/Orderer/Admins",
];

/** @throws HansaError UNKNOWN_CHANNEL, NODE_UNREACHABLE */
export async function summarizeChannel(view: NetworkView, channelId: string): Promise<ChannelSummary> {
  const settings = await view.settings(channelId);
  const { config, blockNumber } = await settings.config();
  const loaded = ChannelConfig.load(channelId, config);
  const { batchTimeoutMs, maxMessageCount, absoluteMaxBytes, preferredMaxBytes, consensusType } = loaded.orderer;
  const policies = SHOWN_POLICIES.flatMap((path) => {
    const rule = loaded.signaturePolicy(path);
    return rule === undefined ? [] : [[path, formatPolicy(rule)] as const];
  });
  return {
    channel: channelId,
    sequence: Number(loaded.sequence),
    configBlock: blockNumber,
    members: loaded.applicationOrgs().map(({ mspId, anchorPeers }) => ({
      mspId,
      anchorPeers: anchorPeers.map(({ host, port }) => `${host}:${port}`),
    })),
    ordererOrganizations: loaded.ordererOrgs().map(({ mspId }) => mspId),
    ordererEndpoints: loaded.ordererEndpoints().map(({ address }) => address),
    consensusType,
    batch: { timeoutMs: batchTimeoutMs, maxMessageCount, absoluteMaxBytes, preferredMaxBytes },
    capabilities: {
      channel: [...loaded.capabilities.channel],
      orderer: [...loaded.capabilities.orderer],
      application: [...loaded.capabilities.application],
    },
    policies: Object.fromEntries(policies),
    nodes: (await Promise.all([ordererCopies(view, channelId), peerCopies(view, channelId)])).flat(),
  };
}

function ordererCopies(view: NetworkView, channelId: string): Promise<NodeCopy[]> {
  return Promise.all(
    orderersOf(view).map(async (orderer): Promise<NodeCopy> => {
      try {
        const { height, status } = await ordererChannel(view, channelId, orderer);
        return { node: orderer.id, height, blockHash: "", state: status };
      } catch (error) {
        if (!(error instanceof HansaError)) throw error;
        return { node: orderer.id, height: undefined, blockHash: "", state: messageOf(error) };
      }
    }),
  );
}

async function peerCopies(view: NetworkView, channelId: string): Promise<NodeCopy[]> {
  const channel = view.config.channels.find(({ name }) => name === channelId);
  const organizations = channel === undefined ? [] : await view.deployingOrgs(channel);
  const peers = organizations.flatMap(({ peers, ...org }) => peers.map((peer) => ({ ...org, peers: [peer] })));
  return Promise.all(
    peers.map(async (one): Promise<NodeCopy> => {
      try {
        const [ledger] = await readLedgers(channelId, [one]);
        return { node: ledger!.peer, height: ledger!.height, blockHash: ledger!.blockHash, state: "active" };
      } catch (error) {
        if (!(error instanceof HansaError)) throw error;
        return { node: one.peers[0]!.name, height: undefined, blockHash: "", state: messageOf(error) };
      }
    }),
  );
}

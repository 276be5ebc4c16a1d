/** What a peer's gateway asks of its peer and of the network around it. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { GatewayHost, GatewayOrderer } from "@hansa/gateway";
import type { RunningPeer } from "@hansa/peer";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import type { Neighbours } from "./neighbours.js";

export type Surroundings = {
  /** Channels name orderers by address, and TLS wants a name; undefined when the address will do. */
  serverNameOf?(ordererAddress: string): string | undefined;
  /** The network's other nodes in this process, when there are any. */
  readonly neighbours?: Neighbours | undefined;
};

export function gatewayHost(peer: RunningPeer, { serverNameOf, neighbours }: Surroundings): GatewayHost {
  // Asked for with each transaction, and the same until the configuration changes.
  const ordererNodes = new WeakMap<ChannelConfig, readonly GatewayOrderer[]>();
  return {
    mspId: peer.mspId,
    get address() {
      return peer.address;
    },
    identity: peer.identity,
    endorseLocal: (proposal, signal) => peer.endorseLocal(proposal, signal),
    channel: (channelId) => peer.channel(channelId),
    definition: (channelId, chaincode) => peer.definition(channelId, chaincode),
    hasChaincode: (channelId, chaincode) => peer.hasChaincode(channelId, chaincode),
    ledgerHeight: (channelId) => peer.ledgerHeight(channelId),
    peers: (channelId) =>
      peer.others(channelId).map(({ mspId, address, connection, identity, ledgerHeight }) => ({
        mspId,
        endpoint: address,
        client: connection,
        ...(identity && { identity }),
        ...(ledgerHeight !== undefined && { ledgerHeight }),
      })),
    orderers: (channelId) => {
      const config = peer.channel(channelId);
      if (config === undefined) return [];
      let nodes = ordererNodes.get(config);
      if (nodes === undefined) {
        nodes = config.ordererEndpoints().map(({ mspId, address }) => ({
          mspId,
          address,
          tlsRootPems: config.ordererTlsRoots(mspId),
          ...serverName(serverNameOf?.(address)),
        }));
        ordererNodes.set(config, nodes);
      }
      if (neighbours === undefined) return nodes;
      return nodes.map((node) =>
        neighbours.orderer(node.address) === undefined
          ? node
          : { ...node, broadcast: broadcastInside(node.address, neighbours) },
      );
    },
    commitStatus: (channelId, txId, signal) => peer.commitStatus(channelId, txId, signal),
    explainFailure: (channelId, chaincode, failure) => peer.explainFailure(channelId, chaincode, failure),
    blockOfTransaction: (channelId, txId) => peer.blockOfTransaction(channelId, txId),
    blocks: (channelId, from, signal) => peer.blocks(channelId, from, signal),
  };
}

function serverName(name: string | undefined): { serverName?: string } {
  return name === undefined ? {} : { serverName: name };
}

function broadcastInside(address: string, neighbours: Neighbours): (envelope: Uint8Array) => Promise<Uint8Array> {
  return (envelope) => {
    const orderer = neighbours.orderer(address);
    if (orderer === undefined)
      return Promise.reject(new RpcStatus(GrpcStatus.UNAVAILABLE, `the orderer at ${address} has stopped`));
    return orderer.broadcast(envelope);
  };
}

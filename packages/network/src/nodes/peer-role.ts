import { readFile } from "node:fs/promises";
import path from "node:path";
import { createGateway, type Gateway, type GatewayHost, type GatewayPeer } from "@hansa/gateway";
import { mspConfigFromFiles } from "@hansa/msp";
import { connectPeer, type PeerConnection, type RunningPeer, startPeer } from "@hansa/peer";
import type { Logger } from "@hansa/primitives";
import { GrpcStatus, RpcStatus } from "@hansa/transport";
import { services } from "@hansa/wire";
import { readIdentityFile } from "../identity/material.js";
import { channelPeers, type ReachablePeer } from "./channel-peers.js";
import type { Neighbours } from "./neighbours.js";
import type { RunningRole } from "./role.js";
import { readMspFolder, readServerIdentity } from "./server-identity.js";
import type { ServerSpec } from "./specs.js";

/** Waiting for a commit or for events counts too. Source: hyperledger/fabric, sampleconfig/core.yaml (gatewayService). */
const GATEWAY_CALLS = 500;

/** Starts a peer with the gateway in it, and joins it to the channels of its specification that are new to it. */
export async function peerRole(config: unknown, logger: Logger, neighbours?: Neighbours): Promise<RunningRole> {
  const spec = config as ServerSpec;
  const [{ identity, tls }, mspFiles, others] = await Promise.all([
    readServerIdentity(spec),
    readMspFolder(spec.organizationMspFolder),
    connectPeers(spec, neighbours),
  ]);
  let gateway: Gateway | undefined;
  let running: RunningPeer | undefined;
  const inFile = new Set(spec.genesisBlocks.map((file) => path.basename(file, ".block")));
  const othersOn = (channelId: string): OtherPeer[] => {
    const organizations = running?.channel(channelId)?.applicationOrgs() ?? [];
    const mspIds = organizations.map(({ mspId }) => mspId);
    return channelPeers(others, channelId, inFile.has(channelId), mspIds);
  };
  const peer = await startPeer({
    name: spec.id,
    identity,
    localMsp: mspConfigFromFiles(mspFiles, spec.mspId),
    listenAddress: spec.address,
    tls,
    dataDirectory: spec.dataFolder,
    chaincode: {
      execution: spec.contractsRun === "peer" ? "inside" : "process",
      executeTimeoutMs: spec.contractTimeouts.executeMs,
      startupTimeoutMs: spec.contractTimeouts.startMs,
    },
    // Channels name the orderer by address, and TLS wants a name.
    ordererOverrides: {
      [spec.orderer.address]: {
        address: spec.orderer.address,
        serverName: spec.orderer.host,
        deliver: () => neighbours?.orderer(spec.orderer.address)?.deliver,
      },
    },
    otherPeers: (channelId) =>
      othersOn(channelId).map(({ peer: { mspId, endpoint, client } }) => ({
        mspId,
        address: endpoint,
        connection: client,
      })),
    mount: (mounted) => {
      running = mounted;
      gateway = createGateway(gatewayHost(mounted, spec, othersOn, neighbours), { tlsIdentity: tls });
      mounted.server.addService(services.Gateway, gateway.handlers, { maxConcurrentCalls: GATEWAY_CALLS });
    },
    logger,
  });
  const leave = neighbours?.addPeer(spec.address, peer);
  const stop = async () => {
    leave?.();
    gateway?.close();
    await peer.stop();
    for (const other of others) other.close();
  };
  try {
    const joined = peer.channelIds();
    for (const file of spec.genesisBlocks)
      if (!joined.includes(path.basename(file, ".block"))) await peer.join(await readFile(file));
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

type OtherPeer = ReachablePeer & {
  readonly peer: GatewayPeer & { readonly client: PeerConnection };
  close(): void;
};

/** The network's other peers, as its file names them: a network of one file needs no gossip to find them. */
async function connectPeers(spec: ServerSpec, neighbours: Neighbours | undefined): Promise<OtherPeer[]> {
  return Promise.all(
    spec.otherPeers.map(async ({ mspId, address, host, tlsRootFile, channels }) => {
      const connection = connectPeer(address, {
        rootPems: [await readIdentityFile(tlsRootFile)],
        serverName: host,
      });
      const client: PeerConnection = {
        processProposal: (proposal, limits) => {
          const neighbour = neighbours?.peer(address);
          if (neighbour === undefined) return connection.processProposal(proposal, limits);
          return neighbour.endorseLocal(proposal, limits.signal);
        },
        pushPrivate: (writes, limits) => connection.pushPrivate(writes, limits),
        close: () => connection.close(),
      };
      return { mspId, peer: { mspId, endpoint: address, client }, channels, close: () => client.close() };
    }),
  );
}

function gatewayHost(
  peer: RunningPeer,
  spec: ServerSpec,
  othersOn: (channelId: string) => OtherPeer[],
  neighbours: Neighbours | undefined,
): GatewayHost {
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
    peers: (channelId) => othersOn(channelId).map((other) => other.peer),
    orderers: (channelId) => {
      const config = peer.channel(channelId);
      if (config === undefined) return [];
      return config.ordererEndpoints().map(({ mspId, address }) => ({
        mspId,
        address,
        tlsRootPems: config.ordererTlsRoots(mspId),
        ...(address === spec.orderer.address ? { serverName: spec.orderer.host } : {}),
        ...(neighbours?.orderer(address) === undefined ? {} : { broadcast: broadcastInside(address, neighbours) }),
      }));
    },
    commitStatus: (channelId, txId, signal) => peer.commitStatus(channelId, txId, signal),
    blockOfTransaction: (channelId, txId) => peer.blockOfTransaction(channelId, txId),
    blocks: (channelId, from, signal) => peer.blocks(channelId, from, signal),
  };
}

function broadcastInside(address: string, neighbours: Neighbours): (envelope: Uint8Array) => Promise<Uint8Array> {
  return (envelope) => {
    const orderer = neighbours.orderer(address);
    if (orderer === undefined)
      return Promise.reject(new RpcStatus(GrpcStatus.UNAVAILABLE, `the orderer at ${address} has stopped`));
    return orderer.broadcast(envelope);
  };
}

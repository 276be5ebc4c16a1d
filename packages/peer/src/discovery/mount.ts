/** Puts the view of the other peers and the discovery service together with the peer that they belong to. */
import type { ChannelConfig } from "@hansa/channel-config";
import type { ChaincodeDefinition } from "@hansa/endorsement/lifecycle";
import { listDefinitions } from "@hansa/endorsement/lifecycle";
import type { MspManager, SigningIdentity } from "@hansa/msp";
import { type Clock, type MspId, NO_BYTES, toUtf8 } from "@hansa/primitives";
import type { RpcServer, TlsClient } from "@hansa/transport";
import { decode, msp, services } from "@hansa/wire";
import type { PeerChannel } from "../channel.js";
import { DISCOVERY_DEFAULTS, MEMBERSHIP_DEFAULTS, type PeerConfig } from "../config.js";
import type { ChannelState } from "../membership/gossip-messages.js";
import { Membership } from "../membership/membership.js";
import { connectPeer } from "../peer-connection.js";
import { DiscoveryService } from "./service.js";

export type DiscoveryParts = {
  readonly config: PeerConfig;
  readonly signer: SigningIdentity;
  readonly localMsp: MspManager;
  readonly server: RpcServer;
  readonly channels: () => readonly PeerChannel[];
  readonly definition: (channelId: string, chaincode: string) => ChaincodeDefinition | undefined;
  readonly hasChaincode: (channelId: string, chaincode: string) => boolean;
  /** "host:port" as others know this peer. */
  readonly address: () => string;
  readonly clock: Clock;
  /** How far the time of another peer's question may be from the clock. */
  readonly windowMs: number;
};

/** Discovery is cheap, yet a plan over many organisations takes a while. */
const MAX_DISCOVERIES = 500;
const MAX_EXCHANGES = 100;

/** The membership is not started: others could not reach this peer yet. */
export function mountDiscovery(parts: DiscoveryParts): Membership {
  const { config, signer, localMsp, server, channels, clock, windowMs } = parts;
  const { logger } = config;
  const { bootstrap, ...times } = { ...MEMBERSHIP_DEFAULTS, ...config.membership };
  const discovery = { ...DISCOVERY_DEFAULTS, ...config.discovery };
  const membership = new Membership({
    signer,
    endpoint: parts.address,
    localMsp,
    channels: () =>
      channels().map((channel) => ({ config: channel.config(), state: () => stateOf(channel, parts.hasChaincode) })),
    named: (channel) => config.otherPeers?.(channel) ?? [],
    bootstrap,
    connect: (address, mspId) =>
      connectPeer(
        address,
        tlsTo(
          mspId,
          config,
          channels().map((channel) => channel.config()),
        ),
      ),
    times,
    windowMs,
    clock,
    logger,
  });
  server.addService(services.Membership, { Exchange: membership.answer }, { maxConcurrentCalls: MAX_EXCHANGES });
  if (!discovery.enabled) return membership;
  const service = new DiscoveryService({
    mspId: signer.mspId,
    localMsp,
    channel: (channelId) => {
      const channel = channels().find((each) => each.channelId === channelId);
      return channel && { config: channel.config(), definition: (name) => parts.definition(channelId, name) };
    },
    membership,
    orgMembersAllowedAccess: discovery.orgMembersAllowedAccess,
    mutualTls: config.tls?.requireClientCert ?? false,
    now: () => clock.now(),
    logger,
  });
  server.addService(services.Discovery, { Discover: service.discover }, { maxConcurrentCalls: MAX_DISCOVERIES });
  return membership;
}

async function stateOf(channel: PeerChannel, hasChaincode: DiscoveryParts["hasChaincode"]): Promise<ChannelState> {
  const { channelId, ledger } = channel;
  const definitions = await listDefinitions(ledger.state);
  const ready = definitions.filter(({ name }) => hasChaincode(channelId, name));
  // The lifecycle's own chaincode is everywhere, and named so that it can be asked for.
  const chaincodes = new Map([["_lifecycle", 1], ...ready.map(({ name, sequence }) => [name, sequence] as const)]);
  return { height: channel.height(), chaincodes };
}

/** An organisation's peers are known by the TLS roots that it published; a stranger's by anybody's. */
function tlsTo(
  mspId: MspId | undefined,
  { tls, clientTls = tls, localMsp }: PeerConfig,
  channels: readonly ChannelConfig[],
): TlsClient | undefined {
  if (tls === undefined || clientTls === undefined) return undefined;
  const own = decode(msp.FabricMSPConfig, localMsp.config ?? NO_BYTES, "msp.FabricMSPConfig");
  const isWanted = (candidate: MspId) => mspId === undefined || candidate === mspId;
  const roots = [
    ...(isWanted(own.name) ? [...own.tlsRootCerts, ...own.tlsIntermediateCerts].map(toUtf8) : []),
    ...channels.flatMap((channel) =>
      channel
        .applicationOrgs()
        .filter((organization) => isWanted(organization.mspId))
        .flatMap((organization) => channel.tlsRoots(organization.mspId)),
    ),
  ];
  return { rootPems: [...new Set(roots)], certPem: clientTls.certPem, keyPem: clientTls.keyPem };
}

import { readFile } from "node:fs/promises";
import path from "node:path";
import { createGateway, type Gateway } from "@hansa/gateway";
import { mspConfigFromFiles } from "@hansa/msp";
import { LIMIT_DEFAULTS, startPeer } from "@hansa/peer";
import { services } from "@hansa/wire";
import { gatewayHost } from "./gateway-host.js";
import type { NodeLogger } from "./log.js";
import type { Neighbours } from "./neighbours.js";
import { operationsConfig } from "./operations.js";
import { OtherPeers } from "./other-peers.js";
import type { RunningRole } from "./role.js";
import { readMspFolder, readServerIdentity } from "./server-identity.js";
import type { ServerSpec } from "./specs.js";

/** Starts a peer with the gateway in it, and joins it to the channels of its specification that are new to it. */
export async function peerRole(config: unknown, logger: NodeLogger, neighbours?: Neighbours): Promise<RunningRole> {
  const spec = config as ServerSpec;
  const others = new OtherPeers(neighbours);
  const [{ identity, tls }, mspFiles] = await Promise.all([
    readServerIdentity(spec),
    readMspFolder(spec.organizationMspFolder),
    others.follow(spec.otherPeers),
  ]);
  let gateway: Gateway | undefined;
  const serverNameOf = (address: string) => spec.orderers.find((orderer) => orderer.address === address)?.host;
  const peer = await startPeer({
    name: spec.id,
    identity,
    localMsp: mspConfigFromFiles(mspFiles, spec.mspId),
    listenAddress: spec.address,
    tls,
    dataDirectory: spec.dataFolder,
    chaincode: {
      execution: spec.contractsRun === "peer" ? "inside" : spec.contractsRun,
      ...(spec.contractMemoryMb === undefined ? {} : { maxMemoryMb: spec.contractMemoryMb }),
      executeTimeoutMs: spec.contractTimeouts.executeMs,
      startupTimeoutMs: spec.contractTimeouts.startMs,
    },
    // Channels name the orderers by address, and TLS wants a name.
    ordererOverrides: Object.fromEntries(
      spec.orderers.map(({ address, host }) => [
        address,
        { address, serverName: host, deliver: () => neighbours?.orderer(address)?.deliver },
      ]),
    ),
    otherPeers: (channel) => others.of(channel.applicationOrgs().map(({ mspId }) => mspId)),
    operations: operationsConfig(spec.operations, logger, tls),
    mount: (mounted) => {
      gateway = createGateway(gatewayHost(mounted, { serverNameOf, neighbours }), {
        tlsIdentity: tls,
        isDebugging: () => mounted.isDebugging(),
      });
      mounted.server.addService(services.Gateway, gateway.handlers, {
        maxConcurrentCalls: LIMIT_DEFAULTS.gatewayConcurrency,
      });
    },
    logger,
  });
  const leave = neighbours?.addPeer(spec.address, peer);
  const stop = async () => {
    leave?.();
    gateway?.close();
    await peer.stop();
    others.close();
  };
  const joinNew = async ({ genesisBlocks }: ServerSpec) => {
    const joined = [...peer.channelIds(), ...peer.pausedChannelIds()];
    const added = genesisBlocks.filter((file) => !joined.includes(path.basename(file, ".block")));
    await Promise.all(added.map(async (file) => peer.join(await readFile(file))));
  };
  try {
    await joinNew(spec);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    async reconfigure(changed) {
      const { otherPeers } = changed as ServerSpec;
      await others.follow(otherPeers);
      await joinNew(changed as ServerSpec);
    },
  };
}

import { readFile } from "node:fs/promises";
import path from "node:path";
import { startOrderer } from "@hansa/orderer";
import { readJetStream } from "./jetstream-files.js";
import type { NodeLogger } from "./log.js";
import type { Neighbours } from "./neighbours.js";
import { operationsConfig } from "./operations.js";
import type { RunningRole } from "./role.js";
import { readServerIdentity } from "./server-identity.js";
import type { ServerSpec } from "./specs.js";

/** Starts an orderer and joins it to the channels of its specification that are new to it. */
export async function ordererRole(config: unknown, logger: NodeLogger, neighbours?: Neighbours): Promise<RunningRole> {
  const spec = config as ServerSpec;
  const { identity, tls } = await readServerIdentity(spec);
  const orderer = await startOrderer({
    name: spec.id,
    dataFolder: spec.dataFolder,
    identity,
    listen: { address: spec.address, tls },
    admin:
      spec.adminAddress === undefined
        ? undefined
        : { address: spec.adminAddress, tls: { ...tls, clientCaPems: [tls.caPem] } },
    ...(spec.jetstream === undefined ? {} : { ordering: await readJetStream(spec.jetstream) }),
    ...(spec.networkId === undefined ? {} : { networkId: spec.networkId }),
    operations: operationsConfig(spec.operations, logger, tls),
    batching: spec.batching,
    logger,
  });
  const joinNew = async ({ genesisBlocks }: ServerSpec) => {
    const joined = orderer.channels().map((channel) => channel.channelId);
    for (const file of genesisBlocks)
      if (!joined.includes(path.basename(file, ".block"))) await orderer.join(await readFile(file));
  };
  try {
    await joinNew(spec);
  } catch (error) {
    await orderer.stop();
    throw error;
  }
  const leave = neighbours?.addOrderer(spec.address, orderer);
  return {
    reconfigure: (changed) => joinNew(changed as ServerSpec),
    stop: () => {
      leave?.();
      return orderer.stop();
    },
  };
}

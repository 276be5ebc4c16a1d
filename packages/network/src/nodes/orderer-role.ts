import { readFile } from "node:fs/promises";
import path from "node:path";
import { type OrdererConfig, startOrderer } from "@hansa/orderer";
import { readIdentityFile } from "../identity/material.js";
import type { NodeLogger } from "./log.js";
import type { Neighbours } from "./neighbours.js";
import { operationsConfig } from "./operations.js";
import type { RunningRole } from "./role.js";
import { readServerIdentity } from "./server-identity.js";
import type { JetStreamSpec, ServerSpec } from "./specs.js";

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

async function readJetStream({
  servers,
  replicas,
  tls,
  credentials,
}: JetStreamSpec): Promise<OrdererConfig["ordering"]> {
  const read = async (file: string | undefined) => (file === undefined ? undefined : await readIdentityFile(file));
  const [caPem, certPem, keyPem, secret] = await Promise.all([tls?.ca, tls?.cert, tls?.key, credentials].map(read));
  return {
    engine: "jetstream",
    servers,
    replicas,
    ...(caPem === undefined ? {} : { tls: { caPem, ...(certPem && keyPem ? { certPem, keyPem } : {}) } }),
    ...(secret === undefined ? {} : { credentials: credentialsOf(secret) }),
  };
}

/** A .creds file has a frame around its parts; a user key's seed stands alone. */
function credentialsOf(secret: string) {
  return secret.includes("-----BEGIN") ? { creds: secret } : { nkeySeed: secret.trim() };
}

/** Starts one ordering node. */
import path from "node:path";
import type { ChannelConfig } from "@hansa/channel-config";
import { privateKeyFromPem } from "@hansa/crypto";
import { createSigningIdentity, type SigningIdentity } from "@hansa/msp";
import type { Logger } from "@hansa/primitives";
import { FileJournalStore, FolderLock, MemoryJournalStore } from "@hansa/storage/journal";
import { ClientRoots, RpcServer, type Send } from "@hansa/transport";
import { orderer as ab, encode, services } from "@hansa/wire";
import { AdminServer } from "./admin-server.js";
import { broadcastHandler, broadcastOne } from "./broadcast.js";
import { type OrdererConfig, type ResolvedConfig, resolveConfig } from "./config.js";
import { deliverHandler, deliverOne } from "./deliver.js";
import { embeddedEngine } from "./embedded-engine.js";
import type { EngineFactory } from "./engine.js";
import type { GovernanceOrder, GovernanceStrandOptions } from "./governance-order.js";
import { type GovernanceCalls, governanceCalls, governanceHandlers } from "./governance-service.js";
import { GovernanceStrand } from "./governance-strand.js";
import { journalHandlers } from "./journal-service.js";
import { OrdererMeasures, startOperations } from "./measures.js";
import { participationApi } from "./participation.js";
import { Registrar } from "./registrar.js";
import { WitnessDesks } from "./witness/desks.js";

export type RunningOrderer = {
  /** Where Broadcast, Deliver and the journal answer. */
  readonly address: string;
  readonly port: number;
  /** Where channel participation answers, if it was asked for. */
  readonly admin: { readonly address: string; readonly port: number; readonly url: string } | undefined;
  /** Where health, metrics, log levels and version are asked for; undefined when they are not served. */
  readonly operationsUrl: string | undefined;
  channels(): { readonly channelId: string; readonly height: number }[];
  /**
   * Broadcast for callers in the same process: the encoded orderer.BroadcastResponse to one envelope.
   * @throws RpcStatus INTERNAL when the bytes are no envelope
   */
  broadcast(envelope: Uint8Array): Promise<Uint8Array>;
  /**
   * Deliver for callers in the same process: every encoded orderer.DeliverResponse to one signed seek goes to `send`,
   * the last one being a status. Blocks are the same bytes for all who follow.
   */
  deliver(seekEnvelope: Uint8Array, send: Send, signal: AbortSignal): Promise<void>;
  /** The members' acts, for callers in the same process. */
  readonly governance: GovernanceCalls;
  /** Joins a channel at its genesis block, as `osnadmin channel join` does. @throws ParticipationError */
  join(genesisBlock: Uint8Array): Promise<void>;
  /** @throws ParticipationError */
  remove(channelId: string): Promise<void>;
  /** Takes no more messages, makes what was admitted durable, answers it, and closes. */
  stop(): Promise<void>;
};

const STOP_GRACE_MS = 1_000;

/**
 * @throws HansaError for a configuration that does not fit, a port in use, or a key that is not the certificate's;
 *   JournalError when the data folder is damaged
 */
export async function startOrderer(given: OrdererConfig): Promise<RunningOrderer> {
  const config = resolveConfig(given);
  const { clock, random, listen, dataFolder, verifyBytes } = config;
  const logger = config.logger.child({ node: config.name });
  /** By the names that Fabric has for these parts, so that its log specifications fit. */
  const part = (name: string) => logger.child({ logger: name });
  const identity = signingIdentity(config.identity);
  const store =
    dataFolder === undefined
      ? new MemoryJournalStore()
      : new FileJournalStore(path.join(dataFolder, "journal"), { logger, verifyBytes });
  const { tailCacheBytes, maxBacklogMessages, timeWindowMs } = config;
  const { engine, openGovernance, closeEngine } = await engineOf(config, logger);
  const measures = new OrdererMeasures();
  const clientRoots = listen.tls?.requireClientCert === true ? new ClientRoots(listen.tls) : undefined;
  const onConfig = (config: ChannelConfig) => clientRoots?.set(config.channelId, config.allTlsRoots());
  const { chain: meter } = measures;
  const channel = { identity, engine, tailCacheBytes, maxBacklogMessages, clock, random, meter, onConfig };
  let lock: FolderLock | undefined;
  const closing: (() => Promise<void>)[] = [async () => lock?.release(), () => store.close(), closeEngine];
  const close = async () => {
    for (const each of closing.splice(0).reverse()) await each();
  };
  try {
    if (dataFolder !== undefined) lock = FolderLock.acquire(path.join(dataFolder, "journal"));
    const registrar = await Registrar.open({
      store,
      channel,
      refuses: config.refuses,
      onChannel: (channel) => {
        onConfig(channel);
        config.onChannel?.(channel);
      },
      logger: part("orderer.common.multichannel"),
    });
    closing.push(() => registrar.halt("chain is stopped"));
    const governance = await openGovernance({ store, identity, clock, logger: part("governance") });
    closing.push(() => governance.halt("the ordering node is stopping"));

    const server = new RpcServer({ logger: part("comm.grpc.server"), tls: listen.tls, meter: measures.grpc });
    const mutualTls = listen.tls?.requireClientCert === true;
    const deliverOptions = {
      channels: registrar,
      timeWindowMs,
      mutualTls,
      meter: measures.deliver,
      clock,
      logger: part("common.deliver"),
    };
    server.addService(services.AtomicBroadcast, {
      Broadcast: broadcastHandler(registrar, measures),
      Deliver: deliverHandler(deliverOptions),
    });
    const witnesses = new WitnessDesks({
      folder: dataFolder === undefined ? undefined : path.join(dataFolder, "witnessed"),
      settings: config.witnesses,
      clock,
      logger: part("witness"),
    });
    closing.push(() => witnesses.close());
    const journalOptions = { ...deliverOptions, identity, governance, witnesses };
    server.addService(services.Journal, journalHandlers(journalOptions));
    server.addService(services.Governance, governanceHandlers(journalOptions));
    const { address, port } = await server.listen(listen.address);
    clientRoots?.attach(server);
    closing.push(() => server.stop({ graceMs: STOP_GRACE_MS }));

    const admin =
      config.admin &&
      new AdminServer(config.admin, participationApi(registrar), part("orderer.common.channelparticipation"));
    const adminAt = await admin?.listen();
    if (admin !== undefined) closing.push(() => admin.stop());

    const figures = () =>
      registrar.names().flatMap((channelId) => {
        const found = registrar.get(channelId);
        return found === undefined ? [] : [{ channelId, height: found.height, isFailed: found.isFailed }];
      });
    const sources = { channels: figures, governanceHeight: () => governance.height, logger };
    const operations = config.operations && (await startOperations(config.operations, measures, sources));
    if (operations !== undefined) closing.push(() => operations.stop());

    logger.info("orderer started", { address, admin: adminAt?.address, channels: registrar.names().length });
    return {
      address,
      port,
      admin: adminAt,
      operationsUrl: operations?.url,
      channels: () => figures().map(({ channelId, height }) => ({ channelId, height })),
      broadcast: async (envelope) => encode(ab.BroadcastResponse, await broadcastOne(registrar, measures, envelope)),
      deliver: (seekEnvelope, send, signal) => deliverOne(seekEnvelope, deliverOptions, signal, send),
      governance: governanceCalls(journalOptions),
      join: async (genesisBlock) => {
        await registrar.join(genesisBlock);
      },
      remove: (channelId) => registrar.remove(channelId),
      stop: async () => {
        // First the chains, so that senders get their answers while the server still carries them.
        await Promise.all([registrar.halt("chain is stopped"), governance.halt("the ordering node is stopping")]);
        await close();
        logger.info("orderer stopped");
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

type Engine = {
  readonly engine: EngineFactory;
  openGovernance(options: GovernanceStrandOptions): Promise<GovernanceOrder>;
  closeEngine(): Promise<void>;
};

async function engineOf(config: ResolvedConfig, logger: Logger): Promise<Engine> {
  const { ordering, batching, pace, name, random, networkId } = config;
  if (ordering.engine === "embedded") {
    const engine = embeddedEngine({ batching, pace });
    return { engine, openGovernance: (options) => GovernanceStrand.open(options), closeEngine: async () => {} };
  }
  // The client of NATS takes a while to load, which an orderer that is needed again soon can do without.
  const [{ streamEngine }, { SharedGovernance }, { NatsStreams }] = await Promise.all([
    import("./jetstream/engine.js"),
    import("./jetstream/governance.js"),
    import("./jetstream/nats.js"),
  ]);
  const source = new NatsStreams(ordering, name, logger);
  return {
    engine: streamEngine(source, { batching, pace }),
    openGovernance: (options) => SharedGovernance.open({ ...options, source, random, networkId }),
    closeEngine: () => source.close(),
  };
}

function signingIdentity(given: OrdererConfig["identity"]): SigningIdentity {
  return "sign" in given ? given : createSigningIdentity(given.mspId, given.certPem, privateKeyFromPem(given.keyPem));
}
